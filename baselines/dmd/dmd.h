#pragma once

#include "baselines/baseline.h"

namespace windtunnel::baselines {

struct DmdOptions : core::Options {
  int64_t n_modes = 10, n_predict = 0, input_feature = 2, rank = 0;
  double dt = 1.0;

  void describe(core::OptionVisitor& v) override {
    v("n_modes", n_modes, "modes kept, those of largest amplitude; 0 keeps all", core::kNotNegative);
    v("n_predict", n_predict, "frames to predict; 0 = as many as the target has", core::kNotNegative);
    v("input_feature", input_feature, "leading channels that are fitted and predicted", core::kPositive);
    v("rank", rank, "singular values kept; 0 keeps all", core::kNotNegative);
    v("dt", dt, "time between frames; enters the published exponent only");
  }
};

/// Exact dynamic mode decomposition of one sample (complex128, modes selected and ordered).
struct DmdFit {
  at::Tensor eigenvalues;      ///< (r)
  at::Tensor modes;            ///< (n, r), n = H*W*F
  at::Tensor amplitudes;       ///< (r)
  at::Tensor singular_values;  ///< of the snapshot matrix, all of them, float64
  int64_t frames = 0;          ///< T of the fitted input
  int64_t rank = 0;            ///< singular values actually used
};

/// `snapshots` (T, n), real, T >= 2. Singular values below T or n (the larger) * 2.2e-16 * the largest carry
/// no information and are dropped, so constant and all-zero inputs work. n_modes = 0 or rank = 0: all.
DmdFit dmd_fit(const at::Tensor& snapshots, int64_t rank, int64_t n_modes);

/// Frames t = T .. T+count-1, (count, n), float64.
/// published: Re sum b Phi exp(0.0025 lambda t dt); otherwise: Re sum b Phi lambda^t.
at::Tensor dmd_predict(const DmdFit& fit, int64_t count, double dt, bool published);

/// Dynamic mode decomposition (Schmid 2010; exact variant, Tu et al. 2014), fitted to each sample's own input
/// frames. Not trainable. Output (B, n_predict, H, W, input_feature), fewer channels than the target may
/// have. compat published: the discrete eigenvalue serves as a continuous rate with the step 0.0025, so the
/// forecast stays near the first input frame; corrected: lambda^t.
class Dmd : public Baseline {
 public:
  using Options = DmdOptions;
  Dmd(const ModelContext& context, const DmdOptions& options);

  at::Tensor forward(const at::Tensor& x) override;
  DmdFit fit(const at::Tensor& sample) const;                                  ///< (T,H,W,C)
  at::Tensor predict(const DmdFit& fit, int64_t height, int64_t width) const;  ///< (n_predict,H,W,F), float64
  using Baseline::predict;

 private:
  DmdOptions options_;
  bool published_;
};

}  // namespace windtunnel::baselines

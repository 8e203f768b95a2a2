#pragma once

#include "baselines/baseline.h"
#include "baselines/mwt/cz_block.h"

namespace windtunnel::baselines {

struct MwtOptions : core::Options {
  int64_t k = 3, alpha = 2, c = 1, nCZ = 3, L = 0;
  std::string base = "legendre", kernels = "auto";

  void describe(core::OptionVisitor& v) override {
    v("k", k, "polynomials of the multiwavelet basis per axis", {1, 12});
    v("alpha", alpha, "Fourier modes kept per axis and corner", core::kPositive);
    v("c", c, "copies of the basis per point; features = c*k*k", core::kPositive);
    v("nCZ", nCZ, "multiwavelet blocks", core::kPositive);
    v("L", L, "exponent of the coarsest level, 2^L points along H", core::kNotNegative);
    v.choice("base", base, {"legendre", "chebyshev"}, "family of polynomials");
    v.choice("kernels", kernels, {"auto", "fast", "reference"},
             "Fourier kernel by truncated matrix products (fast) or FFT; no effect on results");
  }
};

/// Multiwavelet transform operator (Gupta, Xiao, Bogdan, NeurIPS 2021), (B,T,H,W,C) -> (B,T_out,H,W,C_out),
/// T_out a multiple R of T: linear C -> q at each point, nCZ blocks with ReLU between them, linear q -> 128,
/// ReLU, linear -> C_out*R (channel o*R+r is channel o of frame t*R+r). H must be a power of two, W = mult*H,
/// alpha <= T/2+1, and L = 0 if mult > 1. The modules BN.z belong to the state but are never called. compat
/// published: T0 mixes columns and time (see MwtBlock) and load_state copies what fits; corrected: columns
/// stay with their time and loading is strict.
class Mwt : public Baseline {
 public:
  using Options = MwtOptions;
  Mwt(const ModelContext& context, const MwtOptions& options);

  at::Tensor forward(const at::Tensor& x) override;
  at::Tensor to_published(const std::string& name, const at::Tensor& internal) const override;
  at::Tensor from_published(const std::string& name, const at::Tensor& published) const override;
  void load_state(const StateDict& state, const std::string& origin) override;
  std::vector<std::string> zero_gradient_parameters() const override;

 private:
  SampleShape input_, output_;
  int64_t ratio_;
  bool published_;
  std::shared_ptr<Linear> lk_, lc0_, lc1_;
  std::vector<std::shared_ptr<MwtBlock>> blocks_;
};

}  // namespace windtunnel::baselines

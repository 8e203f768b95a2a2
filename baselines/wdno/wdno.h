#pragma once

#include <ATen/core/Generator.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "baselines/baseline.h"
#include "baselines/unet/network.h"
#include "baselines/wdno/wavelet.h"

namespace windtunnel::baselines {

struct WdnoOptions : core::Options {
  int64_t dim = 64;
  std::vector<int64_t> dim_mults = {1, 2};
  std::string wave_type = "bior1.1", pad_mode = "zero", beta_schedule = "sigmoid";
  int64_t timesteps = 1000, sampling_timesteps = 0;
  double ddim_sampling_eta = 1;
  std::string rescaler, kernels = "auto";
  void describe(core::OptionVisitor& v) override;
};

/// Wavelet Diffusion Neural Operator (Hu et al., ICLR 2025): a denoising diffusion model over the one-level
/// 3-D wavelet coefficients of [input, target]; the input's coefficients are imposed as condition. T' must be
/// a multiple R of T.
///
/// A state is (B,f,h,w,Cw): coefficients / (1.4 * rescaler), each axis zero-padded at its end to a multiple
/// of 2^levels; Cw = 8 (C_in + C_out R), channel 8 c + band, c = input channels, then C_in + o R + r for
/// output channel o of the r-th run of T frames. The rescaler is the largest absolute coefficient per channel
/// over the training data.
///
/// compat `published`: the denoiser is never told the diffusion step, as published weights need; `corrected`:
/// it is.
class Wdno : public Baseline {
 public:
  using Options = WdnoOptions;
  Wdno(const ModelContext& context, const Options& options);

  /// One random sample of the target (B,T',H,W,C_out); no gradient.
  at::Tensor forward(const at::Tensor& x) override { return predict(x); }
  at::Tensor predict(const at::Tensor& x) override;
  /// From here on the draws for a sample depend on `seed` and the sample's values only, not on its batch.
  bool seed_prediction(uint64_t seed) override;

  /// Mean of (e - z')^2 over the state at a random step; draws the step (B), then the noise. z' is zero at
  /// the condition and in the padding. A model without a rescaler takes it from this batch.
  at::Tensor loss(const at::Tensor& x, const at::Tensor& y) override;

  /// Takes over an entry `rescaler` if there is one; published files have none.
  void load_state(const StateDict& state, const std::string& origin) override;
  std::vector<std::string> zero_gradient_parameters() const override;

  bool wants_observation() const override { return !rescaler_.defined(); }
  /// Widens the rescaler to the coefficients of this batch.
  void observe(const at::Tensor& x, const at::Tensor& y) override;

  /// (1,1,1,1,Cw), without the factor 1.4; it becomes part of the state.
  void set_rescaler(const at::Tensor& values, const std::string& origin);
  const at::Tensor& rescaler() const { return rescaler_; }
  const at::Tensor& scale() const;  ///< 1.4 * rescaler; model error without a rescaler

  struct Noisy {
    at::Tensor input, target;  ///< s_t with the condition imposed; z'
  };
  /// `steps` (B) int64, `noise` of the state's shape.
  Noisy diffuse(const at::Tensor& x, const at::Tensor& y, const at::Tensor& steps,
                const at::Tensor& noise) const;
  /// e = U(state), same shape; `steps` (B).
  at::Tensor denoise(const at::Tensor& state, const at::Tensor& steps) const;
  at::Tensor loss_at(const at::Tensor& x, const at::Tensor& y, const at::Tensor& steps,
                     const at::Tensor& noise);

  /// Standard normal draws of the state's shape, in the order of use: start, then one per step but the last.
  using NoiseSource = std::function<at::Tensor()>;
  at::Tensor sample(const at::Tensor& x, const NoiseSource& noise, double eta) const;

  std::vector<int64_t> state_shape(int64_t batch) const;
  const WdnoOptions& options() const { return options_; }

 private:
  at::Tensor joined(const at::Tensor& x, const at::Tensor& y) const;
  at::Tensor padded(const at::Tensor& coefficients) const;
  void clear_padding(at::Tensor& state) const;

  WdnoOptions options_;
  SampleShape input_, output_;
  bool published_;
  int64_t ratio_, condition_;  ///< R; channels of the condition, 8 C_in
  wdno::Transform transform_;
  std::array<int64_t, 3> grid_;       ///< padded coefficient grid
  std::vector<at::Tensor> schedule_;  ///< the twelve buffers, (timesteps)
  unet::Network network_;
  at::Tensor rescaler_, scale_;  ///< as given; 1.4 times that
  at::Tensor largest_;           ///< over the batches observed so far
  std::optional<uint64_t> seed_;
};

}  // namespace windtunnel::baselines

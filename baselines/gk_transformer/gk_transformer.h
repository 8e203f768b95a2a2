#pragma once

#include <optional>

#include "baselines/baseline.h"
#include "baselines/layers.h"

namespace windtunnel::baselines {

struct GkTransformerOptions : core::Options {
  int64_t n_hidden = 256, n_head = 4, num_encoder_layers = 1, dim_feedforward = 256, pos_dim = 1;
  double norm_eps = 1e-7, xavier_init = 0.01, diagonal_weight = 0.01, encoder_dropout = 0.05,
         ffn_dropout = 0.05;
  int64_t freq_dim = 128, num_regressor_layers = 1, fourier_modes_t = 4, fourier_modes_x = 16,
          fourier_modes_y = 16;
  std::string regressor_activation = "silu", kernels = "auto";

  void describe(core::OptionVisitor& v) override;
  /// Options from a published configuration: keys without effect are dropped, keys that select another
  /// architecture must hold the published value (usage error otherwise).
  static core::Json from_published(core::Json config);
};

/// How entries of the attention matrix are dropped in one pass.
struct AttentionDropout {
  double p = 0;
  std::optional<at::Generator> generator;
};

class GalerkinEncoderLayer;
class SpectralRegressor;

/// Galerkin transformer (Cao, NeurIPS 2021), (B,T,H,W,C) -> (B,T_out,H,W,C_out), T_out a multiple of T:
/// linear to N features per point, encoder layers with softmax-free attention over all T*H*W points, then a
/// Fourier regressor. compat published: entries of the attention matrix are dropped with probability 0.5 in
/// training and in evaluation, so that predictions are random (seed_prediction fixes them), and all encoder
/// layers start with equal weights; corrected: encoder_dropout in training, nothing in evaluation,
/// independent initial weights.
class GkTransformer : public Baseline {
 public:
  using Options = GkTransformerOptions;
  GkTransformer(const ModelContext& context, const GkTransformerOptions& options);

  at::Tensor forward(const at::Tensor& x) override;
  bool seed_prediction(uint64_t seed) override;
  at::Tensor to_published(const std::string& name, const at::Tensor& internal) const override;
  at::Tensor from_published(const std::string& name, const at::Tensor& published) const override;
  std::vector<std::string> zero_gradient_parameters() const override;

 private:
  AttentionDropout attention_dropout() const;

  SampleShape input_, output_;
  bool published_;
  double encoder_dropout_;
  std::shared_ptr<Linear> lift_;
  std::vector<std::shared_ptr<GalerkinEncoderLayer>> layers_;
  std::shared_ptr<SpectralRegressor> regressor_;
  std::optional<at::Generator> generator_;
};

}  // namespace windtunnel::baselines

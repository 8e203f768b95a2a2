#pragma once

#include <memory>
#include <vector>

#include "baselines/baseline.h"
#include "baselines/cno/blocks.h"

namespace windtunnel::baselines {

struct CnoOptions : core::Options {
  int64_t N_layers = 3, N_res = 1, N_res_neck = 6, channel_multiplier = 32, latent_lift_proj_dim = 64;

  void describe(core::OptionVisitor& v) override;
  /// The options in a published configuration. The published program reads N_layers only; the other keys
  /// stand there as text ("8,") and are passed over.
  static core::Json from_published(const core::Json& config);
};

/// Convolutional neural operator (Raonic et al., NeurIPS 2023) as the benchmark runs it: every level keeps
/// the full (T,H,W) grid, without resampling and without the filtered activation of the paper. All
/// convolutions are 3x3x3.
///   v = lift(x);  level i: skip_i = residual blocks(v), v = encoder_i(v);  v = neck(v);
///   back: v = decoder_i(decoder_inv_i([v, ED(skip)]));  y = project([v, ED_0(skip_0)]).
/// Level i has channel_multiplier * 2^(i-1) channels, level 0 half of channel_multiplier. T' = M*T: the
/// projection has C_out*M channels. The module decoder_inv.N_layers belongs to the state but is never called.
/// compat published: the M-fold channels are a reinterpretation of memory that mixes space and channels, and
/// an input with C >= T is read with time as its channel axis (possible if T = C_in = C_out, M = 1).
/// corrected: channel c*M+j is channel c of frame t*M+j, and channels are always the last axis.
class Cno : public Baseline {
 public:
  using Options = CnoOptions;
  Cno(const ModelContext& context, const CnoOptions& options);

  at::Tensor forward(const at::Tensor& x) override;  ///< (B,T,H,W,C_in) -> (B,T',H,W,C_out)
  std::vector<std::string> zero_gradient_parameters() const override;

 private:
  at::Tensor network(at::Tensor v);  ///< (B,C,T,H,W), channels last in memory -> (B,C_out*M,T,H,W)

  SampleShape input_, output_;
  int64_t layers_, residuals_, neck_, ratio_;
  bool published_, time_as_channels_;
  std::shared_ptr<cno::Projection> lift_, project_;
  std::vector<std::shared_ptr<cno::ConvolutionBlock>> encoder_, expansion_, decoder_, decoder_inv_;
  std::vector<std::shared_ptr<cno::ResidualBlock>> res_nets_;
};

}  // namespace windtunnel::baselines

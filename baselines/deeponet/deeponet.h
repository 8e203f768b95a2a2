#pragma once

#include <array>
#include <memory>
#include <vector>

#include "baselines/baseline.h"
#include "baselines/layers.h"

namespace windtunnel::baselines {

struct DeepOnetOptions : core::Options {
  int64_t p = 128, branch_fc = 512;
  double dropout_rate = 0.1;
  std::vector<int64_t> branch_conv = {32, 64, 128, 256}, trunk = {64, 128}, output_net = {512, 128};

  void describe(core::OptionVisitor& v) override;
  /// The options in a published configuration; `widths`, if there, holds the layer widths.
  static core::Json from_published(const core::Json& config);
};

/// Deep operator network (Lu et al., 2021) in the benchmark's form:
///   b = branch(x) (B,p);  t = trunk(coordinates) (N,p);  y = output_net(b * t) (B,N,C_out), N = T'*H*W.
/// Branch: four stages of 3x3x3 convolution, batch norm, ReLU; the first three end in 2x2x2 max pooling, the
/// last in averaging to 4x4 over (H,W) and all frames; then two affine maps. Trunk and output network: three
/// affine maps with ReLU between them; coordinates (t,h,w) run from 0 to 1 along each axis. Dropout (training
/// only) after the ReLUs of branch and output network. Any T'; T, H, W from 8. The published and the
/// corrected form are the same.
class DeepOnet : public Baseline {
 public:
  using Options = DeepOnetOptions;
  DeepOnet(const ModelContext& context, const DeepOnetOptions& options);

  at::Tensor forward(const at::Tensor& x) override;  ///< (B,T,H,W,C_in) -> (B,T',H,W,C_out)
  std::vector<std::string> zero_gradient_parameters() const override;

 private:
  at::Tensor branch(const at::Tensor& x);                 ///< (B,p)
  at::Tensor trunk(const at::Tensor& coordinates) const;  ///< (n,3) -> (n,p)
  at::Tensor combine(const at::Tensor& features, const at::Tensor& coordinates) const;
  at::Tensor combine_in_pieces(const at::Tensor& features, const at::Tensor& coordinates) const;
  at::Tensor coordinates(const at::Tensor& like);

  SampleShape input_, output_;
  double dropout_rate_;
  std::vector<std::pair<std::shared_ptr<Convolution>, std::shared_ptr<BatchStatistics>>> stages_;
  std::vector<std::shared_ptr<Linear>> branch_fc_, trunk_fc_, output_fc_;
  at::Tensor coordinates_;  ///< (N,3), made at the first forward pass
};

}  // namespace windtunnel::baselines

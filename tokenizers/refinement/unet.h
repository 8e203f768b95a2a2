#pragma once

#include <memory>
#include <vector>

#include "baselines/baseline.h"
#include "baselines/layers.h"

namespace windtunnel::tokenizers {

struct RefinementOptions : core::Options {
  int64_t dim_in = 14, dim_out = 2, init_features = 64, stages = 4, blocks_per_stage = 4, blocks_at_neck = 1;
  bool delta_t_project = true, predict_delta = false;
  std::string kernels = "auto";

  void describe(core::OptionVisitor& v) override;
  /// From a published configuration, where delta_t_project and predict_delta default to false.
  static RefinementOptions from_published(core::Json config, const std::string& origin);
  bool reference() const { return kernels == "reference"; }
};

/// x + gamma * pwconv2(gelu(pwconv1(layer norm(depthwise 7x7 x)))), (B,w,H,W) -> same. gamma starts at 1e-6.
struct ConvNextBlock : torch::nn::Module {
  ConvNextBlock(int64_t width, bool reference);
  at::Tensor forward(const at::Tensor& x) const;
  std::shared_ptr<baselines::Convolution> dwconv;
  std::shared_ptr<baselines::Affine> norm;
  std::shared_ptr<baselines::Linear> pwconv1, pwconv2;
  at::Tensor gamma;
  bool reference;
};

/// x / max(|x| over channels, 1e-6) * weight, then a 2x2 convolution of stride 2 that halves the grid and
/// doubles the channels, or its transpose that does the opposite. Published weights carry a bias of the norm
/// that nothing reads.
struct Resample : torch::nn::Module {
  Resample(int64_t in, int64_t out, bool up);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor scale, kernel, bias;
  bool up;
};

/// One level of the network: [skip_proj,] blocks, resample (null in the neck).
struct RefinementStage : torch::nn::Module {
  enum class Kind { encoder, neck, decoder, decoder_with_skip };
  RefinementStage(Kind kind, int64_t width, int64_t blocks, const std::string& path, bool reference);
  at::Tensor forward(at::Tensor h, const at::Tensor& skip = {}) const;
  std::shared_ptr<baselines::Convolution> skip_proj;
  std::vector<std::shared_ptr<ConvNextBlock>> blocks;
  std::shared_ptr<Resample> resample;
  std::string path;
};

/// ConvNeXt U-Net that corrects one decoded frame from its packed input (see packing.h): (B,dim_in,H,W),
/// normalised fields -> (B,dim_out,H,W), H and W multiples of 2^stages. Without the position input and with
/// width 42, two blocks per stage it is The Well's CNextU-Net (PhysiX, arXiv 2506.17774; The Well, arXiv
/// 2412.00568).
class RefinementUnet : public torch::nn::Module {
 public:
  explicit RefinementUnet(const RefinementOptions& options);
  /// `targets` (B) int64: index of the target frame in its window of 13, 5..12; needed with delta_t_project.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& targets = {}) const;
  const RefinementOptions& options() const { return options_; }

 private:
  void check(const at::Tensor& x, const at::Tensor& targets) const;
  at::Tensor position(const at::Tensor& targets) const;

  RefinementOptions options_;
  std::shared_ptr<baselines::Convolution> in_proj_, out_proj_;
  std::shared_ptr<baselines::Linear> fc1_, fc2_;
  std::vector<std::shared_ptr<RefinementStage>> encoder_, decoder_;
  std::shared_ptr<RefinementStage> neck_;
};

}  // namespace windtunnel::tokenizers

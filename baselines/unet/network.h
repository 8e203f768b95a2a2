#pragma once

#include <memory>
#include <vector>

#include "baselines/unet/attention.h"
#include "baselines/unet/blocks.h"

namespace windtunnel::baselines::unet {

struct NetworkShape {
  int64_t dim = 0;                 ///< base width d, a multiple of 8
  std::vector<int64_t> dim_mults;  ///< widths d*m per level
  int64_t in_channels = 0, out_channels = 0;
};

/// The space-time U-Net of "Video Diffusion Models" (Ho et al., 2022): residual blocks of 3x3x3 convolutions,
/// linear attention over space and attention over time at every level, space halved between levels, time
/// never. Not a module itself: it registers its parts, under the published names, in `root`.
class Network {
 public:
  /// `prefix`: name of `root` within the model, with a trailing dot. `kernels`: auto, fast or reference.
  Network(torch::nn::Module& root, const NetworkShape& shape, const std::string& kernels = "auto",
          std::string prefix = "");

  /// x (B,F,H,W,in) -> (B,F,H,W,out). `steps` (B): diffusion step of each sample; undefined: step 0 for all.
  /// `bias_frames`: frames the position bias is made for (normally F).
  at::Tensor forward(const at::Tensor& x, const at::Tensor& steps, int64_t bias_frames) const;

  /// H and W must be multiples of this.
  int64_t spatial_factor() const { return int64_t{1} << (down_.size() - 1); }

  /// Biases of convolutions in front of a group norm with one channel per group: they cancel.
  std::vector<std::string> zero_gradient_parameters() const;

  /// Model error if `shape` cannot be built (called by the constructor before any work).
  static void check(const NetworkShape& shape);

 private:
  struct Stage {
    std::string name;
    std::shared_ptr<ResBlock> block1, block2;
    std::shared_ptr<LinearAttention> spatial;
    std::shared_ptr<TemporalAttention> temporal;
    std::shared_ptr<Weights> resample;  ///< null at the last stage
  };
  Stage make_stage(Children& list, const std::string& name, size_t index, int64_t in, int64_t out,
                   bool resample);
  at::Tensor time_embedding(const at::Tensor& steps) const;
  at::Tensor through(const Stage& stage, at::Tensor h, const at::Tensor& time,
                     const Positions& positions) const;
  /// through() of the fields side by side; a block of recompute().
  at::Tensor recompute_stage(const Stage& stage, std::vector<at::Tensor> fields, const at::Tensor& time,
                             const Positions& positions) const;
  void tell(const std::string& name, const at::Tensor& value) const;  ///< to the active trace, channels first

  NetworkShape shape_;
  std::string prefix_;
  bool fast_;
  std::vector<int64_t> widths_;  ///< d, d*m_1, ...
  std::shared_ptr<PositionBias> position_bias_;
  std::shared_ptr<Rotary> rotary_;
  std::shared_ptr<Weights> init_conv_, time1_, time3_, final_conv_;
  std::shared_ptr<TemporalAttention> init_attention_, mid_temporal_;
  std::shared_ptr<SpatialAttention> mid_spatial_;
  std::shared_ptr<ResBlock> mid1_, mid2_, final_block_;
  std::vector<Stage> down_, up_;
};

}  // namespace windtunnel::baselines::unet

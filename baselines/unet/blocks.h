#pragma once

#include <memory>

#include "baselines/unet/weights.h"

namespace windtunnel::baselines::unet {

inline constexpr int64_t kGroups = 8;

/// 3x3x3 convolution (zero padding 1, bias), group norm over 8 groups of consecutive channels (eps 1e-5,
/// statistics over the group and all F,H,W of a sample), optionally x*(scale+1)+shift, SiLU.
class Block : public torch::nn::Module {
 public:
  Block(int64_t in, int64_t out, bool fast);
  /// x (B,F,H,W,in) -> (B,F,H,W,out). `modulation` (1 or B, 2*out): scale, then shift; undefined: none.
  /// `residual` is added to the result; undefined: none.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& modulation, const at::Tensor& residual) const;

 private:
  bool fast_;
  std::shared_ptr<Weights> proj_;
  std::shared_ptr<Affine> norm_;
};

/// Block2(Block1(x; scale, shift)) + x, the latter through a 1x1x1 convolution if in != out. Scale and shift
/// come from an affine map of the activated time embedding; time_size 0: no time input.
class ResBlock : public torch::nn::Module {
 public:
  ResBlock(int64_t in, int64_t out, int64_t time_size, bool fast);
  /// `time` (1 or B, time_size): SiLU of the time embedding; ignored without time input.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time) const;

 private:
  std::shared_ptr<Weights> mlp_, res_conv_;
  std::shared_ptr<Block> block1_, block2_;
};

/// SiLU(group_norm(x) * weight + bias), the reference of fast::group_norm_silu. x (B,F,H,W,C) contiguous;
/// weight, bias (1 or B, C).
at::Tensor group_norm_silu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace windtunnel::baselines::unet

#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include "baselines/layers.h"

namespace windtunnel::baselines::unet {

/// `weight` and, if bias_size > 0, `bias` of a convolution or linear map; both uniform on +-1/sqrt(fan_in),
/// drawn in this order, fan_in = size(1) * kernel volume of the weight.
class Weights : public torch::nn::Module {
 public:
  Weights(at::IntArrayRef shape, int64_t bias_size);
  at::Tensor weight, bias;
};

/// Normalises over the channel axis at each position: (x - mean) / sqrt(var + 1e-5) * gamma, biased variance,
/// no shift. gamma (1,C,1,1,1).
class ChannelNorm : public torch::nn::Module {
 public:
  explicit ChannelNorm(int64_t channels);
  at::Tensor forward(const at::Tensor& x) const;  ///< x (...,C)
  at::Tensor gamma;
};

/// The linear map of `weights` on the last axis; a weight with trailing axes of size 1 (1x1 convolution) is
/// flattened.
at::Tensor linear(const at::Tensor& x, const Weights& weights);

/// residual + linear(x, weights) in one pass; shapes (...,C).
at::Tensor linear_plus(const at::Tensor& residual, const at::Tensor& x, const Weights& weights);

/// 3-D convolution of x (B,F,H,W,C), zero padding; result in the same layout.
at::Tensor convolve(const at::Tensor& x, const Weights& weights, at::IntArrayRef stride,
                    at::IntArrayRef padding);

}  // namespace windtunnel::baselines::unet

#include "baselines/unet/weights.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/init.h>

#include <cmath>

namespace windtunnel::baselines::unet {

namespace {

at::Tensor matrix(const at::Tensor& weight) { return weight.dim() == 2 ? weight : weight.flatten(1); }

}  // namespace

Weights::Weights(at::IntArrayRef shape, int64_t bias_size) {
  weight = register_parameter("weight", at::empty(shape));
  torch::nn::init::kaiming_uniform_(weight, std::sqrt(5.0));
  if (bias_size == 0) return;
  const double bound = 1 / std::sqrt(static_cast<double>(weight[0].numel()));
  bias = register_parameter("bias", at::empty({bias_size}));
  torch::nn::init::uniform_(bias, -bound, bound);
}

NormWeights::NormWeights(int64_t channels) {
  weight = register_parameter("weight", at::ones({channels}));
  bias = register_parameter("bias", at::zeros({channels}));
}

ChannelNorm::ChannelNorm(int64_t channels) {
  gamma = register_parameter("gamma", at::ones({1, channels, 1, 1, 1}));
}

at::Tensor ChannelNorm::forward(const at::Tensor& x) const {
  const int64_t channels = gamma.numel();
  return at::layer_norm(x, {channels}, gamma.view({channels}), {}, 1e-5);
}

at::Tensor linear(const at::Tensor& x, const Weights& weights) {
  return at::linear(x, matrix(weights.weight), weights.bias);
}

at::Tensor linear_plus(const at::Tensor& residual, const at::Tensor& x, const Weights& weights) {
  const at::Tensor flat = x.reshape({-1, x.size(-1)});
  at::Tensor base = residual.reshape({flat.size(0), -1});
  if (weights.bias.defined()) base = base + weights.bias;
  return at::addmm(base, flat, matrix(weights.weight).t()).view(residual.sizes());
}

at::Tensor convolve(const at::Tensor& x, const Weights& weights, at::IntArrayRef stride,
                    at::IntArrayRef padding) {
  return at::conv3d(x.permute({0, 4, 1, 2, 3}), weights.weight, weights.bias, stride, padding)
      .permute({0, 2, 3, 4, 1})
      .contiguous();
}

}  // namespace windtunnel::baselines::unet

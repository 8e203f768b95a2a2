#include "baselines/unet/weights.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/layer_norm.h>
#include <c10/util/accumulate.h>

#include <cmath>

#include "baselines/precision.h"

namespace windtunnel::baselines::unet {

namespace {

at::Tensor matrix(const at::Tensor& weight) { return weight.dim() == 2 ? weight : weight.flatten(1); }

}  // namespace

Weights::Weights(at::IntArrayRef shape, int64_t bias_size) {
  const double bound = 1 / std::sqrt(static_cast<double>(c10::multiply_integers(shape.slice(1))));
  weight = register_parameter("weight", uniform_values(shape, -bound, bound));
  if (bias_size > 0) bias = register_parameter("bias", uniform_values({bias_size}, -bound, bound));
}

ChannelNorm::ChannelNorm(int64_t channels) {
  gamma = register_parameter("gamma", constant_values({1, channels, 1, 1, 1}, 1));
}

at::Tensor ChannelNorm::forward(const at::Tensor& x) const {
  const int64_t channels = gamma.numel();
  return at::layer_norm(x, {channels}, gamma.view({channels}), {}, 1e-5);
}

at::Tensor linear(const at::Tensor& x, const Weights& weights) {
  return affine(x, matrix(weights.weight), weights.bias);
}

at::Tensor linear_plus(const at::Tensor& residual, const at::Tensor& x, const Weights& weights) {
  const at::Tensor flat = x.reshape({-1, x.size(-1)});
  at::Tensor base = residual.reshape({flat.size(0), -1});
  if (weights.bias.defined()) base = base + weights.bias;
  return at::addmm(base, flat, matrix(weights.weight).t()).view(residual.sizes());
}

at::Tensor convolve(const at::Tensor& x, const Weights& weights, at::IntArrayRef stride,
                    at::IntArrayRef padding) {
  return convolution(x.permute({0, 4, 1, 2, 3}), weights.weight, weights.bias, stride, padding)
      .permute({0, 2, 3, 4, 1})
      .contiguous();
}

}  // namespace windtunnel::baselines::unet

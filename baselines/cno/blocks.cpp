#include "baselines/cno/blocks.h"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/leaky_relu.h>

#include "baselines/precision.h"
#include "baselines/recompute.h"

namespace windtunnel::baselines::cno {
namespace {

constexpr double kSlope = 0.2;

std::shared_ptr<Convolution> cube(int64_t in, int64_t out) {
  return std::make_shared<Convolution>(in, out, at::IntArrayRef{3, 3, 3});
}

at::Tensor convolve(const at::Tensor& x, const Convolution& layer) {
  return convolution(x, layer.weight, layer.bias, /*stride=*/1, /*padding=*/1);
}

at::Tensor normalise(const at::Tensor& x, BatchStatistics& norm) {
  if (recomputing()) return at::batch_norm(x, norm.weight, norm.bias, {}, {}, true, 0.1, 1e-5, x.is_cuda());
  if (norm.is_training()) norm.num_batches_tracked.add_(1);
  return at::batch_norm(x, norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.is_training(),
                        0.1, 1e-5, x.is_cuda());
}

/// In place: neither a convolution nor a normalisation needs its own result for its gradient.
at::Tensor leaky(at::Tensor x) { return at::leaky_relu_(x, kSlope); }

}  // namespace

ConvolutionBlock::ConvolutionBlock(int64_t in, int64_t out) {
  convolution_ = register_module("convolution", cube(in, out));
  norm_ = register_module("batch_norm", std::make_shared<BatchStatistics>(out));
}

at::Tensor ConvolutionBlock::forward(const at::Tensor& x) {
  return leaky(normalise(convolve(x, *convolution_), *norm_));
}

Projection::Projection(int64_t in, int64_t latent, int64_t out) {
  const auto inner = register_module("inter_CNOBlock", std::make_shared<Children>());
  first_ = inner->add("convolution", cube(in, latent));
  second_ = register_module("convolution", cube(latent, out));
}

at::Tensor Projection::forward(const at::Tensor& x) {
  return convolve(leaky(convolve(x, *first_)), *second_);
}

ResidualBlock::ResidualBlock(int64_t channels) {
  convolution1_ = register_module("convolution1", cube(channels, channels));
  convolution2_ = register_module("convolution2", cube(channels, channels));
  norm1_ = register_module("batch_norm1", std::make_shared<BatchStatistics>(channels));
  norm2_ = register_module("batch_norm2", std::make_shared<BatchStatistics>(channels));
}

at::Tensor ResidualBlock::forward(const at::Tensor& x) {
  const at::Tensor inner = leaky(normalise(convolve(x, *convolution1_), *norm1_));
  return normalise(convolve(inner, *convolution2_), *norm2_).add_(x);
}

}  // namespace windtunnel::baselines::cno

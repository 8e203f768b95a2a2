#pragma once

#include <ATen/core/Tensor.h>

namespace windtunnel::baselines {

/// True if x W^T + b is better served here: float32 rows on the CPU whose gradient is recorded, many of them,
/// with at most 8 features on one side (the first and the last layer of most models). The libraries' products
/// reach a few percent of their speed on the gradient of such weights.
bool is_narrow_affine(const at::Tensor& x, const at::Tensor& weight);

/// x W^T + b, x (...,in), weight (out,in), bias (out) or undefined, with a gradient of its own: one pass over
/// the rows for weight and bias, sums in a fixed order.
at::Tensor narrow_affine(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace windtunnel::baselines

#pragma once

#include <ATen/core/Tensor.h>

namespace windtunnel::baselines {

/// True if this processor multiplies bfloat16 numbers (AVX512-BF16 or AMX).
bool bf16_supported();

/// While alive, affine() and the convolutions of this thread round their factors to bfloat16 (8 bits of
/// mantissa) and sum the products in float32; everything else stays float32. With `bf16` false nothing
/// changes.
class PrecisionScope {
 public:
  explicit PrecisionScope(bool bf16);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  bool before_;
};

/// x W^T + b over the last axis, x (...,in), weight (out,in), bias (out) or undefined.
at::Tensor affine(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

/// Convolution of x (B,in,X,Y,Z) with weight (out,in,kx,ky,kz), bias (out), zero padding.
at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                       at::IntArrayRef stride, at::IntArrayRef padding);

}  // namespace windtunnel::baselines

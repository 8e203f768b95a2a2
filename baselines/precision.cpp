#include "baselines/precision.h"

#include <ATen/ops/conv3d.h>
#include <ATen/ops/linear.h>

#include "baselines/narrow_affine.h"

namespace windtunnel::baselines {
namespace {

thread_local bool bf16_products = false;

at::Tensor rounded(const at::Tensor& factor) { return factor.defined() ? factor.to(at::kBFloat16) : factor; }

}  // namespace

bool bf16_supported() { return __builtin_cpu_supports("avx512bf16") > 0; }

PrecisionScope::PrecisionScope(bool bf16) : before_(bf16_products) { bf16_products = bf16; }
PrecisionScope::~PrecisionScope() { bf16_products = before_; }

at::Tensor affine(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!bf16_products)
    return is_narrow_affine(x, weight) ? narrow_affine(x, weight, bias) : at::linear(x, weight, bias);
  return at::linear(rounded(x), rounded(weight), rounded(bias)).to(at::kFloat);
}

at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                       at::IntArrayRef stride, at::IntArrayRef padding) {
  if (!bf16_products) return at::conv3d(x, weight, bias, stride, padding);
  return at::conv3d(rounded(x), rounded(weight), rounded(bias), stride, padding).to(at::kFloat);
}

}  // namespace windtunnel::baselines

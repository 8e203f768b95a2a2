#pragma once

#include <ATen/core/Tensor.h>

#include <array>

namespace windtunnel::baselines::fno {

/// Spectral convolution by FFT, straight from its definition, differentiable: v (B,C,N1,N2,N3), weights 4 x
/// (m1,m2,m3,C,C,2). Where corner blocks overlap the later one wins. The inverse takes real parts only at bin
/// 0 and, if N3 is even, bin N3/2 of the last axis.
at::Tensor spectral_convolution(const at::Tensor& v, const std::array<at::Tensor, 4>& weights);

}  // namespace windtunnel::baselines::fno

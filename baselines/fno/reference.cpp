#include "baselines/fno/reference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/fft_ifftn.h>
#include <ATen/ops/fft_irfft.h>
#include <ATen/ops/fft_rfftn.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros_like.h>

namespace windtunnel::baselines::fno {

at::Tensor spectral_convolution(const at::Tensor& v, const std::array<at::Tensor, 4>& weights) {
  const int64_t n1 = v.size(2), n2 = v.size(3), n3 = v.size(4);
  const int64_t m1 = weights[0].size(0), m2 = weights[0].size(1), m3 = weights[0].size(2);
  const at::Tensor spectrum = at::fft_rfftn(v, {}, at::IntArrayRef{2, 3, 4});
  const auto corner = [&](const at::Tensor& field, int block) {
    const int64_t first1 = block % 2 ? n1 - m1 : 0, first2 = block / 2 ? n2 - m2 : 0;
    return field.narrow(2, first1, m1).narrow(3, first2, m2).narrow(4, 0, m3);
  };
  const at::Tensor out = at::zeros_like(spectrum);
  for (int block = 0; block < 4; ++block) {
    const at::Tensor weight = at::view_as_complex(weights[static_cast<size_t>(block)]);
    corner(out, block).copy_(at::einsum("bixyz,xyzio->boxyz", {corner(spectrum, block), weight}));
  }
  const at::Tensor half = at::view_as_real(at::fft_ifftn(out, {}, at::IntArrayRef{2, 3}));
  at::Tensor keep = at::ones({half.size(4), 2}, half.options());
  keep[0][1] = 0;
  if (n3 % 2 == 0) keep[n3 / 2][1] = 0;
  return at::fft_irfft(at::view_as_complex(half * keep), n3, 4);
}

}  // namespace windtunnel::baselines::fno

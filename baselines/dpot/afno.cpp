#include "baselines/dpot/afno.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/fft_irfft2.h>
#include <ATen/ops/fft_rfft2.h>
#include <ATen/ops/imag.h>
#include <ATen/ops/real.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

#include "baselines/spectral_conv.h"

namespace windtunnel::baselines {

Afno::Afno(int64_t width, int64_t blocks, int64_t modes, const std::string& act, bool reference)
    : width_(width), blocks_(blocks), modes_(modes), reference_(reference), act_(act) {
  const int64_t size = width / blocks;
  const double high = 1.0 / static_cast<double>(size * size);
  w1_ = register_parameter("w1", uniform_values({2, blocks, size, size}, 0, high));
  b1_ = register_parameter("b1", uniform_values({2, blocks, size}, 0, high));
  w2_ = register_parameter("w2", uniform_values({2, blocks, size, size}, 0, high));
  b2_ = register_parameter("b2", uniform_values({2, blocks, size}, 0, high));
}

const Afno::Matrices& Afno::matrices(const at::Tensor& u) const {
  const int64_t g = u.size(1);
  if (cached_grid_ == g && cache_.forward1.device() == u.device()) return cache_;
  const KeptModes first{g, std::min(modes_, g), 0};
  const int64_t second = std::min(modes_, g / 2 + 1);
  const double root = std::sqrt(static_cast<double>(g));  // orthonormal: 1/sqrt(g) per axis and direction
  cache_ = {(full_dft(first) / root).to(u.options()), (half_dft(g, second) / root).to(u.options()),
            (full_dft_inverse(first) * root).to(u.options()),
            (half_dft_inverse(g, second) * root).to(u.options())};
  cached_grid_ = g;
  return cache_;
}

// rows (blocks, M, 2*size), real and imaginary parts side by side -> same. A complex product is a real one
// with
// [[wr, wi], [-wi, wr]].
at::Tensor Afno::mix(const at::Tensor& rows) const {
  const auto layer = [&](const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
    const at::Tensor re = w.select(0, 0), im = w.select(0, 1);
    const at::Tensor matrix = at::cat({at::cat({re, im}, 2), at::cat({-im, re}, 2)}, 1);
    return at::baddbmm(at::cat({b.select(0, 0), b.select(0, 1)}, 1).unsqueeze(1), x, matrix);
  };
  return layer(act_.consume(layer(rows, w1_, b1_)), w2_, b2_);
}

at::Tensor Afno::forward(const at::Tensor& u) const {
  if (reference_) return forward_reference(u);
  const Matrices& m = matrices(u);
  const int64_t batch = u.size(0), g = u.size(1), size = width_ / blocks_;
  const int64_t k1 = m.forward1.size(0) / 2, k2 = m.forward2.size(0) / 2;
  at::Tensor s = transform(m.forward2, u.reshape({batch * g, g, width_}));
  s = transform(m.forward1, s.view({batch, g * 2, k2 * width_}));
  const at::Tensor rows = s.view({batch, 2, k1 * k2, blocks_, size})
                              .permute({3, 0, 2, 1, 4})
                              .reshape({blocks_, batch * k1 * k2, 2 * size});
  s = mix(rows).view({blocks_, batch, k1 * k2, 2, size}).permute({1, 3, 2, 0, 4}).contiguous();
  s = transform(m.inverse1, s.view({batch, 2 * k1, k2 * width_}));
  s = transform(m.inverse2, s.view({batch * g, 2 * k2, width_}));
  return s.view({batch, g, g, width_}) + u;
}

at::Tensor Afno::forward_reference(const at::Tensor& u) const {
  const int64_t g = u.size(1), size = width_ / blocks_;
  const at::Tensor f = at::fft_rfft2(u, std::nullopt, at::IntArrayRef{1, 2}, "ortho");
  const int64_t k1 = std::min(modes_, g), k2 = std::min(modes_, g / 2 + 1);
  const at::Tensor kept = f.narrow(1, 0, k1).narrow(2, 0, k2).reshape({u.size(0), k1, k2, blocks_, size});
  const auto multiply = [](const at::Tensor& x, const at::Tensor& w) {
    return at::einsum("bxyni,nio->bxyno", {x, w});
  };
  const auto layer = [&](const at::Tensor& re, const at::Tensor& im, const at::Tensor& w,
                         const at::Tensor& b) {
    return std::pair(multiply(re, w.select(0, 0)) - multiply(im, w.select(0, 1)) + b.select(0, 0),
                     multiply(im, w.select(0, 0)) + multiply(re, w.select(0, 1)) + b.select(0, 1));
  };
  const auto [re1, im1] = layer(at::real(kept), at::imag(kept), w1_, b1_);
  const auto [re2, im2] = layer(act_(re1), act_(im1), w2_, b2_);
  at::Tensor z = at::zeros_like(f);
  z.narrow(1, 0, k1).narrow(2, 0, k2).copy_(at::complex(re2, im2).reshape({u.size(0), k1, k2, width_}));
  return at::fft_irfft2(z, at::IntArrayRef{g, g}, at::IntArrayRef{1, 2}, "ortho") + u;
}

}  // namespace windtunnel::baselines

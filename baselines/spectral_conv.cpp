#include "baselines/spectral_conv.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/fft_ifft2.h>
#include <ATen/ops/fft_irfft.h>
#include <ATen/ops/fft_rfftn.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "baselines/layers.h"

namespace windtunnel::baselines {
namespace {

// exp(-2 pi i j k / n) with the product reduced first, so that large indices lose no digits.
struct Twiddle {
  double re, im;
  Twiddle(int64_t j, int64_t k, int64_t n) {
    const double angle = 2 * std::numbers::pi * static_cast<double>((j * k) % n) / static_cast<double>(n);
    re = std::cos(angle);
    im = -std::sin(angle);
  }
};

template <class Fill>
at::Tensor build(int64_t rows, int64_t columns, Fill fill) {
  at::Tensor matrix = at::zeros({rows, columns}, at::kDouble);
  auto entries = matrix.accessor<double, 2>();
  fill(entries);
  return matrix.to(at::kFloat);
}

int64_t frequency(const KeptModes& modes, int64_t position) {
  return position < modes.front ? position : modes.n - modes.count() + position;
}

}  // namespace

KeptModes corner_modes(int64_t n, int64_t limit) {
  const int64_t back = std::min(limit, n);
  return {n, std::min(limit, n - back), back};
}

at::Tensor half_dft(int64_t n, int64_t kept) {
  return build(2 * kept, n, [&](auto& m) {
    for (int64_t k = 0; k < kept; ++k)
      for (int64_t t = 0; t < n; ++t) {
        const Twiddle w(k, t, n);
        m[k][t] = w.re;
        m[kept + k][t] = w.im;
      }
  });
}

at::Tensor half_dft_inverse(int64_t n, int64_t kept) {
  return build(n, 2 * kept, [&](auto& m) {
    for (int64_t k = 0; k < kept; ++k)
      for (int64_t t = 0; t < n; ++t) {
        const Twiddle w(k, t, n);
        // Bins other than 0 and Nyquist stand for their conjugate too; those two have no imaginary part.
        const bool single = k == 0 || 2 * k == n;
        m[t][k] = (single ? 1 : 2) * w.re / static_cast<double>(n);
        m[t][kept + k] = single ? 0 : 2 * w.im / static_cast<double>(n);
      }
  });
}

at::Tensor full_dft(const KeptModes& modes) {
  return build(2 * modes.count(), 2 * modes.n, [&](auto& m) {
    for (int64_t p = 0; p < modes.count(); ++p)
      for (int64_t j = 0; j < modes.n; ++j) {
        const Twiddle w(frequency(modes, p), j, modes.n);
        m[p][2 * j] = w.re;
        m[p][2 * j + 1] = -w.im;
        m[modes.count() + p][2 * j] = w.im;
        m[modes.count() + p][2 * j + 1] = w.re;
      }
  });
}

at::Tensor full_dft_inverse(const KeptModes& modes) {
  return build(2 * modes.n, 2 * modes.count(), [&](auto& m) {
    const double scale = 1 / static_cast<double>(modes.n);
    for (int64_t p = 0; p < modes.count(); ++p)
      for (int64_t j = 0; j < modes.n; ++j) {
        const Twiddle w(frequency(modes, p), j, modes.n);
        m[2 * j][p] = w.re * scale;
        m[2 * j][modes.count() + p] = w.im * scale;
        m[2 * j + 1][p] = -w.im * scale;
        m[2 * j + 1][modes.count() + p] = w.re * scale;
      }
  });
}

at::Tensor transform(const at::Tensor& matrix, const at::Tensor& x) {
  return at::bmm(matrix.unsqueeze(0).expand({x.size(0), -1, -1}), x);
}

CornerSpectralConv::CornerSpectralConv(int64_t in, int64_t out, const Modes& modes, bool reference)
    : in_(in), out_(out), reference_(reference) {
  for (int corner = 0; corner < 4; ++corner)
    weights[corner] = register_parameter("weights" + std::to_string(corner + 1),
                                         constant_values({modes[0], modes[1], modes[2], in, 2, out}, 0));
}

at::Tensor CornerSpectralConv::to_published(const at::Tensor& internal) {
  return at::view_as_complex(internal.permute({3, 5, 0, 1, 2, 4}).contiguous());
}

at::Tensor CornerSpectralConv::from_published(const at::Tensor& published) {
  return at::view_as_real(published).permute({2, 3, 4, 0, 5, 1});
}

at::Tensor CornerSpectralConv::convolve(const at::Tensor& x, const Modes& limits) const {
  const Modes size{x.size(1), x.size(2), x.size(3)};
  return convolve(x, limits, {size, size});
}

at::Tensor CornerSpectralConv::convolve(const at::Tensor& x, const Modes& limits, const Grid& grid) const {
  return reference_ ? convolve_reference(x, limits, grid) : convolve_truncated(x, limits, grid);
}

const CornerSpectralConv::Matrices& CornerSpectralConv::matrices(const at::Tensor& x, const Modes& limits,
                                                                 const Grid& grid) const {
  const Modes size{x.size(1), x.size(2), x.size(3)};
  for (const auto& known : cache_)
    if (known.size == size && known.limits == limits && known.period == grid.period &&
        known.wanted == grid.wanted && known.forward[0].device() == x.device() &&
        known.forward[0].scalar_type() == x.scalar_type())
      return known;
  Matrices fresh{size, limits, grid.period, grid.wanted, {}, {}};
  const auto keep = [&](const at::Tensor& matrix) { return matrix.contiguous().to(x.options()); };
  for (int axis = 0; axis < 2; ++axis) {
    const KeptModes kept = corner_modes(grid.period[axis], limits[axis]);
    fresh.forward[axis] = keep(full_dft(kept).narrow(1, 0, 2 * size[axis]));
    fresh.inverse[axis] = keep(full_dft_inverse(kept).narrow(0, 0, 2 * grid.wanted[axis]));
  }
  fresh.forward[2] = keep(half_dft(grid.period[2], limits[2]).narrow(1, 0, size[2]));
  fresh.inverse[2] = keep(half_dft_inverse(grid.period[2], limits[2]).narrow(0, 0, grid.wanted[2]));
  cache_.push_back(std::move(fresh));
  return cache_.back();
}

at::Tensor CornerSpectralConv::convolve_truncated(const at::Tensor& x, const Modes& limits,
                                                  const Grid& grid) const {
  const Matrices& m = matrices(x, limits, grid);
  const int64_t batch = x.size(0), n1 = x.size(1), n2 = x.size(2), n3 = x.size(3), third = limits[2];
  const KeptModes first = corner_modes(grid.period[0], limits[0]),
                  second = corner_modes(grid.period[1], limits[1]);
  const int64_t k1 = first.count(), k2 = second.count();
  const auto& [y1, y2, y3] = grid.wanted;

  at::Tensor s = transform(m.forward[2], x.reshape({batch * n1 * n2, n3, in_}));
  s = transform(m.forward[1], s.view({batch * n1, n2 * 2, third * in_}));
  s = transform(m.forward[0], s.view({batch, n1 * 2, k2 * third * in_}));
  s = mix(s.view({batch, 2, k1, k2, third, in_}), first, second, third);
  s = transform(m.inverse[0], s.view({batch, 2 * k1, k2 * third * out_}));
  s = transform(m.inverse[1], s.view({batch * y1, 2 * k2, third * out_}));
  s = transform(m.inverse[2], s.view({batch * y1 * y2, 2 * third, out_}));
  return s.view({batch, y1, y2, y3, out_});
}

// spectrum (B,2,K1,K2,m3,in) -> (B,2,K1,K2,m3,out): one real product per frequency, the rows being the real
// and imaginary parts of all samples, the columns the real and imaginary parts of the weights.
at::Tensor CornerSpectralConv::mix(const at::Tensor& spectrum, const KeptModes& first,
                                   const KeptModes& second, int64_t third) const {
  const int64_t batch = spectrum.size(0);
  const at::Tensor by_mode = spectrum.permute({2, 3, 4, 1, 0, 5});  // (K1,K2,m3,2,B,in)
  const auto corner = [&](int index, int64_t from1, int64_t count1, int64_t from2, int64_t count2) {
    const int64_t modes = count1 * count2 * third;
    const at::Tensor rows =
        by_mode.narrow(0, from1, count1).narrow(1, from2, count2).reshape({modes, 2 * batch, in_});
    const at::Tensor w = weights[index]
                             .narrow(0, 0, count1)
                             .narrow(1, 0, count2)
                             .narrow(2, 0, third)
                             .reshape({modes, in_, 2 * out_});
    return at::bmm(rows, w).view({count1, count2, third, 2, batch, 2, out_});
  };
  std::vector<at::Tensor> columns;
  for (int half = 0; half < 2; ++half) {
    const int64_t from2 = half == 0 ? 0 : second.front, count2 = half == 0 ? second.front : second.back;
    if (count2 == 0) continue;
    std::vector<at::Tensor> rows;
    if (first.front > 0) rows.push_back(corner(2 * half, 0, first.front, from2, count2));
    rows.push_back(corner(2 * half + 1, first.front, first.back, from2, count2));
    columns.push_back(rows.size() == 1 ? rows[0] : at::cat(rows, 0));
  }
  const at::Tensor products = columns.size() == 1 ? columns[0] : at::cat(columns, 1);  // (K1,K2,m3,2,B,2,out)
  const at::Tensor rr = products.select(3, 0).select(4, 0), ri = products.select(3, 0).select(4, 1);
  const at::Tensor ir = products.select(3, 1).select(4, 0), ii = products.select(3, 1).select(4, 1);
  return at::stack({rr - ii, ri + ir}, 0).permute({4, 0, 1, 2, 3, 5}).contiguous();
}

at::Tensor CornerSpectralConv::convolve_reference(const at::Tensor& x, const Modes& limits,
                                                  const Grid& grid) const {
  const auto& [n1, n2, n3] = grid.period;
  const auto& [l1, l2, l3] = limits;
  const at::Tensor f =
      at::fft_rfftn(x.permute({0, 4, 1, 2, 3}), at::IntArrayRef(grid.period), at::IntArrayRef{2, 3, 4});
  at::Tensor y = at::zeros({x.size(0), out_, n1, n2, n3 / 2 + 1}, f.options());
  for (int index = 0; index < 4; ++index) {
    const int64_t from1 = index % 2 == 0 ? 0 : n1 - l1, from2 = index < 2 ? 0 : n2 - l2;
    at::Tensor block = y.narrow(2, from1, l1).narrow(3, from2, l2).narrow(4, 0, l3);
    const at::Tensor w = to_published(weights[index]).narrow(2, 0, l1).narrow(3, 0, l2).narrow(4, 0, l3);
    block.copy_(
        at::einsum("bixyz,ioxyz->boxyz", {f.narrow(2, from1, l1).narrow(3, from2, l2).narrow(4, 0, l3), w}));
  }
  const at::Tensor rows = at::fft_ifft2(y, std::nullopt, at::IntArrayRef{2, 3});
  at::Tensor field = at::fft_irfft(rows, n3, 4);
  for (int axis = 0; axis < 3; ++axis) field = field.narrow(axis + 2, 0, grid.wanted[axis]);
  return field.permute({0, 2, 3, 4, 1}).contiguous();
}

}  // namespace windtunnel::baselines

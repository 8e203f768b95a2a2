#include "baselines/dpot/fourier_resize.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/fft_ifft.h>
#include <ATen/ops/fft_irfft.h>
#include <ATen/ops/fft_rfft2.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "baselines/spectral_conv.h"

namespace windtunnel::baselines {
namespace {

// Angle 2 pi k (p/n_out - q/n_in), its products reduced first.
double angle(int64_t k, int64_t p, int64_t n_out, int64_t q, int64_t n_in) {
  const auto turn = [](int64_t product, int64_t n) {
    return static_cast<double>(product % n) / static_cast<double>(n);
  };
  return 2 * std::numbers::pi * (turn(k * p, n_out) - turn(k * q, n_in));
}

at::Tensor build(int64_t n_out, int64_t n_in, const std::function<double(int64_t, int64_t)>& entry) {
  at::Tensor matrix = at::zeros({n_out, n_in}, at::kDouble);
  auto m = matrix.accessor<double, 2>();
  for (int64_t p = 0; p < n_out; ++p)
    for (int64_t q = 0; q < n_in; ++q) m[p][q] = entry(p, q) / static_cast<double>(n_in);
  return matrix;
}

using Wave = double (*)(double);

// Full axis: frequencies -bot..top-1.
at::Tensor full_axis(int64_t n_out, int64_t n_in, Wave wave) {
  const int64_t top = std::min((n_in + 1) / 2, (n_out + 1) / 2), bot = std::min(n_in / 2, n_out / 2);
  return build(n_out, n_in, [&](int64_t p, int64_t q) {
    double sum = 0;
    for (int64_t k = -bot; k < top; ++k) sum += wave(angle(k, p, n_out, q, n_in));
    return sum;
  });
}

// Half axis: bins 0..cols-1; those without a conjugate partner count once.
at::Tensor half_axis(int64_t n_out, int64_t n_in, Wave wave) {
  const int64_t cols = std::min(n_in / 2 + 1, n_out / 2 + 1);
  return build(n_out, n_in, [&](int64_t p, int64_t q) {
    double sum = 0;
    for (int64_t k = 0; k < cols; ++k)
      sum += (k == 0 || 2 * k == n_out ? 1 : 2) * wave(angle(k, p, n_out, q, n_in));
    return sum;
  });
}

at::Tensor interpolation(int64_t n_out, int64_t n_in) {
  const int64_t n = std::min(n_out, n_in);
  return build(n_out, n_in, [&](int64_t p, int64_t q) {
    double sum = 1;
    for (int64_t k = 1; 2 * k <= n; ++k)
      sum += (2 * k == n && n_out >= n_in ? 1 : 2) * std::cos(angle(k, p, n_out, q, n_in));
    return sum;
  });
}

double cosine(double v) { return std::cos(v); }
double sine(double v) { return std::sin(v); }

}  // namespace

FourierResize::FourierResize(int64_t x, int64_t y, int64_t a, int64_t b, bool published, bool reference)
    : x_(x), y_(y), a_(a), b_(b), reference_(reference && published) {
  if (identity()) return;
  rx_ = (published ? full_axis(a, x, cosine) : interpolation(a, x)).to(at::kFloat);
  ry_ = (published ? half_axis(b, y, cosine) : interpolation(b, y)).to(at::kFloat);
  if (!published) return;
  const at::Tensor unpaired = full_axis(a, x, sine);
  if (unpaired.abs().max().item<double>() < 1e-9 / static_cast<double>(x)) return;
  sx_ = unpaired.to(at::kFloat);
  sy_ = half_axis(b, y, sine).to(at::kFloat);
}

at::Tensor FourierResize::operator()(const at::Tensor& field) const {
  if (identity()) return field;
  return reference_ ? by_fft(field) : by_matrices(field);
}

at::Tensor FourierResize::by_matrices(const at::Tensor& field) const {
  const int64_t n = field.size(0), channels = field.size(3);
  const at::Tensor rows = field.permute({0, 1, 3, 2}).contiguous();  // (N,X,C,Y): one product for the Y axis
  const auto apply = [&](const at::Tensor& first, const at::Tensor& second) {
    const at::Tensor columns = at::matmul(rows, second.to(field.options()).t());
    return transform(first.to(field.options()), columns.view({n, x_, channels * b_}));
  };
  at::Tensor result = apply(rx_, ry_);
  if (sx_.defined()) result = result - apply(sx_, sy_);
  return result.view({n, a_, channels, b_}).permute({0, 1, 3, 2});
}

at::Tensor FourierResize::by_fft(const at::Tensor& field) const {
  const int64_t top = std::min((x_ + 1) / 2, (a_ + 1) / 2), bot = std::min(x_ / 2, a_ / 2);
  const int64_t cols = std::min(y_ / 2 + 1, b_ / 2 + 1);
  const at::Tensor f = at::fft_rfft2(field, std::nullopt, at::IntArrayRef{1, 2});
  at::Tensor z = at::zeros({field.size(0), a_, b_ / 2 + 1, field.size(3)}, f.options());
  z.narrow(1, 0, top).narrow(2, 0, cols).copy_(f.narrow(1, 0, top).narrow(2, 0, cols));
  z.narrow(1, a_ - bot, bot).narrow(2, 0, cols).copy_(f.narrow(1, x_ - bot, bot).narrow(2, 0, cols));
  const double scale = static_cast<double>(a_) / x_ * (static_cast<double>(b_) / y_);
  return at::fft_irfft(at::fft_ifft(z, std::nullopt, 1), b_, 2) * scale;
}

}  // namespace windtunnel::baselines

#include "baselines/fno/dft.h"

#include <ATen/ops/add.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <numbers>

namespace windtunnel::baselines::fno {
namespace {

/// cos and sin of 2 pi f x / n; exact at multiples of half a turn.
std::pair<double, double> turn(int64_t f, int64_t x, int64_t n) {
  const int64_t phase = (f * x) % n;
  if (phase == 0) return {1, 0};
  if (2 * phase == n) return {-1, 0};
  const double angle = 2 * std::numbers::pi * static_cast<double>(phase) / static_cast<double>(n);
  return {std::cos(angle), std::sin(angle)};
}

/// Kept frequencies of a full axis: the m lowest, then the m highest.
int64_t kept(int64_t i, int64_t m, int64_t n) { return i < m ? i : n - 2 * m + i; }

at::Tensor double_matrix(int64_t rows, int64_t columns) { return at::zeros({rows, columns}, at::kDouble); }

/// (2 m3, n): real lines to half spectrum, exp(-2 pi i k x / n).
at::Tensor line_forward(int64_t n, int64_t m) {
  at::Tensor matrix = double_matrix(2 * m, n);
  auto a = matrix.accessor<double, 2>();
  for (int64_t k = 0; k < m; ++k)
    for (int64_t x = 0; x < n; ++x) {
      const auto [c, s] = turn(k, x, n);
      a[k][x] = c;
      a[m + k][x] = -s;
    }
  return matrix;
}

/// (out, 2 m3): half spectrum to real lines. Bins 0 and n/2 count once and their imaginary parts are ignored,
/// the others stand for their conjugates too.
at::Tensor line_inverse(int64_t n, int64_t m, int64_t out) {
  at::Tensor matrix = double_matrix(out, 2 * m);
  auto a = matrix.accessor<double, 2>();
  for (int64_t x = 0; x < out; ++x)
    for (int64_t k = 0; k < m; ++k) {
      const auto [c, s] = turn(k, x, n);
      const bool single = k == 0 || 2 * k == n;
      const double weight = (single ? 1.0 : 2.0) / static_cast<double>(n);
      a[x][k] = weight * c;
      a[x][m + k] = single ? 0 : -weight * s;
    }
  return matrix;
}

/// (2 K, 2 n) from rows (x, c) to (c, k).
at::Tensor axis_forward(int64_t n, int64_t m) {
  const int64_t count = 2 * m;
  at::Tensor matrix = double_matrix(2 * count, 2 * n);
  auto a = matrix.accessor<double, 2>();
  for (int64_t i = 0; i < count; ++i)
    for (int64_t x = 0; x < n; ++x) {
      const auto [c, s] = turn(kept(i, m, n), x, n);
      a[i][2 * x] = c;
      a[i][2 * x + 1] = s;
      a[count + i][2 * x] = -s;
      a[count + i][2 * x + 1] = c;
    }
  return matrix;
}

/// (2 out, 2 K) from (c, k) to rows (x, c), with the factor 1/n.
at::Tensor axis_inverse(int64_t n, int64_t m, int64_t out) {
  const int64_t count = 2 * m;
  at::Tensor matrix = double_matrix(2 * out, 2 * count);
  auto a = matrix.accessor<double, 2>();
  for (int64_t x = 0; x < out; ++x)
    for (int64_t i = 0; i < count; ++i) {
      const auto [c, s] = turn(kept(i, m, n), x, n);
      a[2 * x][i] = c / static_cast<double>(n);
      a[2 * x][count + i] = -s / static_cast<double>(n);
      a[2 * x + 1][i] = s / static_cast<double>(n);
      a[2 * x + 1][count + i] = c / static_cast<double>(n);
    }
  return matrix;
}

bool in_block(int64_t frequency, int64_t high, int64_t m, int64_t n) {
  return high ? frequency >= n - m : frequency < m;
}

at::Tensor winners(const GridSizes& s) {
  if (2 * s.m[0] <= s.n[0] && 2 * s.m[1] <= s.n[1]) return {};
  at::Tensor mask = at::ones({4, s.m[0], s.m[1], s.m[2], 1, 1}, at::kDouble);
  auto a = mask.accessor<double, 6>();
  for (int block = 0; block < 4; ++block)
    for (int64_t x = 0; x < s.m[0]; ++x)
      for (int64_t y = 0; y < s.m[1]; ++y) {
        const int64_t f1 = kept(x + (block % 2) * s.m[0], s.m[0], s.n[0]);
        const int64_t f2 = kept(y + (block / 2) * s.m[1], s.m[1], s.n[1]);
        for (int later = block + 1; later < 4; ++later)
          if (in_block(f1, later % 2, s.m[0], s.n[0]) && in_block(f2, later / 2, s.m[1], s.n[1]))
            for (int64_t z = 0; z < s.m[2]; ++z) a[block][x][y][z][0][0] = 0;
      }
  return mask.view({4, s.modes(), 1, 1});
}

at::Tensor batched(const at::Tensor& matrix, int64_t batch) {
  return matrix.unsqueeze(0).expand({batch, matrix.size(0), matrix.size(1)});
}

}  // namespace

double GridSizes::operations_per_point() const {
  const auto real = [](int64_t v) { return static_cast<double>(v); };
  const double lines = 4 * real(m[2]), kept_w = real(m[2]) / real(n[2]), kept_h = 2 * real(m[1]) / real(n[1]);
  return 2 * (lines + 16 * real(m[1]) * kept_w + 16 * real(m[0]) * kept_w * kept_h);
}

TruncatedDft::TruncatedDft(const GridSizes& sizes, const std::array<int64_t, 3>& out,
                           const at::TensorOptions& options)
    : sizes_(sizes), out_(out), options_(options) {
  const auto& [n1, n2, n3] = sizes.n;
  const auto& [m1, m2, m3] = sizes.m;
  forward_w_ = line_forward(n3, m3).to(options);
  forward_h_ = axis_forward(n2, m2).to(options);
  forward_t_ = axis_forward(n1, m1).to(options);
  inverse_w_ = line_inverse(n3, m3, out[2]).to(options);
  inverse_h_ = axis_inverse(n2, m2, out[1]).to(options);
  inverse_t_ = axis_inverse(n1, m1, out[0]).to(options);
  winners_ = winners(sizes);
  if (winners_.defined()) winners_ = winners_.to(options);
}

at::Tensor TruncatedDft::planes_buffer(int64_t batch, int64_t frames, int64_t channels) const {
  return at::empty({batch, frames, 4 * sizes_.m[1], sizes_.m[2] * channels}, options_);
}

void TruncatedDft::analyse(const at::Tensor& planes, at::Tensor spectrum) const {
  const int64_t g = planes.size(0), channels = planes.size(3);
  const int64_t n2 = sizes_.n[1], n3 = sizes_.n[2], m3 = sizes_.m[2];
  const at::Tensor lines = at::bmm(batched(forward_w_, g * n2), planes.view({g * n2, n3, channels}));
  at::bmm_out(spectrum, batched(forward_h_, g), lines.view({g, 2 * n2, m3 * channels}));
}

void TruncatedDft::analyse_adjoint_add(const at::Tensor& spectrum, at::Tensor planes) const {
  const int64_t g = planes.size(0), channels = planes.size(3);
  const int64_t n2 = sizes_.n[1], n3 = sizes_.n[2], m3 = sizes_.m[2];
  const at::Tensor lines = at::bmm(batched(forward_h_.t(), g), spectrum).view({g * n2, 2 * m3, channels});
  planes.view({g * n2, n3, channels}).baddbmm_(batched(forward_w_.t(), g * n2), lines);
}

at::Tensor TruncatedDft::to_modes(const at::Tensor& spectrum) const {
  const int64_t batch = spectrum.size(0), channels = spectrum.size(3) / sizes_.m[2];
  const at::Tensor rows = spectrum.view({batch, 2 * sizes_.n[0], 2 * sizes_.m[1] * sizes_.m[2] * channels});
  return volume_to_modes(at::bmm(batched(forward_t_, batch), rows), batch, channels);
}

at::Tensor TruncatedDft::to_modes_adjoint(const at::Tensor& modes) const {
  const at::Tensor volume = modes_to_volume(modes);
  return at::bmm(batched(forward_t_.t(), volume.size(0)), volume)
      .view({volume.size(0), sizes_.n[0], 4 * sizes_.m[1], sizes_.m[2] * modes.size(3)});
}

at::Tensor TruncatedDft::from_modes(const at::Tensor& modes) const {
  const at::Tensor volume = modes_to_volume(modes);
  return at::bmm(batched(inverse_t_, volume.size(0)), volume)
      .view({volume.size(0), out_[0], 4 * sizes_.m[1], sizes_.m[2] * modes.size(3)});
}

at::Tensor TruncatedDft::from_modes_adjoint(const at::Tensor& spectrum) const {
  const int64_t batch = spectrum.size(0), channels = spectrum.size(3) / sizes_.m[2];
  const at::Tensor rows = spectrum.view({batch, 2 * out_[0], 2 * sizes_.m[1] * sizes_.m[2] * channels});
  return volume_to_modes(at::bmm(batched(inverse_t_.t(), batch), rows), batch, channels);
}

void TruncatedDft::synthesise_add(const at::Tensor& spectrum, const at::Tensor& bias,
                                  at::Tensor planes) const {
  const int64_t g = planes.size(0), channels = planes.size(3), m3 = sizes_.m[2];
  const at::Tensor lines = at::bmm(batched(inverse_h_, g), spectrum).view({g * out_[1], 2 * m3, channels});
  // Frequency 0 along W is constant along the line, so the bias costs nothing there.
  lines.select(1, 0).add_(bias, static_cast<double>(sizes_.n[2]));
  planes.view({g * out_[1], out_[2], channels}).baddbmm_(batched(inverse_w_, g * out_[1]), lines);
}

void TruncatedDft::synthesise_adjoint(const at::Tensor& planes, at::Tensor spectrum) const {
  const int64_t g = planes.size(0), channels = planes.size(3), m3 = sizes_.m[2];
  const at::Tensor lines =
      at::bmm(batched(inverse_w_.t(), g * out_[1]), planes.view({g * out_[1], out_[2], channels}));
  at::bmm_out(spectrum, batched(inverse_h_.t(), g), lines.view({g, 2 * out_[1], m3 * channels}));
}

at::Tensor TruncatedDft::volume_to_modes(const at::Tensor& volume, int64_t batch, int64_t channels) const {
  const auto& m = sizes_.m;
  return volume.view({batch, 2, 2, m[0], 2, m[1], m[2], channels})
      .permute({4, 2, 3, 5, 6, 1, 0, 7})
      .contiguous()
      .view({4, sizes_.modes(), 2 * batch, channels});
}

at::Tensor TruncatedDft::modes_to_volume(const at::Tensor& modes) const {
  const auto& m = sizes_.m;
  const int64_t batch = modes.size(2) / 2, channels = modes.size(3);
  return modes.view({2, 2, m[0], m[1], m[2], 2, batch, channels})
      .permute({6, 5, 1, 2, 0, 3, 4, 7})
      .contiguous()
      .view({batch, 4 * m[0], 2 * m[1] * m[2] * channels});
}

void TruncatedDft::drop_overwritten(at::Tensor modes) const {
  if (winners_.defined()) modes.mul_(winners_);
}

at::Tensor mix_modes(const at::Tensor& x, const std::array<at::Tensor, 4>& weights) {
  const int64_t count = x.size(1), batch = x.size(2) / 2, in = x.size(3), out = weights[0].size(-2);
  at::Tensor y = at::empty({4, count, 2, batch, out}, x.options());
  for (int block = 0; block < 4; ++block) {
    // Rows re, im times columns re, im: all four real products at once.
    const at::Tensor products =
        at::bmm(x[block], weights[block].view({count, in, 2 * out})).view({count, 2, batch, out, 2});
    const at::Tensor re = products.select(1, 0), im = products.select(1, 1);
    at::Tensor y_re = y[block].select(1, 0), y_im = y[block].select(1, 1);
    at::sub_out(y_re, re.select(3, 0), im.select(3, 1));
    at::add_out(y_im, re.select(3, 1), im.select(3, 0));
  }
  return y.view({4, count, 2 * batch, out});
}

MixGradients mix_modes_backward(const at::Tensor& dy, const at::Tensor& x,
                                const std::array<at::Tensor, 4>& weights) {
  const int64_t count = x.size(1), batch = x.size(2) / 2, in = x.size(3), out = dy.size(3);
  MixGradients gradients;
  gradients.x = at::empty_like(x);
  for (int block = 0; block < 4; ++block) {
    // Rows (re, im) and (im, -re): dX = D R^T and dR = X^T D are then single real products.
    const at::Tensor dy_block = dy[block].view({count, 2, batch, out});
    const at::Tensor re = dy_block.select(1, 0), im = dy_block.select(1, 1);
    const at::Tensor d = at::stack({at::stack({re, im}, 3), at::stack({im, re.neg()}, 3)}, 1)
                             .view({count, 2 * batch, 2 * out});
    at::Tensor dx = gradients.x[block];
    at::bmm_out(dx, d, weights[block].view({count, in, 2 * out}).transpose(1, 2));
    gradients.weights[block] = at::bmm(x[block].transpose(1, 2), d).view(weights[block].sizes());
  }
  return gradients;
}

}  // namespace windtunnel::baselines::fno

#include "baselines/wdno/wavelet.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::baselines::wdno {

namespace {

struct LowPass {
  std::vector<double> dec, rec;
};

/// Orthogonal family: the decomposition filter is the reversed reconstruction filter.
LowPass orthogonal(std::vector<double> rec) { return {{rec.rbegin(), rec.rend()}, rec}; }

std::map<std::string, LowPass> low_passes() {
  const double s = std::sqrt(0.5), e = s / 8, r2 = std::sqrt(2.0), r3 = std::sqrt(3.0), r10 = std::sqrt(10.0);
  const double q = std::sqrt(5 + 2 * r10), n2 = 4 * r2, n3 = 16 * r2;
  const LowPass haar{{s, s}, {s, s}};
  return {{"haar", haar},
          {"db1", haar},
          {"bior1.1", haar},
          {"bior1.3", {{-e, e, s, s, e, -e}, {0, 0, s, s, 0, 0}}},
          {"bior2.2", {{0, -r2 / 8, r2 / 4, 3 * r2 / 4, r2 / 4, -r2 / 8}, {0, r2 / 4, r2 / 2, r2 / 4, 0, 0}}},
          {"db2", orthogonal({(1 + r3) / n2, (3 + r3) / n2, (3 - r3) / n2, (1 - r3) / n2})},
          {"db3", orthogonal({(1 + r10 + q) / n3, (5 + r10 + 3 * q) / n3, (10 - 2 * r10 + 2 * q) / n3,
                              (10 - 2 * r10 - 2 * q) / n3, (5 + r10 - 3 * q) / n3, (1 + r10 - q) / n3})}};
}

int64_t front_padding(const FilterBank& bank) {
  return (2 * static_cast<int64_t>(bank.dec_lo.size()) - 3) / 2;
}

int64_t positive_mod(int64_t i, int64_t n) { return ((i % n) + n) % n; }

/// Index in 0..n-1 whose value stands at position i, or -1 for zero.
int64_t source_index(int64_t i, int64_t n, const std::string& mode) {
  if (i >= 0 && i < n) return i;
  if (mode == "zero") return -1;
  if (mode == "constant") return std::clamp<int64_t>(i, 0, n - 1);
  if (mode == "periodic") return positive_mod(i, n);
  if (mode == "symmetric") {
    const int64_t k = positive_mod(i, 2 * n);
    return k < n ? k : 2 * n - 1 - k;
  }
  if (n == 1) return 0;
  const int64_t k = positive_mod(i, 2 * n - 2);
  return k < n ? k : 2 * n - 2 - k;
}

/// (8,1,l,l,l): flipped decomposition filters multiplied in float32, time by height, then by width.
at::Tensor product_filters(const FilterBank& bank) {
  std::vector<at::Tensor> flipped, products;
  for (const auto* filter : {&bank.dec_lo, &bank.dec_hi}) {
    const std::vector<float> values(filter->rbegin(), filter->rend());
    flipped.push_back(at::tensor(values, at::kFloat));
  }
  for (const auto& t : flipped)
    for (const auto& h : flipped)
      for (const auto& w : flipped)
        products.push_back(t.view({-1, 1, 1}) * h.view({1, -1, 1}) * w.view({1, 1, -1}));
  return at::stack(products).unsqueeze(1);
}

/// Where each padded entry of an axis of length n comes from.
at::Tensor padded_positions(const FilterBank& bank, const std::string& mode, int64_t n) {
  const int64_t pad = front_padding(bank);
  std::vector<int64_t> positions;
  for (int64_t i = -pad; i < n + pad + n % 2; ++i) positions.push_back(source_index(i, n, mode));
  return at::tensor(positions, at::kLong);
}

at::Tensor synthesis_matrix(const FilterBank& bank, int64_t n) {
  const int64_t count = coefficient_count(n, bank), pad = front_padding(bank);
  at::Tensor matrix = at::zeros({n, 2 * count});
  auto rows = matrix.accessor<float, 2>();
  for (int band = 0; band < 2; ++band) {
    const auto& filter = band == 0 ? bank.rec_lo : bank.rec_hi;
    for (int64_t m = 0; m < count; ++m)
      for (size_t i = 0; i < filter.size(); ++i) {
        const int64_t at = 2 * m + static_cast<int64_t>(i) - pad;
        if (at >= 0 && at < n) rows[at][2 * m + band] += static_cast<float>(filter[i]);
      }
  }
  return matrix;
}

/// One matrix on each of the three last axes of x (...,T,H,W).
at::Tensor apply(const std::array<at::Tensor, 3>& matrices, at::Tensor x) {
  x = at::linear(x, matrices[2].to(x.device()));
  x = at::matmul(matrices[1].to(x.device()), x);
  const auto sizes = x.sizes().vec();
  x = at::matmul(matrices[0].to(x.device()), x.flatten(3));
  return x.unflatten(-1, {sizes[3], sizes[4]});
}

}  // namespace

FilterBank filter_bank(const std::string& name) {
  const auto known = low_passes();
  const auto it = known.find(name);
  if (it == known.end()) {
    std::vector<std::string> names;
    for (const auto& [wavelet, filters] : known) names.push_back(wavelet);
    throw usage_error("unknown wavelet '" + name + "'", "a supported wavelet", core::suggestion(name, names));
  }
  FilterBank bank{it->second.dec, {}, it->second.rec, {}};
  for (size_t i = 0; i < bank.dec_lo.size(); ++i) {  // quadrature mirrors
    bank.dec_hi.push_back(i % 2 == 0 ? -bank.rec_lo[i] : bank.rec_lo[i]);
    bank.rec_hi.push_back(i % 2 == 0 ? bank.dec_lo[i] : -bank.dec_lo[i]);
  }
  return bank;
}

const std::vector<std::string>& pad_modes() {
  static const std::vector<std::string> modes = {"zero", "constant", "reflect", "symmetric", "periodic"};
  return modes;
}

int64_t coefficient_count(int64_t n, const FilterBank& bank) {
  return (n + static_cast<int64_t>(bank.dec_lo.size()) - 1) / 2;
}

Transform::Transform(const FilterBank& bank, const std::string& pad_mode, std::array<int64_t, 3> sizes)
    : sizes_(sizes), padding_(front_padding(bank)), filters_(product_filters(bank)) {
  for (size_t axis = 0; axis < 3; ++axis) {
    coefficients_[axis] = coefficient_count(sizes[axis], bank);
    if (pad_mode != "zero") positions_[axis] = padded_positions(bank, pad_mode, sizes[axis]);
    synthesis_[axis] = synthesis_matrix(bank, sizes[axis]);
  }
}

at::Tensor Transform::analyse(const at::Tensor& x) const {
  const auto [t, h, w] = coefficients_;
  at::Tensor field = x.permute({0, 4, 1, 2, 3}).reshape({-1, 1, sizes_[0], sizes_[1], sizes_[2]});
  if (positions_[0].defined()) {
    for (size_t axis = 0; axis < 3; ++axis)
      field = field.index_select(static_cast<int64_t>(axis) + 2, positions_[axis].to(x.device()));
  } else {
    const auto behind = [&](size_t axis) { return padding_ + sizes_[axis] % 2; };
    field = at::constant_pad_nd(field, {padding_, behind(2), padding_, behind(1), padding_, behind(0)});
  }
  return at::conv3d(field, filters_.to(x.device()), {}, 2)
      .view({x.size(0), -1, t, h, w})
      .permute({0, 2, 3, 4, 1})
      .contiguous();
}

at::Tensor Transform::synthesise(const at::Tensor& coefficients) const {
  const auto [t, h, w] = coefficients_;
  const at::Tensor bands = coefficients.unflatten(-1, {-1, 2, 2, 2})
                               .permute({0, 4, 1, 5, 2, 6, 3, 7})
                               .reshape({coefficients.size(0), -1, 2 * t, 2 * h, 2 * w});
  return apply(synthesis_, bands).permute({0, 2, 3, 4, 1}).contiguous();
}

at::Tensor fold_time(const at::Tensor& y, int64_t ratio) {
  if (ratio == 1) return y;
  return y.unflatten(1, {ratio, y.size(1) / ratio}).permute({0, 2, 3, 4, 5, 1}).flatten(4);
}

at::Tensor unfold_time(const at::Tensor& y, int64_t ratio) {
  if (ratio == 1) return y;
  return y.unflatten(4, {-1, ratio}).permute({0, 5, 1, 2, 3, 4}).flatten(1, 2);
}

}  // namespace windtunnel::baselines::wdno

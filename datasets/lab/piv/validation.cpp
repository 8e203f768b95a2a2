#include "datasets/lab/piv/validation.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace windtunnel::datasets::lab::piv {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double median(double* values, int count) {
  if (count == 0) return kNone;
  std::sort(values, values + count);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

template <class Use>
void neighbours(int height, int width, int row, int column, Use use) {
  for (int r = std::max(0, row - 1); r <= std::min(height - 1, row + 1); ++r)
    for (int c = std::max(0, column - 1); c <= std::min(width - 1, column + 1); ++c)
      if (r != row || c != column) use(static_cast<size_t>(r) * width + c);
}

}  // namespace

std::vector<uint8_t> normalised_median_test(const VectorField& f, double epsilon, double threshold) {
  std::vector<uint8_t> flags(f.u.size(), 0);
  const auto residual = [&](const std::vector<double>& component, int r, int c, double own) {
    if (std::isnan(own)) return kNone;
    double values[9], block[9];
    int count = 0;
    neighbours(f.height, f.width, r, c, [&](size_t k) {
      if (!std::isnan(component[k])) values[count++] = component[k];
    });
    std::copy_n(values, count, block);
    block[count] = own;
    const double middle = median(values, count), block_middle = median(block, count + 1);
    for (int i = 0; i < count; ++i) values[i] = std::abs(values[i] - middle);
    return std::abs(own - block_middle) / (median(values, count) + epsilon);
  };
  for (int r = 0; r < f.height; ++r)
    for (int c = 0; c < f.width; ++c) {
      const size_t k = static_cast<size_t>(r) * f.width + c;
      const double ru = residual(f.u, r, c, f.u[k]), rv = residual(f.v, r, c, f.v[k]);
      flags[k] = std::sqrt(ru * ru + rv * rv) > threshold;  // false for NaN
    }
  return flags;
}

void fill_gaps(VectorField& f, const std::vector<uint8_t>& blank, int passes) {
  for (size_t k = 0; k < f.u.size(); ++k)
    if (blank[k]) f.u[k] = f.v[k] = kNone;
  for (int pass = 0; pass < passes; ++pass) {
    const VectorField before = f;
    bool changed = false;
    for (int r = 0; r < f.height; ++r)
      for (int c = 0; c < f.width; ++c) {
        const size_t k = static_cast<size_t>(r) * f.width + c;
        if (blank[k] || !std::isnan(before.u[k])) continue;
        double u = 0, v = 0;
        int count = 0;
        neighbours(f.height, f.width, r, c, [&](size_t n) {
          if (std::isnan(before.u[n])) return;
          u += before.u[n];
          v += before.v[n];
          ++count;
        });
        if (count == 0) continue;
        f.u[k] = u / count;
        f.v[k] = v / count;
        changed = true;
      }
    if (!changed) break;
  }
  for (size_t k = 0; k < f.u.size(); ++k)
    if (std::isnan(f.u[k])) f.u[k] = f.v[k] = 0;
}

void median_filter(VectorField& f, const std::vector<uint8_t>& blank) {
  const VectorField before = f;
  for (int r = 0; r < f.height; ++r)
    for (int c = 0; c < f.width; ++c) {
      const size_t k = static_cast<size_t>(r) * f.width + c;
      if (blank[k]) continue;
      double u[9] = {before.u[k]}, v[9] = {before.v[k]};
      int count = 1;
      neighbours(f.height, f.width, r, c, [&](size_t n) {
        if (blank[n]) return;
        u[count] = before.u[n];
        v[count++] = before.v[n];
      });
      f.u[k] = median(u, count);
      f.v[k] = median(v, count);
    }
}

}  // namespace windtunnel::datasets::lab::piv

#include <algorithm>
#include <cmath>

#include "datasets/lab/piv/correlation.h"

namespace windtunnel::datasets::lab::piv {
namespace {

/// (n,n) window minus mean over standard deviation; outside the centred `used` pixels zero after that.
std::vector<double> normalised(const GreyImage& image, int row, int column, int n, int used) {
  const int skip = (n - used) / 2;
  std::vector<double> w(static_cast<size_t>(n) * n, 0.0);
  double mean = 0, squares = 0;
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < n; ++c) {
      const double v = image.at(row + r, column + c);
      w[static_cast<size_t>(r) * n + c] = v;
      mean += v;
    }
  mean /= n * n;
  for (auto& v : w) {
    v -= mean;
    squares += v * v;
  }
  const double deviation = std::sqrt(squares / (n * n));
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < n; ++c) {
      const bool inside = r >= skip && c >= skip && r < n - skip && c < n - skip;
      auto& v = w[static_cast<size_t>(r) * n + c];
      v = inside && deviation > 0 ? v / deviation : 0;
    }
  return w;
}

}  // namespace

void correlate_reference(const GreyImage& a, const GreyImage& b, const CorrelationOptions& options,
                         const std::vector<WindowPair>& windows, std::vector<Displacement>& result) {
  const int n = options.search;
  std::vector<double> map(static_cast<size_t>(n) * n);
  result.clear();
  for (const auto& pair : windows) {
    const auto wa = normalised(a, pair.row_a, pair.column_a, n, options.window);
    const auto wb = normalised(b, pair.row_b, pair.column_b, n, n);
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) {
        const int dr = i - n / 2, dc = j - n / 2;
        double sum = 0;
        for (int r = 0; r < n; ++r) {
          const bool wraps = r + dr < 0 || r + dr >= n;
          if (options.linear && wraps) continue;
          const double* from = wa.data() + static_cast<size_t>(r) * n;
          const double* to = wb.data() + static_cast<size_t>((r + dr + n) % n) * n;
          // Columns of b below 0, inside, and beyond the end.
          const int begin = std::max(0, -dc), end = std::min(n, n - dc);
          for (int c = begin; c < end; ++c) sum += from[c] * to[c + dc];
          if (options.linear) continue;
          for (int c = 0; c < begin; ++c) sum += from[c] * to[c + dc + n];
          for (int c = end; c < n; ++c) sum += from[c] * to[c + dc - n];
        }
        map[static_cast<size_t>(i) * n + j] = sum / (n * n);
      }
    result.push_back(find_displacement(map.data(), n));
  }
}

}  // namespace windtunnel::datasets::lab::piv

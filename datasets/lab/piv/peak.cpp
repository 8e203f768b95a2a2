#include <algorithm>
#include <cmath>

#include "datasets/lab/piv/correlation.h"
#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab::piv {

template <class T>
Displacement find_displacement(const T* map, int size, int64_t stride) {
  const auto value = [&](int r, int c) {
    return static_cast<double>(map[(static_cast<int64_t>(r) * size + c) * stride]);
  };
  int row = 0, column = 0;
  double highest = value(0, 0);
  for (int r = 0; r < size; ++r)
    for (int c = 0; c < size; ++c)
      if (const double v = value(r, c); v > highest) {
        highest = v;
        row = r;
        column = c;
      }
  Displacement d;
  double second = 0;
  for (int r = 0; r < size; ++r)
    for (int c = 0; c < size; ++c)
      if (std::abs(r - row) > 2 || std::abs(c - column) > 2) second = std::max(second, value(r, c));
  d.peak_ratio = second > 0 ? highest / second : 0;
  if (row == 0 || column == 0 || row == size - 1 || column == size - 1) return d;

  constexpr double kFloor = 1e-7;  // keeps the logarithms finite
  double cross[5] = {value(row, column), value(row - 1, column), value(row + 1, column),
                     value(row, column - 1), value(row, column + 1)};
  bool positive = true;
  for (auto& c : cross) {
    c += kFloor;
    positive = positive && c > 0;
  }
  if (positive)
    for (auto& c : cross) c = log_of(c);
  const auto refine = [&](double before, double after) {
    const double bottom = 2 * before - 4 * cross[0] + 2 * after;
    return bottom == 0 ? 0.0 : (before - after) / bottom;
  };
  d.v = row - size / 2 + refine(cross[1], cross[2]);
  d.u = column - size / 2 + refine(cross[3], cross[4]);
  return d;
}

template Displacement find_displacement<float>(const float*, int, int64_t);
template Displacement find_displacement<double>(const double*, int, int64_t);

}  // namespace windtunnel::datasets::lab::piv

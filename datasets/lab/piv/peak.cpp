#include <algorithm>
#include <cmath>

#include "datasets/lab/piv/correlation.h"
#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab::piv {

template <class T>
Displacement refine_peak(const T* map, int size, int64_t stride, int row, int column, double second) {
  const auto value = [&](int r, int c) {
    return static_cast<double>(map[(static_cast<int64_t>(r) * size + c) * stride]);
  };
  Displacement d;
  d.peak_ratio = second > 0 ? value(row, column) / second : 0;
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

template Displacement refine_peak<float>(const float*, int, int64_t, int, int, double);
template Displacement refine_peak<double>(const double*, int, int64_t, int, int, double);

Displacement find_displacement(const double* map, int size) {
  const auto value = [&](int r, int c) { return map[static_cast<int64_t>(r) * size + c]; };
  int row = 0, column = 0;
  for (int r = 0; r < size; ++r)
    for (int c = 0; c < size; ++c)
      if (value(r, c) > value(row, column)) {
        row = r;
        column = c;
      }
  double second = 0;
  for (int r = 0; r < size; ++r)
    for (int c = 0; c < size; ++c)
      if (std::abs(r - row) > 2 || std::abs(c - column) > 2) second = std::max(second, value(r, c));
  return refine_peak(map, size, 1, row, column, second);
}

}  // namespace windtunnel::datasets::lab::piv

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "datasets/lab/periodic/options.h"

namespace windtunnel::datasets::lab {

/// Solver steps, none longer than `step`, that make up `interval`.
inline int64_t steps_between(double interval, double step) {
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(interval / step - 1e-9)));
}

/// Distance of two places on a circle of circumference `length`.
inline double periodic_distance(double a, double b, double length) {
  const double d = std::abs(a - b);
  return std::min(d, length - d);
}

/// Every refinement-th point of solver fields (H r, W r), one per component: (H,W) or (H,W,components).
std::vector<float> delivered(const std::vector<const std::vector<double>*>& components,
                             const PeriodicOptions& options);

}  // namespace windtunnel::datasets::lab

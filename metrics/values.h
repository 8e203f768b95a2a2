#pragma once

#include <vector>

#include "core/array.h"

namespace windtunnel::metrics {

/// Dense row-major float64 results, for example (B,T,C).
struct Values {
  core::Shape shape;
  std::vector<double> data;

  Values() = default;
  explicit Values(core::Shape s) : shape(std::move(s)), data(static_cast<size_t>(core::numel(shape)), 0.0) {}
};

/// Plain mean of all entries; NaN if there are none.
double mean(const Values& values);

}  // namespace windtunnel::metrics

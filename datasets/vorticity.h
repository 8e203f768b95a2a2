#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "datasets/scenario.h"

namespace windtunnel::datasets {

/// w = dv/dx - du/dy of one frame (H,W), x along rows and y down the columns: central differences inside,
/// one-sided ones at the border. `dx`, `dy`: distance of neighbours in m (1/s results), or 1 (per cell). At
/// least 2 x 2 points.
std::vector<float> vorticity(const float* u, const float* v, int64_t height, int64_t width, double dx,
                             double dy);

/// Fields that form the velocity in the plane: the first two of `side` whose unit is m/s.
std::optional<std::array<int64_t, 2>> velocity_fields(const Scenario& scenario, Side side);

}  // namespace windtunnel::datasets

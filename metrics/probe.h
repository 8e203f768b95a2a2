#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/array.h"

namespace windtunnel::metrics {

inline constexpr int kStations = 4;  ///< stations behind the body
inline constexpr int kProbes = 9;    ///< probes across the wake at each station

/// Body geometry in pixels of the stored measured grid, before the spatial stride.
struct ProbeGeometry {
  int64_t diameter = 0, center_x = 0, center_y = 0, stride = 1;
};

/// Stations stand 1D..4D behind the centre if the test station is inside the grid, else 1D, 1.5D, 2D, 2.5D.
/// The published evaluator tests the station at 2D, the published comparison script that at 4D (the intended
/// one).
enum class ProbeRule { two_diameters, four_diameters };

/// Probe positions in pixels of the delivered grid.
struct ProbeLayout {
  std::array<int64_t, kStations> x{};
  std::array<int64_t, kProbes> y{};
  /// Empty if every probe is inside H x W, else which one is not.
  std::string outside(int64_t height, int64_t width) const;
};
ProbeLayout probe_layout(const ProbeGeometry& geometry, int64_t height, int64_t width, ProbeRule rule);

/// Time-averaged profiles at one station, (probe, channel).
struct ProbeProfiles {
  int64_t channels = 0;
  std::array<std::vector<double>, kStations> prediction, target;
};

/// Frames that are averaged; horizon 0 means all of them.
struct ProbeWindow {
  int64_t start_prediction = 0, start_target = 0, horizon = 0;
};

/// Profiles of one sample (T,H,W,C) over channels [0,channels). Data error if a probe is outside the grid or
/// the window outside the sample.
ProbeProfiles probe_profiles(const float* prediction, const core::Shape& prediction_shape,
                             const float* target, const core::Shape& target_shape, const ProbeLayout& layout,
                             int64_t channels, ProbeWindow window = {});

/// Mean over probes and channels of |P_avg - Y_avg| at each station.
std::array<double, kStations> station_errors(const ProbeProfiles& profiles);

/// Frame t in [0, limit) of a field (T,H,W,C) with the smallest 2-norm over H, W and channels [0,channels):
/// where long measured and simulated series are lined up before their profiles are compared. The first of
/// equals.
int64_t quietest_frame(const float* field, const core::Shape& shape, int64_t channels, int64_t limit);

}  // namespace windtunnel::metrics

#include "metrics/probe.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace windtunnel::metrics {

ProbeLayout probe_layout(const ProbeGeometry& g, int64_t height, int64_t width, ProbeRule rule) {
  if (g.stride < 1 || g.diameter < 1)
    throw core::usage_error("probe geometry with diameter " + std::to_string(g.diameter) + " and stride " +
                                std::to_string(g.stride),
                            "both at least 1");
  const auto stride = static_cast<double>(g.stride);
  const auto station = [&](double diameters) {
    return static_cast<int64_t>(
        std::trunc((diameters * static_cast<double>(g.diameter) + static_cast<double>(g.center_x)) / stride));
  };
  ProbeLayout layout;
  const bool full_spacing = station(rule == ProbeRule::two_diameters ? 2 : 4) < width;
  for (int i = 0; i < kStations; ++i)
    layout.x[static_cast<size_t>(i)] = station(full_spacing ? i + 1 : 0.5 * (i + 2));
  const auto row = static_cast<int64_t>(std::trunc(static_cast<double>(g.center_y) / stride));
  const int64_t spacing = std::min<int64_t>(2, height / 10);
  for (int j = 0; j < kProbes; ++j) layout.y[static_cast<size_t>(j)] = row + spacing * (j - kProbes / 2);
  return layout;
}

std::string ProbeLayout::outside(int64_t height, int64_t width) const {
  for (const int64_t column : x)
    if (column < 0 || column >= width)
      return "probe station at column " + std::to_string(column) + " is outside the grid of width " +
             std::to_string(width);
  for (const int64_t row : y)
    if (row < 0 || row >= height)
      return "probe at row " + std::to_string(row) + " is outside the grid of height " +
             std::to_string(height);
  return "";
}

namespace {

std::vector<double> profile(const float* field, const core::Shape& shape, const ProbeLayout& layout,
                            int64_t column, int64_t channels, int64_t start, int64_t horizon) {
  const int64_t height = shape[1], width = shape[2], stride = shape[3];
  std::vector<double> means(static_cast<size_t>(kProbes * channels));
  for (int64_t t = start; t < start + horizon; ++t)
    for (int p = 0; p < kProbes; ++p) {
      const float* values =
          field + ((t * height + layout.y[static_cast<size_t>(p)]) * width + column) * stride;
      for (int64_t c = 0; c < channels; ++c) means[static_cast<size_t>(p * channels + c)] += values[c];
    }
  for (double& mean : means) mean /= static_cast<double>(horizon);
  return means;
}

}  // namespace

ProbeProfiles probe_profiles(const float* prediction, const core::Shape& prediction_shape,
                             const float* target, const core::Shape& target_shape, const ProbeLayout& layout,
                             int64_t channels, ProbeWindow window) {
  for (const core::Shape* shape : {&prediction_shape, &target_shape}) {
    if (shape->size() != 4 || (*shape)[3] < channels)
      throw core::data_error("probe field of shape " + core::to_string(*shape),
                             "(T,H,W,C) with at least " + std::to_string(channels) + " channels");
    if (const auto where = layout.outside((*shape)[1], (*shape)[2]); !where.empty())
      throw core::data_error(where, "all " + std::to_string(kStations * kProbes) + " probes inside the grid",
                             "choose the rule that tests the last station, or a body nearer to the inlet");
  }
  if (window.horizon == 0) window.horizon = std::min(prediction_shape[0], target_shape[0]);
  if (window.start_prediction < 0 || window.start_target < 0 || window.horizon < 1 ||
      window.start_prediction + window.horizon > prediction_shape[0] ||
      window.start_target + window.horizon > target_shape[0])
    throw core::data_error(
        "probe window of " + std::to_string(window.horizon) + " frames from " +
            std::to_string(window.start_prediction) + " and " + std::to_string(window.start_target),
        "frames inside " + core::to_string(prediction_shape) + " and " + core::to_string(target_shape));
  ProbeProfiles result;
  result.channels = channels;
  for (size_t s = 0; s < kStations; ++s) {
    result.prediction[s] = profile(prediction, prediction_shape, layout, layout.x[s], channels,
                                   window.start_prediction, window.horizon);
    result.target[s] =
        profile(target, target_shape, layout, layout.x[s], channels, window.start_target, window.horizon);
  }
  return result;
}

std::array<double, kStations> station_errors(const ProbeProfiles& profiles) {
  std::array<double, kStations> errors{};
  for (size_t s = 0; s < kStations; ++s) {
    for (size_t n = 0; n < profiles.prediction[s].size(); ++n)
      errors[s] += std::abs(profiles.prediction[s][n] - profiles.target[s][n]);
    errors[s] /= static_cast<double>(profiles.prediction[s].size());
  }
  return errors;
}

int64_t quietest_frame(const float* field, const core::Shape& shape, int64_t channels, int64_t limit) {
  if (shape.size() != 4 || shape[3] < channels || limit < 1 || limit > shape[0])
    throw core::data_error("field of shape " + core::to_string(shape) + ", " + std::to_string(channels) +
                               " channels, frames below " + std::to_string(limit),
                           "(T,H,W,C) with at least that many frames and channels");
  const int64_t points = shape[1] * shape[2];
  int64_t best = 0;
  double smallest = std::numeric_limits<double>::infinity();
  for (int64_t t = 0; t < limit; ++t) {
    double squares = 0;
    for (int64_t i = 0; i < points; ++i)
      for (int64_t c = 0; c < channels; ++c) {
        const double value = field[(t * points + i) * shape[3] + c];
        squares += value * value;
      }
    if (squares < smallest) {
      smallest = squares;
      best = t;
    }
  }
  return best;
}

}  // namespace windtunnel::metrics

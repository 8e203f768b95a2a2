#include <algorithm>
#include <cmath>

#include "metrics/field_layout.h"
#include "metrics/well.h"

namespace windtunnel::metrics {
namespace {

constexpr double kFar =
    1e12;  // cost of cells that no path may take; the whole first row and column but the corner

/// (T, points) of one sample and channel, each point divided by its 2-norm over channels.
std::vector<double> series(const core::Array& field, const FieldLayout& layout, int64_t b, int64_t c) {
  const int64_t steps = layout.lead[1], n = steps * layout.points, channels = layout.channels;
  std::vector<double> result(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    const float* values = field.data.data() + (b * n + i) * channels;
    double squares = 0;
    for (int64_t k = 0; k < channels; ++k) squares += double{values[k]} * values[k];
    result[static_cast<size_t>(i)] = values[c] / (std::sqrt(squares) + kWellEpsilon);
  }
  return result;
}

}  // namespace

TimeWarp windowed_dtw(const core::Array& prediction, const core::Array& target, int space, int64_t band) {
  require_same_shape(prediction, target);
  const FieldLayout layout(target, space);
  layout.require_batch_time(target);
  const int64_t batch = layout.lead[0], steps = layout.lead[1], channels = layout.channels,
                points = layout.points;
  TimeWarp result{Values({batch, 1, channels}), Values({batch, 1, channels})};
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t c = 0; c < channels; ++c) {
      const auto x = series(prediction, layout, b, c), y = series(target, layout, b, c);
      std::vector<double> cells(static_cast<size_t>(steps * steps), kFar);
      const auto at = [&](int64_t i, int64_t j) -> double& {
        return cells[static_cast<size_t>(i * steps + j)];
      };
      at(0, 0) = 0;
      for (int64_t i = 1; i < steps; ++i)
        for (int64_t j = std::max<int64_t>(1, i - band); j < std::min(steps, i + band); ++j) {
          double cost = 0;
          for (int64_t k = 0; k < points; ++k) {
            const double d = x[static_cast<size_t>(i * points + k)] - y[static_cast<size_t>(j * points + k)];
            cost += d * d;
          }
          at(i, j) =
              cost / static_cast<double>(points) + std::min({at(i - 1, j), at(i, j - 1), at(i - 1, j - 1)});
        }
      double distortion = 0;
      for (int64_t j = 0; j < steps; ++j) {
        int64_t best = 0;
        for (int64_t i = 1; i < steps; ++i)
          if (at(i, j) < at(best, j)) best = i;
        distortion += static_cast<double>(std::abs(best - j));
      }
      const auto slot = static_cast<size_t>(b * channels + c);
      result.distance.data[slot] = std::sqrt(at(steps - 1, steps - 1) / static_cast<double>(steps));
      result.distortion.data[slot] = distortion / static_cast<double>(steps);
    }
  return result;
}

}  // namespace windtunnel::metrics

#include "datasets/lab/wake_statistics.h"

#include <algorithm>
#include <cmath>

#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {

double dominant_frequency(const std::vector<double>& signal, double step, double highest) {
  const size_t n = signal.size();
  if (n < 8) return 0;
  double mean = 0, variance = 0;
  for (double s : signal) mean += s / static_cast<double>(n);
  std::vector<double> windowed(n);
  for (size_t i = 0; i < n; ++i) {
    variance += (signal[i] - mean) * (signal[i] - mean);
    windowed[i] =
        (signal[i] - mean) * (1 - cos_turns((static_cast<double>(i) + 0.5) / static_cast<double>(n)));
  }
  if (!(variance > 1e-16 * static_cast<double>(n))) return 0;

  const double length = step * static_cast<double>(n), resolution = 0.25 / length;
  const auto power_at = [&](double frequency) {
    // One rotation per sample instead of one sine.
    const double c = cos_turns(frequency * step), s = sin_turns(frequency * step);
    double x = 1, y = 0, re = 0, im = 0;
    for (double w : windowed) {
      re += w * x;
      im += w * y;
      const double next = c * x - s * y;
      y = s * x + c * y;
      x = next;
    }
    return re * re + im * im;
  };
  std::vector<double> spectrum;
  for (double f = resolution; f <= highest + 2 * resolution; f += resolution) spectrum.push_back(power_at(f));
  if (spectrum.size() < 3) return 0;
  const size_t peak = std::max_element(spectrum.begin() + 1, spectrum.end() - 1) - spectrum.begin();
  const double a = std::sqrt(spectrum[peak - 1]), b = std::sqrt(spectrum[peak]),
               c = std::sqrt(spectrum[peak + 1]);
  const double shift = a - 2 * b + c == 0 ? 0 : std::clamp(0.5 * (a - c) / (a - 2 * b + c), -0.5, 0.5);
  return (static_cast<double>(peak) + 1 + shift) * resolution;
}

WakeStatistics wake_statistics(const std::vector<Vec2>& forces, double step) {
  WakeStatistics result;
  if (forces.empty()) return result;
  const auto n = static_cast<double>(forces.size());
  std::vector<double> lift;
  double low = forces[0].x, high = low;
  for (const auto& f : forces) {
    result.drag += 2 * f.x / n;
    result.lift += 2 * f.y / n;
    low = std::min(low, f.x);
    high = std::max(high, f.x);
    lift.push_back(2 * f.y);
  }
  result.drag_amplitude = high - low;
  double squares = 0;
  for (double l : lift) squares += (l - result.lift) * (l - result.lift);
  result.lift_rms = std::sqrt(squares / n);
  const auto [min, max] = std::minmax_element(lift.begin(), lift.end());
  result.lift_amplitude = (*max - *min) / 2;
  // A signal of a few hundred points per period is enough; the scan costs points x frequencies.
  const size_t stride = std::max<size_t>(1, static_cast<size_t>(0.02 / step));
  std::vector<double> thinned;
  for (size_t i = 0; i < lift.size(); i += stride) thinned.push_back(lift[i]);
  result.strouhal = dominant_frequency(thinned, step * static_cast<double>(stride), 2.0);
  return result;
}

}  // namespace windtunnel::datasets::lab

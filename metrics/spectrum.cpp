#include "metrics/spectrum.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <tuple>

namespace windtunnel::metrics {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Round to nearest of a multiple of 1/3: a tie cannot occur.
int64_t rounded_third(int64_t n) { return (2 * n + 3) / 6; }

ModeBins build(int64_t frames, int64_t height, int64_t width) {
  ModeBins list;
  list.frames = frames;
  list.height = height;
  list.width = width;
  const int64_t n = std::min({frames / 2, height / 2, width / 2});
  list.bins = n;
  list.low = rounded_third(n);
  list.high = rounded_third(2 * n);
  list.counts.assign(static_cast<size_t>(n), 0);
  // A mode with an index of n or more has a radius of n or more.
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t k = 0; k < n; ++k) {
        const int64_t radius = integer_sqrt(i * i + j * j + k * k);
        if (radius >= n) break;
        list.modes.push_back({static_cast<int32_t>(i), static_cast<int32_t>(j), static_cast<int32_t>(k),
                              static_cast<int32_t>(radius)});
        ++list.counts[static_cast<size_t>(radius)];
      }
  return list;
}

}  // namespace

int64_t integer_sqrt(int64_t n) {
  auto r = static_cast<int64_t>(std::sqrt(static_cast<double>(n)));
  while (r * r > n) --r;
  while ((r + 1) * (r + 1) <= n) ++r;
  return r;
}

std::shared_ptr<const ModeBins> mode_bins(int64_t frames, int64_t height, int64_t width) {
  static std::mutex mutex;
  static std::map<std::tuple<int64_t, int64_t, int64_t>, std::shared_ptr<const ModeBins>> lists;
  std::lock_guard lock(mutex);
  auto& slot = lists[{frames, height, width}];
  if (!slot) slot = std::make_shared<const ModeBins>(build(frames, height, width));
  return slot;
}

Spectrum make_spectrum(const ModeBins& bins, int64_t channels, const std::vector<double>& error_energy,
                       const std::vector<double>& target_energy, int64_t samples, bool bin_mean) {
  Spectrum s;
  s.bins = bins.bins;
  s.low = bins.low;
  s.high = bins.high;
  s.channels = channels;
  s.modes_per_bin = bins.counts;
  const double points =
      static_cast<double>(bins.frames) * static_cast<double>(bins.height) * static_cast<double>(bins.width);
  const auto amplitude = [&](const std::vector<double>& energy) {
    std::vector<double> result(energy.size());
    for (size_t n = 0; n < energy.size(); ++n) {
      const double modes =
          bin_mean ? static_cast<double>(bins.counts[n / static_cast<size_t>(channels)]) : 1.0;
      result[n] = std::sqrt(energy[n] / static_cast<double>(samples) / modes) / points;
    }
    return result;
  };
  s.error = amplitude(error_energy);
  s.target = amplitude(target_energy);
  return s;
}

double band_error(const Spectrum& s, int64_t from, int64_t to) {
  if (to <= from) return kNan;
  double sum = 0;
  for (int64_t r = from; r < to; ++r)
    for (int64_t c = 0; c < s.channels; ++c) sum += s.error_at(r, c);
  return sum / static_cast<double>((to - from) * s.channels);
}

double band_relative_error(const Spectrum& s, int64_t from, int64_t to, bool skip_zero) {
  // Amplitudes below this share of the channel's largest are rounding noise of the transform: data of float32
  // precision cannot be so quiet in one bin.
  constexpr double kNoise = 1e-13;
  double sum = 0;
  int64_t count = 0;
  for (int64_t r = from; r < to; ++r)
    for (int64_t c = 0; c < s.channels; ++c) {
      if (skip_zero) {
        double largest = 0;
        for (int64_t q = 0; q < s.bins; ++q) largest = std::max(largest, s.target_at(q, c));
        if (s.target_at(r, c) <= kNoise * largest) continue;
      }
      sum += s.error_at(r, c) / s.target_at(r, c);
      ++count;
    }
  return count == 0 ? kNan : sum / static_cast<double>(count);
}

}  // namespace windtunnel::metrics

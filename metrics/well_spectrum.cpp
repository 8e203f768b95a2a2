#include <algorithm>
#include <cmath>
#include <numbers>

#include "metrics/fft.h"
#include "metrics/field_layout.h"
#include "metrics/well.h"

namespace windtunnel::metrics {
namespace {

/// Every mode of the halved spectrum of a real field: its bin (edges.size() - 1 for the open last one, -1 for
/// none) and how often it stands in the full spectrum.
struct WaveBins {
  std::vector<double> edges;
  std::vector<int> bin;
  std::vector<double> weight;
  std::vector<double> counts;  ///< per bin, the open one last
};

double frequency(int64_t i, int64_t n) {
  const int64_t signed_index = 2 * i < n ? i : i - n;
  return 2 * std::numbers::pi * static_cast<double>(signed_index) / static_cast<double>(n);
}

/// pi sqrt(axes): the corner of the wavenumber cube, the range's nominal end.
double corner(size_t axes) { return std::numbers::pi * std::sqrt(static_cast<double>(axes)); }

WaveBins wave_bins(const std::vector<int>& shape, std::vector<double> edges) {
  WaveBins bins;
  bins.edges = std::move(edges);
  const auto half = [&](size_t a) { return a + 1 == shape.size() ? shape[a] / 2 + 1 : shape[a]; };
  size_t modes = 1;
  for (size_t a = 0; a < shape.size(); ++a) modes *= static_cast<size_t>(half(a));
  bins.counts.assign(bins.edges.size(), 0.0);
  for (size_t m = 0; m < modes; ++m) {
    double squares = 0, weight = 1;
    size_t rest = m;
    for (size_t a = shape.size(); a-- > 0;) {
      const auto i = static_cast<int64_t>(rest % static_cast<size_t>(half(a)));
      rest /= static_cast<size_t>(half(a));
      const double f = frequency(i, shape[a]);
      squares += f * f;
      if (a + 1 == shape.size()) weight = half_weight(i, shape[a]);
    }
    const auto above = std::upper_bound(bins.edges.begin(), bins.edges.end(), std::sqrt(squares));
    const int bin = static_cast<int>(above - bins.edges.begin()) - 1;
    bins.bin.push_back(bin);
    bins.weight.push_back(weight);
    if (bin >= 0) bins.counts[static_cast<size_t>(bin)] += weight;
  }
  return bins;
}

/// |DFT|^2 of channel slices, one at a time.
class PowerTransform {
 public:
  explicit PowerTransform(const std::vector<int>& shape) : fft_(Fft::real(shape)) {
    size_t in = 1, out = 1;
    for (size_t a = 0; a < shape.size(); ++a) {
      in *= static_cast<size_t>(shape[a]);
      out *= static_cast<size_t>(a + 1 == shape.size() ? shape[a] / 2 + 1 : shape[a]);
    }
    in_ = FftBuffer<double>(in);
    out_ = FftBuffer<Complex>(out);
  }
  double* in() { return in_.data(); }
  size_t modes() const { return out_.size(); }
  void run() { fft_.run(in_.data(), out_.data()); }
  double power(size_t mode) const { return std::norm(out_[mode]); }

 private:
  const Fft& fft_;
  FftBuffer<double> in_;
  FftBuffer<Complex> out_;
};

}  // namespace

SpectralErrors binned_spectral_mse(const core::Array& prediction, const core::Array& target, int space,
                                   int bins) {
  require_same_shape(prediction, target);
  const FieldLayout layout(target, space);
  if (bins < 1) throw core::usage_error(std::to_string(bins) + " spectral bins", "at least 1");
  const int longest = *std::max_element(layout.space.begin(), layout.space.end());
  const double first = std::log(2 * std::numbers::pi / longest);
  const double last = std::log(corner(layout.space.size()) + 1e-6);
  std::vector<double> edges;
  for (int q = 0; q <= bins; ++q) edges.push_back(std::exp(first + (last - first) * q / bins));
  edges.front() = 0;
  edges.back() = corner(layout.space.size()) + 1e-6;
  const WaveBins waves = wave_bins(layout.space, edges);

  SpectralErrors result;
  result.edges = edges;
  result.mse.assign(static_cast<size_t>(bins), Values(layout.result_shape()));
  result.nmse = result.mse;
  PowerTransform transform(layout.space);
  const double squared_points = static_cast<double>(layout.points) * static_cast<double>(layout.points);
  const auto n = static_cast<size_t>(bins);
  for (int64_t o = 0; o < layout.outer; ++o)
    for (int64_t c = 0; c < layout.channels; ++c) {
      const int64_t start = o * layout.points * layout.channels + c;
      const auto binned = [&](bool error) {
        for (int64_t i = 0; i < layout.points; ++i) {
          const auto at = static_cast<size_t>(start + i * layout.channels);
          transform.in()[i] = error ? double{prediction.data[at]} - target.data[at] : double{target.data[at]};
        }
        transform.run();
        std::vector<double> sums(n + 1);
        for (size_t m = 0; m < transform.modes(); ++m)
          if (waves.bin[m] >= 0)
            sums[static_cast<size_t>(waves.bin[m])] += waves.weight[m] * transform.power(m);
        for (size_t q = 0; q < n; ++q)
          sums[q] = sums[q] / (waves.counts[q] + kWellEpsilon) * waves.counts[q] / squared_points;
        return sums;
      };
      const auto error = binned(true), truth = binned(false);
      for (size_t q = 0; q < n; ++q) {
        const auto at = static_cast<size_t>(o * layout.channels + c);
        result.mse[q].data[at] = error[q];
        result.nmse[q].data[at] = error[q] / (truth[q] + kWellEpsilon);
      }
    }
  return result;
}

PowerSpectrum power_spectrum(const core::Array& field, int space, std::vector<double> edges) {
  const FieldLayout layout(field, space);
  layout.require_batch_time(field);
  if (edges.empty()) {
    const int shortest = *std::min_element(layout.space.begin(), layout.space.end());
    double largest = 0;
    for (const int n : layout.space) {
      const double f = 2 * std::numbers::pi * static_cast<double>(n / 2) / n;
      largest += f * f;
    }
    const double end = std::sqrt(largest) + 1e-6;
    const int count = static_cast<int>(std::sqrt(static_cast<double>(shortest)));
    for (int k = 0; k < count; ++k) edges.push_back(count == 1 ? 0 : end * k / (count - 1));
  }
  const WaveBins waves = wave_bins(layout.space, edges);
  const size_t bins = edges.size() - 1;
  PowerSpectrum result;
  result.edges = edges;
  result.counts = waves.counts;
  result.mean = Values({layout.lead[0], layout.lead[1], static_cast<int64_t>(bins), layout.channels});
  result.deviation = result.mean;
  PowerTransform transform(layout.space);
  for (int64_t o = 0; o < layout.outer; ++o)
    for (int64_t c = 0; c < layout.channels; ++c) {
      for (int64_t i = 0; i < layout.points; ++i)
        transform.in()[i] = field.data[static_cast<size_t>((o * layout.points + i) * layout.channels + c)];
      transform.run();
      std::vector<double> mean(bins + 1), squares(bins + 1);
      for (size_t m = 0; m < transform.modes(); ++m)
        if (waves.bin[m] >= 0)
          mean[static_cast<size_t>(waves.bin[m])] += waves.weight[m] * transform.power(m);
      for (size_t q = 0; q <= bins; ++q) mean[q] /= waves.counts[q] + kWellEpsilon;
      for (size_t m = 0; m < transform.modes(); ++m)
        if (waves.bin[m] >= 0) {
          const auto q = static_cast<size_t>(waves.bin[m]);
          const double deviation = transform.power(m) - mean[q];
          squares[q] += waves.weight[m] * deviation * deviation;
        }
      for (size_t q = 0; q < bins; ++q) {
        const size_t at = (static_cast<size_t>(o) * bins + q) * static_cast<size_t>(layout.channels) +
                          static_cast<size_t>(c);
        result.mean.data[at] = mean[q];
        result.deviation.data[at] = std::sqrt(squares[q] / (waves.counts[q] + kWellEpsilon));
      }
    }
  return result;
}

}  // namespace windtunnel::metrics

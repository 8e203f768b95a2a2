#include "metrics/pdebench.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "metrics/fft.h"
#include "metrics/field_layout.h"
#include "metrics/spectrum.h"

namespace windtunnel::metrics {
namespace {

/// Fields (b, x.., t, c): value of point i, time t, channel c.
struct Slices {
  int64_t batch, points, steps, channels, first;
  std::vector<int> space;

  Slices(const core::Array& field, int64_t initial_step) {
    const size_t axes = field.shape.size();
    if (axes < 4 || axes > 6 || field.numel() == 0)
      throw core::data_error("field of shape " + core::to_string(field.shape),
                             "(batch, x.., t, c), 1 to 3 spatial axes");
    batch = field.shape[0];
    points = 1;
    for (size_t a = 1; a + 2 < axes; ++a) {
      space.push_back(static_cast<int>(field.shape[a]));
      points *= field.shape[a];
    }
    steps = field.shape[axes - 2];
    channels = field.shape[axes - 1];
    first = initial_step;
    if (first < 0 || first >= steps)
      throw core::usage_error("initial_step " + std::to_string(first),
                              "0 to " + std::to_string(steps - 1) + ", fewer than the field's time steps");
  }
  int64_t scored() const { return steps - first; }
  double at(const core::Array& field, int64_t b, int64_t i, int64_t t, int64_t c) const {
    return field.data[static_cast<size_t>(((b * points + i) * steps + first + t) * channels + c)];
  }
};

/// Sum of squared errors over the faces of the grid (edges and corners count once per face) and the number of
/// face points.
struct Boundary {
  std::vector<int64_t> points;  ///< with repetitions
  double divisor = 0;

  explicit Boundary(const std::vector<int>& space) {
    const size_t axes = space.size();
    int64_t total = 1;
    for (const int n : space) total *= n;
    for (int64_t i = 0; i < total; ++i) {
      int64_t rest = i;
      for (size_t a = axes; a-- > 0;) {
        const int64_t index = rest % space[a];
        rest /= space[a];
        if (index == 0) points.push_back(i);
        if (index == space[a] - 1) points.push_back(i);
      }
    }
    divisor = static_cast<double>(points.size());
  }
};

/// Energy of the error per bin, summed over the batch. 1D: every non-negative mode is a bin.
class Bins {
 public:
  explicit Bins(const std::vector<int>& space) : space_(space), fft_(Fft::real(space)) {
    size_t in = 1, out = 1;
    bins_ = space[0] / 2 + (space.size() == 1 ? 1 : 0);
    for (size_t a = 0; a < space.size(); ++a) {
      in *= static_cast<size_t>(space[a]);
      out *= static_cast<size_t>(half(a));
      if (space.size() > 1) bins_ = std::min<int64_t>(bins_, space[a] / 2);
    }
    in_ = FftBuffer<double>(in);
    out_ = FftBuffer<Complex>(out);
    for (size_t m = 0; m < out; ++m) bin_.push_back(bin_of(m));
  }
  int64_t count() const { return bins_; }
  double* in() { return in_.data(); }
  void add_energy(std::vector<double>& energy) {
    fft_.run(in_.data(), out_.data());
    for (size_t m = 0; m < bin_.size(); ++m)
      if (bin_[m] >= 0) energy[static_cast<size_t>(bin_[m])] += std::norm(out_[m]);
  }

 private:
  int half(size_t a) const { return a + 1 == space_.size() ? space_[a] / 2 + 1 : space_[a]; }
  int64_t bin_of(size_t mode) const {
    if (space_.size() == 1) return static_cast<int64_t>(mode);
    int64_t squares = 0;
    for (size_t a = space_.size(); a-- > 0;) {
      const auto index = static_cast<int64_t>(mode % static_cast<size_t>(half(a)));
      mode /= static_cast<size_t>(half(a));
      if (index >= space_[a] / 2) return -1;
      squares += index * index;
    }
    const int64_t radius = integer_sqrt(squares);
    return radius < bins_ ? radius : -1;
  }
  std::vector<int> space_;
  const Fft& fft_;
  int64_t bins_;
  std::vector<int64_t> bin_;
  FftBuffer<double> in_;
  FftBuffer<Complex> out_;
};

}  // namespace

PdebenchMetrics pdebench_metrics(const core::Array& prediction, const core::Array& target,
                                 const PdebenchOptions& options) {
  require_same_shape(prediction, target);
  const Slices s(target, options.initial_step);
  const core::Shape shape = {s.channels, s.scored()};
  Bins bins(s.space);
  PdebenchMetrics result{Values(shape),
                         Values(shape),
                         Values(shape),
                         Values(shape),
                         Values(shape),
                         {},
                         Values({s.channels, bins.count(), s.scored()})};
  const Boundary boundary(s.space);
  const bool summed_boundary = s.space.size() == 3 && !options.per_channel_boundary;
  if (summed_boundary) result.boundary = Values({s.batch, s.scored()});
  const auto points = static_cast<double>(s.points), batch = static_cast<double>(s.batch);
  double scale = 1;
  for (size_t a = 0; a < s.space.size(); ++a) scale *= options.lengths[a] / s.space[a];

  for (int64_t t = 0; t < s.scored(); ++t)
    for (int64_t c = 0; c < s.channels; ++c) {
      const auto slot = static_cast<size_t>(c * s.scored() + t);
      std::vector<double> energy(static_cast<size_t>(bins.count()));
      double conserved = 0;
      for (int64_t b = 0; b < s.batch; ++b) {
        double squared = 0, truth = 0, signed_sum = 0;
        for (int64_t i = 0; i < s.points; ++i) {
          const double y = s.at(target, b, i, t, c), error = s.at(prediction, b, i, t, c) - y;
          bins.in()[i] = error;
          squared += error * error;
          truth += y * y;
          signed_sum += error;
          double& largest = result.maximum.data[slot];
          if (std::isnan(error) || std::abs(error) > largest) largest = std::abs(error);
        }
        result.rmse.data[slot] += std::sqrt(squared / points) / batch;
        result.nrmse.data[slot] += std::sqrt(squared / points) / std::sqrt(truth / points) / batch;
        conserved += signed_sum * signed_sum;
        double edge = 0;
        for (const int64_t i : boundary.points) edge += bins.in()[i] * bins.in()[i];
        if (summed_boundary)
          result.boundary.data[static_cast<size_t>(b * s.scored() + t)] += edge / boundary.divisor;
        else
          result.boundary.data[slot] += std::sqrt(edge / boundary.divisor) / batch;
        bins.add_energy(energy);
      }
      result.conserved.data[slot] = std::sqrt(conserved / batch) / points;
      for (int64_t r = 0; r < bins.count(); ++r)
        result.spectrum.data[static_cast<size_t>((c * bins.count() + r) * s.scored() + t)] =
            std::sqrt(energy[static_cast<size_t>(r)] / batch) * scale;
    }
  result.bands = pdebench_bands(result.spectrum, options);
  if (summed_boundary)
    for (double& value : result.boundary.data) value = std::sqrt(value);
  return result;
}

Values pdebench_bands(const Values& spectrum, const PdebenchOptions& options) {
  const int64_t channels = spectrum.shape[0], bins = spectrum.shape[1], steps = spectrum.shape[2];
  const int64_t low = std::clamp<int64_t>(options.low, 0, bins), high = std::clamp(options.high, low, bins);
  const std::array<int64_t, 4> limits = {0, low, high, bins};
  Values bands({channels, 3, steps});
  for (int64_t c = 0; c < channels; ++c)
    for (size_t k = 0; k < 3; ++k)
      for (int64_t t = 0; t < steps; ++t) {
        double sum = 0;
        for (int64_t r = limits[k]; r < limits[k + 1]; ++r)
          sum += spectrum.data[static_cast<size_t>((c * bins + r) * steps + t)];
        const auto count = static_cast<double>(limits[k + 1] - limits[k]);
        bands.data[static_cast<size_t>((c * 3 + static_cast<int64_t>(k)) * steps + t)] =
            count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
      }
  return bands;
}

PdebenchMeans pdebench_means(const PdebenchMetrics& m) {
  PdebenchMeans means{mean(m.rmse), mean(m.nrmse), mean(m.conserved), mean(m.maximum), mean(m.boundary), {}};
  const int64_t channels = m.bands.shape[0], steps = m.bands.shape[2];
  for (size_t k = 0; k < 3; ++k) {
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t t = 0; t < steps; ++t)
        means.bands[k] +=
            m.bands
                .data[(static_cast<size_t>(c) * 3 + k) * static_cast<size_t>(steps) + static_cast<size_t>(t)];
    means.bands[k] /= static_cast<double>(channels * steps);
  }
  return means;
}

PdebenchMeans pdebench_average(const std::vector<PdebenchMeans>& batches, bool published_divisor) {
  PdebenchMeans total;
  const double divisor = static_cast<double>(batches.size()) - (published_divisor ? 1 : 0);
  for (const auto& batch : batches) {
    total.rmse += batch.rmse / divisor;
    total.nrmse += batch.nrmse / divisor;
    total.conserved += batch.conserved / divisor;
    total.maximum += batch.maximum / divisor;
    total.boundary += batch.boundary / divisor;
    for (size_t k = 0; k < 3; ++k) total.bands[k] += batch.bands[k] / divisor;
  }
  return total;
}

}  // namespace windtunnel::metrics

#include "datasets/gap.h"

#include <fftw3.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/log.h"

namespace windtunnel::datasets {
namespace {

constexpr int64_t kChunk = 64, kSegment = 512, kPoints = 256, kSamples = 20000;

/// Power |FFT|^2 of Hann-windowed series of one length minus their mean.
class Periodogram {
 public:
  explicit Periodogram(int64_t length)
      : length_(length),
        in_(fftwf_alloc_real(static_cast<size_t>(length))),
        out_(fftwf_alloc_complex(static_cast<size_t>(length / 2 + 1))),
        plan_(fftwf_plan_dft_r2c_1d(static_cast<int>(length), in_, out_, FFTW_ESTIMATE)),
        sum_(static_cast<size_t>(length / 2), 0.0) {}
  ~Periodogram() {
    fftwf_destroy_plan(plan_);
    fftwf_free(in_);
    fftwf_free(out_);
  }
  Periodogram(const Periodogram&) = delete;
  Periodogram& operator=(const Periodogram&) = delete;

  void add(const float* values, int64_t stride) {
    double mean = 0;
    for (int64_t i = 0; i < length_; ++i) mean += values[i * stride];
    mean /= static_cast<double>(length_);
    for (int64_t i = 0; i < length_; ++i) {
      const double window =
          1 - std::cos(2 * M_PI * (static_cast<double>(i) + 0.5) / static_cast<double>(length_));
      in_[i] = static_cast<float>((values[i * stride] - mean) * window);
    }
    fftwf_execute(plan_);
    for (size_t k = 0; k < sum_.size(); ++k)
      sum_[k] += double{out_[k + 1][0]} * out_[k + 1][0] + double{out_[k + 1][1]} * out_[k + 1][1];
    ++count_;
  }
  std::vector<double> mean() const {
    std::vector<double> m = sum_;
    const double n = static_cast<double>(length_);
    for (auto& v : m) v *= 4.0 / 3 / (n * n * std::max(1.0, static_cast<double>(count_)));
    return m;
  }

 private:
  int64_t length_, count_ = 0;
  float* in_;
  fftwf_complex* out_;
  fftwf_plan plan_;
  std::vector<double> sum_;
};

/// Place of the highest peak in bins (0 = first), refined by a parabola through the logarithms.
double peak(const std::vector<double>& spectrum) {
  const auto k = static_cast<size_t>(std::max_element(spectrum.begin(), spectrum.end()) - spectrum.begin());
  if (k == 0 || k + 1 >= spectrum.size()) return static_cast<double>(k);
  const double a = std::log(spectrum[k - 1] + 1e-300), b = std::log(spectrum[k] + 1e-300),
               c = std::log(spectrum[k + 1] + 1e-300);
  const double bottom = a - 2 * b + c;
  return static_cast<double>(k) + (bottom < 0 ? std::clamp(0.5 * (a - c) / bottom, -0.5, 0.5) : 0.0);
}

double relative(const std::vector<double>& a, const std::vector<double>& reference) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - reference[i]) * (a[i] - reference[i]);
    norm += reference[i] * reference[i];
  }
  return norm > 0 ? std::sqrt(difference / norm) : 0;
}

/// Mean distance of equal quantiles.
double wasserstein(const std::vector<float>& a, const std::vector<float>& b) {
  constexpr int kQuantiles = 1000;
  double sum = 0;
  for (int q = 0; q < kQuantiles; ++q) {
    const auto at = [&](const std::vector<float>& list) {
      return list[static_cast<size_t>((q + 0.5) / kQuantiles * static_cast<double>(list.size()))];
    };
    sum += std::abs(double{at(a)} - at(b)) / kQuantiles;
  }
  return sum;
}

double deviation_of(const std::vector<float>& values) {
  double mean = 0, squares = 0;
  for (const float v : values) mean += v / static_cast<double>(values.size());
  for (const float v : values) squares += (v - mean) * (v - mean) / static_cast<double>(values.size());
  return std::sqrt(squares);
}

}  // namespace

SideStatistics side_statistics(const Trajectory& t, const std::vector<int64_t>& fields, int64_t stride,
                               int64_t most_frames) {
  SideStatistics s;
  s.frames = most_frames > 0 ? std::min(most_frames, t.frames()) : t.frames();
  s.height = (t.height() + stride - 1) / stride;
  s.width = (t.width() + stride - 1) / stride;
  const auto points = static_cast<size_t>(s.height * s.width), channels = fields.size();
  const size_t skip = std::max<size_t>(1, points / kPoints);
  const size_t thin = std::max<size_t>(1, static_cast<size_t>(s.frames) * points / kSamples) | 1;

  s.fields.resize(channels);
  std::vector<std::vector<std::vector<float>>> series(channels);  // field, point, time
  std::vector<std::unique_ptr<Periodogram>> rows;
  for (size_t c = 0; c < channels; ++c) {
    s.fields[c].mean.assign(points, 0);
    s.fields[c].deviation.assign(points, 0);
    series[c].resize((points + skip - 1) / skip);
    rows.push_back(std::make_unique<Periodogram>(std::max<int64_t>(4, s.width)));
  }
  size_t at = 0;
  for (int64_t begin = 0; begin < s.frames; begin += kChunk) {
    const auto frames = t.read(fields, begin, std::min(begin + kChunk, s.frames), stride);
    const int64_t count = frames.size(0);
    for (int64_t f = 0; f < count; ++f)
      for (size_t p = 0; p < points; ++p, ++at)
        for (size_t c = 0; c < channels; ++c) {
          const float value = frames.data[(static_cast<size_t>(f) * points + p) * channels + c];
          auto& field = s.fields[c];
          field.mean[p] += value;
          field.deviation[p] += double{value} * value;
          if (p % skip == 0) series[c][p / skip].push_back(value);
          if (at % thin == 0) field.sample.push_back(value);
          if (begin + f == s.frames - 1) field.last_frame.push_back(value);
        }
    // Every fourth frame gives enough rows.
    for (int64_t f = 0; f < count && s.width >= 4; f += 4)
      for (int64_t r = 0; r < s.height; ++r)
        for (size_t c = 0; c < channels; ++c)
          rows[c]->add(frames.data.data() + static_cast<size_t>((f * s.height + r) * s.width) * channels + c,
                       static_cast<int64_t>(channels));
  }
  const auto n = static_cast<double>(s.frames);
  const int64_t segment = std::min(kSegment, s.frames);
  for (size_t c = 0; c < channels; ++c) {
    auto& field = s.fields[c];
    for (size_t p = 0; p < points; ++p) {
      field.mean[p] /= n;
      field.deviation[p] = std::sqrt(std::max(0.0, field.deviation[p] / n - field.mean[p] * field.mean[p]));
    }
    std::sort(field.sample.begin(), field.sample.end());
    field.row_spectrum = rows[c]->mean();
    if (segment < 4) continue;
    Periodogram time(segment);
    for (const auto& line : series[c])
      for (int64_t begin = 0; begin + segment <= s.frames; begin += std::max<int64_t>(1, segment / 2))
        time.add(line.data() + begin, 1);
    field.time_spectrum = time.mean();
    field.frequency_step = 1.0 / static_cast<double>(segment);
    const double total = *std::max_element(field.time_spectrum.begin(), field.time_spectrum.end());
    field.frequency = total > 0 ? (peak(field.time_spectrum) + 1) * field.frequency_step : 0;
  }
  return s;
}

std::vector<TrajectoryGap> measure_gap(const Scenario& scenario, const std::filesystem::path& root,
                                       const GapOptions& options) {
  std::vector<int64_t> fields;
  for (int64_t i = 0; i < scenario.channels(); ++i)
    if (const auto& f = scenario.fields[static_cast<size_t>(i)];
        f.measured && f.on(Side::real) && f.on(Side::numerical))
      fields.push_back(i);
  const auto real = open_trajectories(scenario, root, Side::real),
             numerical = open_trajectories(scenario, root, Side::numerical);
  const auto partners = numerical->ids();
  std::vector<std::string> ids;
  for (const auto& id : real->ids())
    if (std::find(partners.begin(), partners.end(), id) != partners.end()) ids.push_back(id);
  if (ids.empty() || fields.empty())
    throw data_error(scenario.home(root).string() + ": no trajectory with a measured field on both sides",
                     "files of the same name in real and numerical");
  if (const auto most = static_cast<size_t>(options.trajectories); most > 0 && most < ids.size()) {
    std::vector<std::string> spread;
    for (size_t k = 0; k < most; ++k)
      spread.push_back(ids[most == 1 ? 0 : k * (ids.size() - 1) / (most - 1)]);
    ids = spread;
  }

  std::vector<TrajectoryGap> result;
  core::Progress progress("comparing both sides", static_cast<int64_t>(ids.size()));
  for (const auto& id : ids) {
    TrajectoryGap gap;
    gap.id = id;
    gap.real = side_statistics(*real->open(id), fields, scenario.side_stride(Side::real), options.frames);
    gap.numerical =
        side_statistics(*numerical->open(id), fields, scenario.side_stride(Side::numerical), options.frames);
    const int64_t height = gap.real.height, width = gap.real.width;
    if (height != gap.numerical.height || width != gap.numerical.width)
      throw data_error(id + ": delivered grids " + core::to_string({height, width}) + " (real) and " +
                           core::to_string({gap.numerical.height, gap.numerical.width}) + " (numerical)",
                       "equal grids", "set 'stride' in scenario.yaml");
    gap.stations = options.stations;
    if (gap.stations.empty())
      for (int64_t k = 1; k <= 4; ++k) gap.stations.push_back(k * width / 5);
    std::vector<int64_t> probes = options.probes;
    if (probes.empty())
      for (int64_t r = 0; r < height; ++r) probes.push_back(r);
    double sum = 0;
    int64_t count = 0;
    for (size_t c = 0; c < fields.size(); ++c) {
      const auto &r = gap.real.fields[c], &n = gap.numerical.fields[c];
      const auto& info = scenario.fields[static_cast<size_t>(fields[c])];
      const double spread = deviation_of(r.sample);
      gap.fields.push_back({info.name, info.unit, relative(n.mean, r.mean),
                            relative(n.deviation, r.deviation), r.frequency, n.frequency,
                            spread > 0 ? wasserstein(n.sample, r.sample) / spread : 0});
      for (const int64_t x : gap.stations)
        for (const int64_t y : probes) {
          if (x < 0 || y < 0 || x >= width || y >= height) continue;
          const auto k = static_cast<size_t>(y * width + x);
          sum += std::abs(n.mean[k] - r.mean[k]);
          ++count;
        }
    }
    gap.profile_error = count ? sum / static_cast<double>(count) : 0;
    result.push_back(std::move(gap));
    progress.update(static_cast<int64_t>(result.size()));
  }
  return result;
}

}  // namespace windtunnel::datasets

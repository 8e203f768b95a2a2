#include "metrics/accumulator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>

#include "core/error.h"
#include "core/text.h"
#include "metrics/position_sums.h"
#include "metrics/sample_kernel.h"

namespace windtunnel::metrics {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Order of the values of a chunk.
enum Slot {
  kRmse,
  kMae,
  kRelL2,
  kR2,
  kKe,
  kFrmse,
  kLow,
  kMid,
  kHigh,
  kRelLow,
  kRelMid,
  kRelHigh,
  kFe,
  kPooled,
  kSlots
};
constexpr const char* kSlotIds[] = {"rmse",
                                    "mae",
                                    "rel_l2",
                                    "r2",
                                    "ke",
                                    "frmse",
                                    "low_frmse",
                                    "mid_frmse",
                                    "high_frmse",
                                    "rel_low_frmse",
                                    "rel_mid_frmse",
                                    "rel_high_frmse",
                                    "fe",
                                    "r2_pooled_channel_mean"};
using SlotValues = std::array<double, kSlots>;

/// Unweighted mean over groups of `size` samples (0: one group) of the group means.
class GroupMean {
 public:
  explicit GroupMean(int64_t size = 0) : size_(size) {}
  void add(double value) {
    sum_ += value;
    if (++count_ == size_) close();
  }
  double mean() const {
    GroupMean copy = *this;
    if (copy.count_ > 0) copy.close();
    return copy.groups_ == 0 ? kNan : copy.total_ / static_cast<double>(copy.groups_);
  }

 private:
  void close() {
    total_ += sum_ / static_cast<double>(count_);
    ++groups_;
    sum_ = 0;
    count_ = 0;
  }
  int64_t size_, count_ = 0, groups_ = 0;
  double sum_ = 0, total_ = 0;
};

void add(std::vector<double>& to, const std::vector<double>& from) {
  for (size_t i = 0; i < from.size(); ++i) to[i] += from[i];
}

/// Sums over the samples of one chunk.
struct ChunkSums {
  int64_t samples = 0;
  double squared_error = 0, absolute_error = 0, rel_l2 = 0, ke = 0, fe = 0;
  std::vector<double> error_energy, target_energy;
  PositionSums positions;

  void clear() {
    samples = 0;
    squared_error = absolute_error = rel_l2 = ke = fe = 0;
    std::fill(error_energy.begin(), error_energy.end(), 0.0);
    std::fill(target_energy.begin(), target_energy.end(), 0.0);
    positions.clear();
  }
};

std::string place(const core::Shape& shape, int64_t offset) {
  std::string text;
  core::Shape at(4);
  for (size_t a = 4; a-- > 0;) {
    at[a] = offset % shape[a + 1];
    offset /= shape[a + 1];
  }
  return "frame " + std::to_string(at[0]) + ", row " + std::to_string(at[1]) + ", column " +
         std::to_string(at[2]) + ", channel " + std::to_string(at[3]);
}

}  // namespace

Kernels parse_kernels(const std::string& name) {
  if (name == "fast") return Kernels::fast;
  if (name == "reference") return Kernels::reference;
  throw core::usage_error("unknown kernels '" + name + "'", "fast or reference",
                          core::suggestion(name, {"fast", "reference"}));
}

AccumulatorOptions AccumulatorOptions::published(int64_t chunk, int64_t loader_batch) {
  AccumulatorOptions options;
  options.chunk = chunk;
  options.loader_batch = loader_batch;
  options.float32_chunks = true;
  options.bin_mean = options.skip_zero_bins = options.separate_fe = options.paper_forms = false;
  options.zero_missing_ke = true;
  return options;
}

AccumulatorOptions AccumulatorOptions::corrected() { return {}; }

struct MetricAccumulator::State {
  explicit State(AccumulatorOptions o)
      : options(std::move(o)), normalised(options.loader_batch), probes(options.loader_batch) {}

  AccumulatorOptions options;
  SampleShape shape;
  core::Shape prediction_shape, target_shape;  // of one batch; axis 0 is free
  std::shared_ptr<const ModeBins> bins;
  std::vector<std::unique_ptr<SampleKernel>> kernels;
  ChunkSums chunk;
  std::vector<double> error_energy, target_energy;  // of all samples
  std::vector<SlotValues> finished;                 // values of the finished chunks
  std::vector<SampleRow> rows;
  GroupMean normalised;
  bool has_normalised = false;
  std::optional<ProbeLayout> layout;
  std::string probes_outside;
  GroupMean probes;
  std::array<double, kStations> stations{};
  ProbeProfiles profiles;  // sums over samples
  int64_t diverged = 0;
  std::string first_diverged;

  void open(const core::Array& prediction, const core::Array& target);
  void check(const core::Array& prediction, const core::Array& target, size_t ids, size_t normalised_count);
  void require_finite(const core::Array& target, int64_t sample, const std::string& id) const;
  int64_t probe_channels() const;
  void merge(const SampleSums& sums, const core::Array& prediction, const core::Array& target, int64_t sample,
             const std::string& id, double normalised_mse);
  SlotValues values(const ChunkSums& sums) const;
  void close_chunk() {
    finished.push_back(values(chunk));
    chunk.clear();
  }
};

void MetricAccumulator::State::open(const core::Array& prediction, const core::Array& target) {
  if (target.shape.size() != 5 || prediction.shape.size() != 5)
    throw core::data_error(
        "fields of shape " + core::to_string(prediction.shape) + " and " + core::to_string(target.shape),
        "prediction and target (B,T,H,W,C)");
  const int64_t channels = options.channels == 0 ? target.shape[4] : options.channels;
  if (channels > target.shape[4] || channels > prediction.shape[4] || channels < 1)
    throw core::data_error(std::to_string(channels) + " channels are scored; prediction " +
                               core::to_string(prediction.shape) + ", target " +
                               core::to_string(target.shape),
                           "fields with at least the scored channels");
  for (size_t a = 1; a < 4; ++a)
    if (target.shape[a] < 1)
      throw core::data_error("empty target " + core::to_string(target.shape), "T,H,W >= 1");
  shape = {target.shape[1], target.shape[2], target.shape[3], channels, prediction.shape[4], target.shape[4]};
  prediction_shape = prediction.shape;
  target_shape = target.shape;
  bins = mode_bins(shape.frames, shape.height, shape.width);
  error_energy.assign(static_cast<size_t>(bins->bins * channels), 0.0);
  target_energy = chunk.error_energy = chunk.target_energy = error_energy;
  for (int i = 0; i < std::max(1, options.threads); ++i)
    kernels.push_back(make_kernel(options.kernels, shape));
  if (options.probes) {
    layout = probe_layout(options.probes->geometry, shape.height, shape.width, options.probes->rule);
    probes_outside = layout->outside(shape.height, shape.width);
  }
}

void MetricAccumulator::State::check(const core::Array& prediction, const core::Array& target, size_t ids,
                                     size_t normalised_count) {
  if (target_shape.empty()) open(prediction, target);
  const auto same = [](const core::Shape& a, const core::Shape& b) {
    return a.size() == b.size() && std::equal(a.begin() + 1, a.end(), b.begin() + 1);
  };
  if (!same(target.shape, target_shape) || !same(prediction.shape, prediction_shape))
    throw core::data_error(
        "batch of shape " + core::to_string(prediction.shape) + " and " + core::to_string(target.shape),
        core::to_string(prediction_shape) + " and " + core::to_string(target_shape) +
            " as in the first batch");
  const int64_t samples = target.shape[0];
  if (prediction.shape[0] != samples ||
      !std::equal(prediction.shape.begin() + 1, prediction.shape.begin() + 4, target.shape.begin() + 1))
    throw core::data_error("prediction " + core::to_string(prediction.shape),
                           "B,T,H,W of the target " + core::to_string(target.shape));
  if (ids != static_cast<size_t>(samples))
    throw core::data_error(std::to_string(ids) + " sample ids", std::to_string(samples));
  if (rows.empty()) has_normalised = normalised_count > 0;
  if (normalised_count != (has_normalised ? static_cast<size_t>(samples) : 0))
    throw core::data_error(
        std::to_string(normalised_count) + " normalised errors for " + std::to_string(samples) + " samples",
        has_normalised ? "one per sample" : "none, as in the first batch");
}

void MetricAccumulator::State::require_finite(const core::Array& target, int64_t sample,
                                              const std::string& id) const {
  const int64_t n = shape.points() * shape.target_channels;
  const float* y = target.data.data() + sample * n;
  for (int64_t i = 0; i < n; ++i)
    if (i % shape.target_channels < shape.channels && !std::isfinite(y[i]))
      throw core::data_error("target of sample '" + id + "' is not finite at " + place(target_shape, i),
                             "finite values in every scored channel",
                             "`windtunnel data verify` lists the files with such values");
}

int64_t MetricAccumulator::State::probe_channels() const {
  switch (options.probes->channels) {
    case ProbeChannels::all_predicted:
      return std::min(shape.prediction_channels, shape.target_channels);
    case ProbeChannels::measured:
      return shape.channels;
    case ProbeChannels::first:
      break;
  }
  return 1;
}

void MetricAccumulator::State::merge(const SampleSums& sums, const core::Array& prediction,
                                     const core::Array& target, int64_t sample, const std::string& id,
                                     double normalised_mse) {
  if (!std::isfinite(sums.target_squares)) require_finite(target, sample, id);
  if (!std::isfinite(sums.squared_error) && diverged++ == 0) first_diverged = id;

  const float* p = prediction.data.data() + sample * shape.points() * shape.prediction_channels;
  const float* y = target.data.data() + sample * shape.points() * shape.target_channels;
  const double count = static_cast<double>(shape.points() * shape.channels);
  const double rel_l2 = std::sqrt(sums.squared_error) / std::sqrt(sums.target_squares);
  const double fe = options.separate_fe ? sums.fe_separate : sums.fe_summed;

  ++chunk.samples;
  chunk.squared_error += sums.squared_error;
  chunk.absolute_error += sums.absolute_error;
  chunk.rel_l2 += rel_l2;
  chunk.ke += sums.ke;
  chunk.fe += fe;
  windtunnel::metrics::add(chunk.error_energy, sums.error_energy);
  windtunnel::metrics::add(chunk.target_energy, sums.target_energy);
  windtunnel::metrics::add(error_energy, sums.error_energy);
  windtunnel::metrics::add(target_energy, sums.target_energy);
  chunk.positions.add(y, shape.points(), shape.target_channels, shape.channels);

  double mvpe = kNan;
  if (layout && probes_outside.empty()) {
    const core::Shape ps(prediction_shape.begin() + 1, prediction_shape.end());
    const core::Shape ys(target_shape.begin() + 1, target_shape.end());
    const ProbeProfiles sample_profiles = probe_profiles(p, ps, y, ys, *layout, probe_channels());
    const auto errors = station_errors(sample_profiles);
    mvpe = 0;
    for (size_t s = 0; s < kStations; ++s) {
      stations[s] += errors[s];
      mvpe += errors[s] / kStations;
      if (rows.empty()) {
        profiles.channels = sample_profiles.channels;
        profiles.prediction[s].resize(sample_profiles.prediction[s].size());
        profiles.target[s].resize(sample_profiles.target[s].size());
      }
      windtunnel::metrics::add(profiles.prediction[s], sample_profiles.prediction[s]);
      windtunnel::metrics::add(profiles.target[s], sample_profiles.target[s]);
    }
    probes.add(mvpe);
  }
  if (has_normalised) normalised.add(normalised_mse);

  const Spectrum spectrum =
      make_spectrum(*bins, shape.channels, sums.error_energy, sums.target_energy, 1, options.bin_mean);
  const double mse = sums.squared_error / count;
  const bool skip = options.skip_zero_bins;
  rows.push_back(
      {id,
       {has_normalised ? normalised_mse : kNan, mse, std::sqrt(mse), sums.absolute_error / count, rel_l2,
        shape.channels >= 2 || options.zero_missing_ke ? sums.ke : kNan,
        band_error(spectrum, 0, spectrum.bins), band_error(spectrum, 0, spectrum.low),
        band_error(spectrum, spectrum.low, spectrum.high), band_error(spectrum, spectrum.high, spectrum.bins),
        band_relative_error(spectrum, 0, spectrum.low, skip),
        band_relative_error(spectrum, spectrum.low, spectrum.high, skip),
        band_relative_error(spectrum, spectrum.high, spectrum.bins, skip), fe, mvpe}});
  if (chunk.samples == options.chunk) close_chunk();
}

SlotValues MetricAccumulator::State::values(const ChunkSums& sums) const {
  const auto samples = static_cast<double>(sums.samples);
  const double count = samples * static_cast<double>(shape.points() * shape.channels);
  const Spectrum s = make_spectrum(*bins, shape.channels, sums.error_energy, sums.target_energy, sums.samples,
                                   options.bin_mean);
  const bool skip = options.skip_zero_bins;
  SlotValues v{};
  v[kRmse] = std::sqrt(sums.squared_error / count);
  v[kMae] = sums.absolute_error / count;
  v[kRelL2] = sums.rel_l2 / samples;
  v[kR2] = 1 - sums.squared_error / sums.positions.squares_about_positions();
  v[kPooled] = 1 - sums.squared_error / sums.positions.squares_about_channels();
  v[kKe] = shape.channels >= 2 || options.zero_missing_ke ? sums.ke / samples : kNan;
  v[kFe] = sums.fe / samples;
  v[kFrmse] = band_error(s, 0, s.bins);
  v[kLow] = band_error(s, 0, s.low);
  v[kMid] = band_error(s, s.low, s.high);
  v[kHigh] = band_error(s, s.high, s.bins);
  v[kRelLow] = band_relative_error(s, 0, s.low, skip);
  v[kRelMid] = band_relative_error(s, s.low, s.high, skip);
  v[kRelHigh] = band_relative_error(s, s.high, s.bins, skip);
  return v;
}

MetricAccumulator::MetricAccumulator(AccumulatorOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
MetricAccumulator::~MetricAccumulator() = default;
MetricAccumulator::MetricAccumulator(MetricAccumulator&&) noexcept = default;
MetricAccumulator& MetricAccumulator::operator=(MetricAccumulator&&) noexcept = default;

void MetricAccumulator::add(const core::Array& prediction, const core::Array& target,
                            const std::vector<std::string>& ids, const std::vector<double>& normalised_mse) {
  State& s = *state_;
  s.check(prediction, target, ids.size(), normalised_mse.size());
  const int64_t samples = target.shape[0];
  const int64_t p_size = s.shape.points() * s.shape.prediction_channels;
  const int64_t y_size = s.shape.points() * s.shape.target_channels;
  std::vector<SampleSums> sums(static_cast<size_t>(samples));
  const auto analyse = [&](int64_t first, int64_t step) {
    for (int64_t b = first; b < samples; b += step)
      s.kernels[static_cast<size_t>(first)]->run(
          prediction.data.data() + b * p_size, target.data.data() + b * y_size, sums[static_cast<size_t>(b)]);
  };
  const auto workers = std::min<int64_t>(static_cast<int64_t>(s.kernels.size()), samples);
  std::vector<std::jthread> threads;
  for (int64_t i = 1; i < workers; ++i) threads.emplace_back(analyse, i, workers);
  analyse(0, std::max<int64_t>(1, workers));
  threads.clear();
  for (int64_t b = 0; b < samples; ++b)
    s.merge(sums[static_cast<size_t>(b)], prediction, target, b, ids[static_cast<size_t>(b)],
            normalised_mse.empty() ? kNan : normalised_mse[static_cast<size_t>(b)]);
}

int64_t MetricAccumulator::samples() const { return static_cast<int64_t>(state_->rows.size()); }
int64_t MetricAccumulator::channels() const { return state_->shape.channels; }
int64_t MetricAccumulator::diverged() const { return state_->diverged; }
const std::string& MetricAccumulator::first_diverged() const { return state_->first_diverged; }
const std::vector<SampleRow>& MetricAccumulator::rows() const { return state_->rows; }

const std::vector<std::string>& MetricAccumulator::columns() {
  static const std::vector<std::string> names = {
      "normalized_mse", "mse",       "rmse",      "mae",        "rel_l2",        "ke",
      "frmse",          "low_frmse", "mid_frmse", "high_frmse", "rel_low_frmse", "rel_mid_frmse",
      "rel_high_frmse", "fe",        "mvpe"};
  return names;
}

Spectrum MetricAccumulator::spectrum() const {
  const State& s = *state_;
  if (s.rows.empty()) return {};
  return make_spectrum(*s.bins, s.shape.channels, s.error_energy, s.target_energy, samples(),
                       s.options.bin_mean);
}

std::vector<double> MetricAccumulator::stations() const {
  const State& s = *state_;
  if (!s.layout || !s.probes_outside.empty() || s.rows.empty()) return {};
  std::vector<double> means;
  for (const double sum : s.stations) means.push_back(sum / static_cast<double>(samples()));
  return means;
}

ProbeProfiles MetricAccumulator::profiles() const {
  ProbeProfiles means = state_->profiles;
  for (size_t s = 0; s < kStations; ++s)
    for (auto* list : {&means.prediction[s], &means.target[s]})
      for (double& value : *list) value /= static_cast<double>(samples());
  return means;
}

std::vector<Score> MetricAccumulator::totals() const {
  const State& s = *state_;
  if (s.rows.empty()) throw core::data_error("no samples were scored", "at least one test sample");
  std::vector<SlotValues> chunks = s.finished;
  if (s.chunk.samples > 0) chunks.push_back(s.values(s.chunk));
  SlotValues means{};
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (s.options.float32_chunks) {
      float sum = 0;
      for (const auto& chunk : chunks) sum += static_cast<float>(chunk[slot]);
      means[slot] = sum / static_cast<float>(chunks.size());
    } else {
      for (const auto& chunk : chunks) means[slot] += chunk[slot];
      means[slot] /= static_cast<double>(chunks.size());
    }
  }
  std::vector<Score> scores;
  const auto put = [&](const std::string& id, double value, const std::string& reason = "") {
    Score score{id, value, ""};
    if (!std::isfinite(value)) {
      if (!reason.empty())
        score.reason = reason;
      else if (s.diverged > 0)
        score.reason = "the prediction of " + std::to_string(s.diverged) + " of " +
                       std::to_string(samples()) + " samples is not finite (first: " + s.first_diverged + ")";
      else
        score.reason = card(id).undefined;
    }
    scores.push_back(std::move(score));
  };
  if (s.has_normalised) put("normalized_mse", s.normalised.mean());
  for (size_t slot = 0; slot < kPooled; ++slot) put(kSlotIds[slot], means[slot]);
  if (s.options.probes) put("mvpe", s.probes.mean(), s.probes_outside);
  if (s.options.paper_forms) {
    const auto c = static_cast<double>(s.shape.channels);
    put("rmse_vector_norm", std::sqrt(c) * means[kRmse]);
    put("mae_vector_norm", c * means[kMae]);
    put(kSlotIds[kPooled], means[kPooled]);
  }
  return scores;
}

}  // namespace windtunnel::metrics

#include "tasks/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/sha256.h"
#include "metrics/added.h"

namespace windtunnel::tasks {
namespace {

int64_t points(const core::Array& field) { return field.numel() / std::max<int64_t>(1, field.shape.back()); }

metrics::MetricAccumulator open_accumulator(const Protocol& protocol, const EvaluateOptions& options,
                                            int64_t channels) {
  // Validation scores the whole split as one set, whatever the protocol does with long rollouts.
  auto settings = protocol.accumulator(channels, options.validation ? 1 : options.rounds, options.test_batch);
  settings.kernels = options.kernels;
  settings.threads = options.threads;
  if (options.probes)
    settings.probes = metrics::ProbeOptions{
        *options.probes,
        protocol.probe_rule == "2d" ? metrics::ProbeRule::two_diameters : metrics::ProbeRule::four_diameters,
        protocol.probe_channels == "measured" ? metrics::ProbeChannels::measured
                                              : metrics::ProbeChannels::all_predicted};
  return metrics::MetricAccumulator(std::move(settings));
}

int64_t scored_channels(const Protocol& protocol, const EvaluateOptions& options, const core::Array& target) {
  if (protocol.measured_channels == "detected") {
    const int64_t detected = detect_measured(target);
    if (detected == 0)
      throw core::data_error("every channel of the first target batch is zero", "measured fields");
    return detected;
  }
  return options.measured > 0 ? options.measured : target.shape.back();
}

/// Per sample: mean over T,H,W and the first `channels` channels of (prediction - target)^2.
std::vector<double> normalised_errors(const core::Array& prediction, const core::Array& target,
                                      int64_t channels) {
  const int64_t samples = target.size(0), n = points(target) / samples;
  const int64_t cp = prediction.size(4), ct = target.size(4);
  std::vector<double> errors(static_cast<size_t>(samples));
  for (int64_t b = 0; b < samples; ++b) {
    const float* p = prediction.data.data() + b * n * cp;
    const float* y = target.data.data() + b * n * ct;
    double sum = 0;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t c = 0; c < channels; ++c) {
        const double error = double{p[i * cp + c]} - y[i * ct + c];
        sum += error * error;
      }
    errors[static_cast<size_t>(b)] = sum / static_cast<double>(n * channels);
  }
  return errors;
}

core::Array sample_of(const core::Array& batch, int64_t b) {
  core::Array result(core::Shape(batch.shape.begin() + 1, batch.shape.end()));
  std::copy_n(batch.data.begin() + b * result.numel(), result.numel(), result.data.begin());
  return result;
}

void capture(const EvaluateOptions& options, const EvaluationBatch& batch, const core::Array& prediction,
             int64_t done, std::vector<CapturedSample>& captured) {
  for (size_t b = 0; b < batch.ids.size(); ++b) {
    const bool asked =
        std::find(options.capture.begin(), options.capture.end(), batch.ids[b]) != options.capture.end();
    if (!asked && done + static_cast<int64_t>(b) >= options.capture_first) continue;
    const auto n = static_cast<int64_t>(b);
    captured.push_back(
        {batch.ids[b], sample_of(batch.input, n), sample_of(prediction, n), sample_of(batch.target, n)});
  }
}

using Families = std::vector<std::unique_ptr<metrics::FamilyAccumulator>>;

/// Those asked for and, last, the metrics of plug-ins.
Families open_families(const EvaluateOptions& options) {
  Families list;
  if (options.validation) return list;
  for (const auto& name : options.families) list.push_back(metrics::make_family(name, options.fields));
  if (auto added = metrics::make_added()) list.push_back(std::move(added));
  return list;
}

/// Adds scores and columns of the families behind those of the accumulator.
void join(const Families& families, Evaluation& result) {
  for (const auto& family : families) {
    for (const auto& score : family->totals()) result.scores.push_back(score);
    for (const auto& column : family->columns()) result.columns.push_back(column);
    for (size_t i = 0; i < result.rows.size(); ++i)
      result.rows[i].values.insert(result.rows[i].values.end(), family->rows()[i].begin(),
                                   family->rows()[i].end());
  }
}

void close(const metrics::MetricAccumulator& accumulator, Evaluation& result) {
  result.samples = accumulator.samples();
  result.channels = accumulator.channels();
  result.scores = accumulator.totals();
  result.columns = metrics::MetricAccumulator::columns();
  result.rows = accumulator.rows();
  result.spectrum = accumulator.spectrum();
  result.stations = accumulator.stations();
  result.profiles = accumulator.profiles();
  result.diverged = accumulator.diverged();
  result.first_diverged = accumulator.first_diverged();
}

void add_sample(core::Sha256& hash, const core::Array& values, size_t sample) {
  const auto size = static_cast<size_t>(values.numel() / values.size(0));
  hash.update(values.data.data() + sample * size, size * sizeof(float));
}

}  // namespace

BatchSource batches_of(datasets::Loader& loader) {
  return [&loader, batch = datasets::Batch()](EvaluationBatch& out) mutable {
    if (!loader.next(batch)) return false;
    std::swap(out.input, batch.input);  // the loader refills the buffers of the batch before
    std::swap(out.target, batch.target);
    out.ids = batch.sample_ids;
    return true;
  };
}

std::optional<metrics::ProbeGeometry> probe_geometry(const datasets::Scenario& scenario) {
  if (!scenario.geometry) return std::nullopt;
  return metrics::ProbeGeometry{std::llround(scenario.geometry->d), std::llround(scenario.geometry->center_x),
                                std::llround(scenario.geometry->center_y),
                                scenario.side_stride(datasets::Side::real)};
}

double Evaluation::value(const std::string& id) const {
  const auto* score = metrics::find(scores, id);
  return score ? score->value : std::numeric_limits<double>::quiet_NaN();
}

Evaluation evaluate(const BatchSource& source, const Predictor& predict,
                    const datasets::Normalizer& normalizer, const Protocol& protocol,
                    const EvaluateOptions& options) {
  Evaluation result;
  std::optional<metrics::MetricAccumulator> accumulator;
  RolloutOptions rules;
  int64_t channels = 0;
  const Predictor timed = [&](const core::Array& input) {
    const auto start = std::chrono::steady_clock::now();
    core::Array prediction = predict(input);
    result.model_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return prediction;
  };
  core::Sha256 windows;
  const Families families = open_families(options);
  EvaluationBatch batch;
  while (source(batch)) {
    if (batch.target.shape.size() != 5)
      throw core::data_error("target batch " + core::to_string(batch.target.shape), "(B,T,H,W,C)");
    if (!accumulator) {
      channels = scored_channels(protocol, options, batch.target);
      rules = RolloutOptions::of(protocol, options.rounds, channels);
      if (options.validation) rules.input_round_trip = false;
      accumulator = open_accumulator(protocol, options, channels);
    }
    for (size_t i = 0; i < batch.ids.size() && !options.validation; ++i) {
      windows.update(batch.ids[i].data(), batch.ids[i].size());
      add_sample(windows, batch.input, i);
      add_sample(windows, batch.target, i);
    }
    const auto rolled = rollout(batch.input, batch.target.size(4), timed, normalizer, rules);
    if (rolled.prediction.size(1) != batch.target.size(1))
      throw core::model_error(std::to_string(options.rounds) + " rounds give " +
                                  std::to_string(rolled.prediction.size(1)) + " frames",
                              std::to_string(batch.target.size(1)) + " frames as in the target");
    if (rolled.prediction.size(4) < channels)
      throw core::model_error("the model predicts " + std::to_string(rolled.prediction.size(4)) + " channels",
                              "the " + std::to_string(channels) + " measured channels that are scored");
    core::Array normalised_target = batch.target;
    normalizer.apply_target(normalised_target.data.data(), points(normalised_target),
                            normalised_target.size(4));
    const auto errors = normalised_errors(rolled.normalised, normalised_target, channels);
    if (protocol.target_round_trip) {
      normalizer.invert_target(normalised_target.data.data(), points(normalised_target),
                               normalised_target.size(4));
      accumulator->add(rolled.prediction, normalised_target, batch.ids, errors);
    } else {
      accumulator->add(rolled.prediction, batch.target, batch.ids, errors);
    }
    for (const auto& family : families) family->add(rolled.prediction, batch.target, channels);
    capture(options, batch, rolled.prediction,
            accumulator->samples() - static_cast<int64_t>(batch.ids.size()), result.captured);
    if (options.progress) options.progress(accumulator->samples());
  }
  if (!accumulator)
    throw core::data_error("there is nothing to evaluate: no test windows", "at least one window");
  close(*accumulator, result);
  join(families, result);
  if (!options.validation) result.windows_sha256 = windows.hex();
  return result;
}

void PredictionScorer::add(const core::Array& prediction, const core::Array& target,
                           const std::vector<std::string>& ids) {
  if (!accumulator_) {
    accumulator_ = open_accumulator(protocol_, options_, scored_channels(protocol_, options_, target));
    families_ = open_families(options_);
  }
  accumulator_->add(prediction, target, ids);
  for (const auto& family : families_) family->add(prediction, target, accumulator_->channels());
}

Evaluation PredictionScorer::finish() const {
  if (!accumulator_) throw core::data_error("no predictions were scored", "at least one sample");
  Evaluation result;
  close(*accumulator_, result);
  join(families_, result);
  return result;
}

}  // namespace windtunnel::tasks

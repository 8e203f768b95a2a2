#include "runners/run_record.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "baselines/phased.h"
#include "core/sha256.h"
#include "metrics/added.h"
#include "results/environment.h"
#include "results/figures.h"
#include "results/journal.h"
#include "runners/plugin.h"
#include "runners/stored_predictions.h"
#include "runners/version.h"

namespace windtunnel::runners {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// The unit that all measured fields share, or "field unit".
std::string field_unit(const datasets::Scenario& scenario) {
  std::string unit;
  for (const auto& field : scenario.fields) {
    if (!field.measured) continue;
    if (unit.empty()) unit = field.unit;
    if (unit != field.unit) return "field unit";
  }
  return unit.empty() ? "field unit" : unit;
}

std::optional<double> standard_error(const tasks::Evaluation& evaluation, const std::string& column) {
  size_t index = 0;
  while (index < evaluation.columns.size() && evaluation.columns[index] != column) ++index;
  const auto n = static_cast<double>(evaluation.rows.size());
  if (index == evaluation.columns.size() || n < 2) return std::nullopt;
  double mean = 0, squares = 0;
  for (const auto& row : evaluation.rows) mean += row.values[index] / n;
  for (const auto& row : evaluation.rows) squares += std::pow(row.values[index] - mean, 2);
  const double error = std::sqrt(squares / (n - 1) / n);
  return std::isfinite(error) ? std::optional(error) : std::nullopt;
}

results::MetricValue metric_value(const metrics::Score& score, const FinishedRun& run,
                                  const tasks::Evaluation& evaluation, const std::string& unit) {
  const metrics::MetricCard& card = metrics::card(score.id);
  results::MetricValue value;
  value.id = score.id;
  value.field = score.field;
  value.value = score.value;
  value.reason = score.reason;
  value.unit = replaced(card.unit, "field unit", unit);
  value.higher_is_better = card.higher_is_better;
  if (const metrics::AddedMetric* added = metrics::find_added(score.id)) {
    value.plugin = added->origin;
    value.label = card.name;
    value.formula = card.formula;
  }
  value.version = card.version;
  value.subset = run.task.subset;
  value.rounds = run.task.rounds;
  value.n = evaluation.samples;
  // Chunked scores and batch means of the published protocol are no function of the rows.
  const bool chunked = run.task.protocol.chunk(run.task.rounds, run.config.training.eval_batch_size) > 0;
  const bool over_batches = card.batch_mean && run.task.protocol.batch_means == "batches";
  const bool from_rows = !chunked && !over_batches;
  if (score.field != "all") return value;  // the rows hold all fields together
  if (from_rows) value.aggregation = card.aggregation;
  if (from_rows && card.how() == metrics::Aggregation::mean) {
    value.standard_error = standard_error(evaluation, card.column());
    if (value.standard_error) value.method = "standard deviation over samples / sqrt(n)";
  }
  return value;
}

std::vector<results::MetricValue> metric_values(const FinishedRun& run, const tasks::Evaluation& evaluation) {
  const std::string unit = field_unit(run.scenario);
  std::vector<results::MetricValue> values;
  for (const auto& score : evaluation.scores) values.push_back(metric_value(score, run, evaluation, unit));
  return values;
}

void write_rows(const FinishedRun& run) {
  results::PerSampleTable table;
  table.metrics = run.evaluation.columns;
  std::map<std::string, std::string> trajectory_of;
  for (int64_t i = 0; i < run.test.size(); ++i)
    trajectory_of[run.test.sample_id(i)] = run.test.window(i).trajectory;
  const auto& split = run.test.split();
  for (const auto& row : run.evaluation.rows) {
    results::PerSampleTable::Row out;
    out.sample_id = row.id;
    out.rounds = run.task.rounds;
    for (const char* subset : {"in_dist", "out_dist"})
      if (datasets::in_subset(split, trajectory_of[row.id], subset)) out.subset = subset;
    out.values = row.values;
    table.rows.push_back(std::move(out));
  }
  results::write_per_sample(run.folder.per_sample(), table);
}

/// Scores of the parts of the test that the rows allow: means and root mean squares.
void add_subsets(const FinishedRun& run, std::vector<results::MetricValue>& metrics) {
  if (run.task.subset != "all") return;
  const results::PerSampleTable table = results::read_per_sample(run.folder.per_sample());
  const auto whole = metrics;
  for (const char* subset : {"seen", "unseen", "in_dist", "out_dist"}) {
    std::vector<const results::PerSampleTable::Row*> rows;
    for (const auto& row : table.rows)
      if (row.subset == subset || (std::string(subset) == "unseen" && row.subset != "seen"))
        rows.push_back(&row);
    if (rows.empty() || rows.size() == table.rows.size()) continue;
    for (results::MetricValue part : whole) {
      if (part.aggregation == "set" || part.field != "all" || !std::isfinite(part.value)) continue;
      const std::string column = part.aggregation == "mean" ? part.id : part.aggregation.substr(5);
      const auto at = std::find(table.metrics.begin(), table.metrics.end(), column);
      if (at == table.metrics.end()) continue;
      double sum = 0;
      for (const auto* row : rows) sum += row->values[static_cast<size_t>(at - table.metrics.begin())];
      const double mean = sum / static_cast<double>(rows.size());
      part.value = part.aggregation == "mean" ? mean : std::sqrt(mean);
      part.subset = subset;
      part.n = static_cast<int64_t>(rows.size());
      part.standard_error.reset();
      part.method.clear();
      metrics.push_back(part);
    }
  }
}

/// Channels 0..c-1 of (T,H,W,C).
core::Array first_channels(const core::Array& field, int64_t c) {
  const int64_t channels = field.shape.back();
  core::Shape shape = field.shape;
  shape.back() = c;
  core::Array out(shape);
  const int64_t points = field.numel() / channels;
  for (int64_t i = 0; i < points; ++i)
    for (int64_t k = 0; k < c; ++k)
      out.data[static_cast<size_t>(i * c + k)] = field.data[static_cast<size_t>(i * channels + k)];
  return out;
}

void write_pictures(const FinishedRun& run) {
  const int64_t c = run.evaluation.channels;
  results::Figures figures;
  for (int64_t k = 0; k < c; ++k) {
    const auto& field = run.scenario.fields[static_cast<size_t>(k)];
    figures.fields.push_back({field.name, field.unit});
  }
  for (const auto& sample : run.evaluation.captured)
    figures.samples.push_back({sample.id, first_channels(sample.input, c), first_channels(sample.target, c),
                               first_channels(sample.prediction, c)});
  const auto& spectrum = run.evaluation.spectrum;
  if (spectrum.bins > 0) {
    figures.spectrum_target = core::Array({spectrum.bins, spectrum.channels},
                                          std::vector<float>(spectrum.target.begin(), spectrum.target.end()));
    figures.spectrum_error = core::Array({spectrum.bins, spectrum.channels},
                                         std::vector<float>(spectrum.error.begin(), spectrum.error.end()));
  }
  figures.frame_interval_s = run.scenario.dt;

  if (run.scenario.geometry && run.config.evaluation.probe_diagnostic && !run.evaluation.captured.empty()) {
    const auto geometry = *tasks::probe_geometry(run.scenario);
    const auto& first = run.evaluation.captured.front();
    const auto layout = metrics::probe_layout(geometry, first.target.size(1), first.target.size(2),
                                              metrics::ProbeRule::four_diameters);
    if (layout.outside(first.target.size(1), first.target.size(2)).empty()) {
      const auto profiles = metrics::probe_profiles(first.prediction.data.data(), first.prediction.shape,
                                                    first.target.data.data(), first.target.shape, layout, 1);
      const auto stations = static_cast<int64_t>(profiles.target.size());
      const auto probes = static_cast<int64_t>(profiles.target[0].size());
      figures.probes_target = figures.probes_prediction = core::Array({stations, probes});
      for (int64_t s = 0; s < stations; ++s) {
        figures.probe_stations.push_back("x = " + std::to_string(layout.x[static_cast<size_t>(s)]) + " px");
        for (int64_t p = 0; p < probes; ++p) {
          const auto at = static_cast<size_t>(s * probes + p);
          const auto si = static_cast<size_t>(s), pi = static_cast<size_t>(p);
          figures.probes_target.data[at] = static_cast<float>(profiles.target[si][pi]);
          figures.probes_prediction.data[at] = static_cast<float>(profiles.prediction[si][pi]);
        }
      }
    }
  }
  results::write_figures(run.folder.figures(), figures);
}

std::string split_sha256(const datasets::Split& split) {
  core::Sha256 hash;
  for (const char* mode : {"train", "val", "test"}) {
    hash.update(mode, std::char_traits<char>::length(mode));
    for (const auto& window : split.windows(mode)) {
      const std::string line = "\n" + window.trajectory + "@" + std::to_string(window.time);
      hash.update(line.data(), line.size());
    }
  }
  return hash.hex();
}

core::Json dataset_block(const FinishedRun& run) {
  const auto home = run.scenario.home(run.config.data_root);
  core::Json manifest = nullptr, revision = nullptr;
  if (std::filesystem::exists(home / "manifest.json")) manifest = core::sha256_file(home / "manifest.json");
  const auto version = run.config.data_root / "version.json";
  if (std::filesystem::exists(version)) {
    const core::Json info = core::read_json(version.string());
    if (info.is_object() && info.contains("data_version") && info["data_version"].is_string())
      revision = info["data_version"];
  }
  const core::Shape shape = run.test.input_shape();
  const datasets::FormatInfo& format = datasets::formats().at(run.test.format());
  core::Json block = {
      {"id", run.scenario.name},
      {"revision", revision},
      {"manifest_sha256", manifest},
      {"split_sha256", split_sha256(run.test.split())},
      {"test_sha256", run.evaluation.windows_sha256},
      {"licence", run.scenario.licence.empty() ? core::Json(nullptr) : core::Json(run.scenario.licence)},
      {"grid", {shape.at(1), shape.at(2)}},
      {"n_train", run.train ? run.train->size() : 0},
      {"n_val", run.n_val},
      {"n_test", run.test.size()}};
  if (format.origin != "built in") {
    block["format"] = format.name;
    block["format_plugin"] = format.origin;
  }
  return block;
}

core::Json task_block(const FinishedRun& run) {
  core::Json fields = core::Json::array();
  for (int64_t k = 0; k < run.evaluation.channels; ++k) {
    const auto& field = run.scenario.fields[static_cast<size_t>(k)];
    fields.push_back({{"name", field.name}, {"unit", field.unit}});
  }
  const std::string setting = run.info.trainable ? run.task.setting.name : "inference";
  return {{"id", run.scenario.name + "/" + setting},
          {"version", std::to_string(run.task.protocol.version)},
          {"scenario", run.scenario.name},
          {"scenario_label", run.scenario.title},
          {"setting", setting},
          {"protocol", run.task.protocol.name},
          {"protocol_sha256", run.task.protocol.hash()},
          {"subset", run.task.subset},
          {"rounds", run.task.rounds},
          {"input_frames", run.scenario.in_frames},
          {"output_frames", run.scenario.out_frames},
          {"fields", fields},
          {"score_mask", "all frames, measured fields"},
          {"normalization", run.config.data.normalizer},
          {"selection", run.info.trainable
                            ? core::Json("smallest validation " + run.task.protocol.selection_metric)
                            : core::Json(nullptr)}};
}

/// Real numbers that were trained: here, or before in a module whose weights are all frozen.
int64_t real_parameters(const baselines::Baseline& model) {
  const auto parameters = model.trainable_parameters();
  if (parameters.empty()) return model.parameter_count();
  int64_t count = 0;
  for (const auto& parameter : parameters) count += parameter.numel() * (parameter.is_complex() ? 2 : 1);
  return count;
}

/// The chosen update of each phase, from the journal's stages "<stage>/<phase>".
core::Json phases_block(const std::vector<core::Json>& journal) {
  core::Json phases = core::Json::array();
  for (const auto& phase : results::curves(journal)) {
    core::Json entry = {{"name", phase.stage},
                        {"updates", phase.loss.empty() ? int64_t{0} : phase.loss.back().first}};
    const auto selection = phase.validation.find("selection");
    if (phase.best_update > 0 && selection != phase.validation.end())
      for (const auto& [update, value] : selection->second)
        if (update == phase.best_update) {
          entry["best_update"] = update;
          entry["best_value"] = value;
        }
    phases.push_back(std::move(entry));
  }
  return phases;
}

core::Json training_block(const FinishedRun& run) {
  const TrainingOptions& t = run.config.training;
  core::Json block = {{"config_sha256", run.config.sha256()},
                      {"config", run.config.published_json()},
                      {"updates", 0},
                      {"seeds", {{"init", t.seed}, {"data", t.seed}, {"augment", t.seed}}},
                      {"measured", core::Json::object()}};
  if (run.stages.empty()) return block;
  const StageResult& last = run.stages.back();
  int64_t samples = 0;
  double stall = 0;
  for (const auto& stage : run.stages) {
    samples += stage.samples_seen;
    stall += stage.stall_seconds;
  }
  const bool phased = dynamic_cast<const baselines::PhasedTraining*>(run.model.get()) != nullptr;
  block["optimizer"] = phased ? "AdamW per phase, as configured" : "Adam, betas 0.9 0.999, eps 1e-8";
  block["schedule"] = t.scheduler;
  block["updates"] = last.updates;
  if (run.stages.size() > 1) block["pretrain_updates"] = run.stages.front().updates;
  block["epochs"] = last.epochs;
  block["samples_seen"] = samples;
  block["selection_metric"] = run.task.protocol.selection_metric;
  if (last.best_update > 0) {
    block["best_update"] = last.best_update;
    block["best_value"] = last.best_value;
  }
  const auto journal = results::read_journal(run.folder.journal());
  if (phased) block["phases"] = phases_block(journal);
  block["curve_sha256"] = results::curve_sha256(journal);
  block["measured"] = {{"wall_s", run.train_wall},
                       {"cpu_s", run.train_cpu},
                       {"stall_s", stall},
                       {"peak_host_mb", peak_memory_mb()},
                       {"resumed", run.resumed}};
  return block;
}

core::Json inference_block(const FinishedRun& run) {
  const auto frames = static_cast<double>(run.evaluation.samples * run.task.rounds * run.scenario.out_frames);
  const double seconds = run.evaluation.model_seconds;
  core::Json measured = {{"wall_s", run.test_wall}, {"peak_host_mb", peak_memory_mb()}};
  if (seconds > 0) measured["frames_per_s"] = frames / seconds;
  core::Json block = {{"batch", run.config.training.eval_batch_size}, {"rollouts", run.evaluation.samples}};
  if (run.latency.samples > 0) {
    block["warm_up"] = kLatencyWarmUp;
    const auto per_frame = static_cast<double>(run.scenario.out_frames);
    measured["latency_samples"] = run.latency.samples;
    measured["ms_per_sample_p50"] = run.latency.p50_ms;
    measured["ms_per_sample_p95"] = run.latency.p95_ms;
    measured["ms_per_frame_median"] = run.latency.p50_ms / per_frame;
    measured["ms_per_frame_p95"] = run.latency.p95_ms / per_frame;
    block["flops_per_sample"] = run.operations ? core::Json(*run.operations) : core::Json(nullptr);
  }
  block["measured"] = measured;
  return block;
}

core::Json checks_block(const FinishedRun& run) {
  core::Json block = {{"zero_gradient_parameters", run.zero_gradient_parameters},
                      {"test_used_for_selection", false}};
  if (run.train && run.train->options().side == run.test.options().side) {
    std::vector<datasets::WindowRef> train, test;
    for (int64_t i = 0; i < run.train->size(); ++i) train.push_back(run.train->window(i));
    for (int64_t i = 0; i < run.test.size(); ++i) test.push_back(run.test.window(i));
    const int64_t frames = run.scenario.in_frames + run.task.rounds * run.scenario.out_frames;
    block["train_test_overlap"] = datasets::shared_frames(test, train, frames);
  }
  return block;
}

}  // namespace

results::RecordDraft draft_run_record(const FinishedRun& run) {
  write_rows(run);
  write_pictures(run);

  const std::map<std::string, std::string> libraries = {{"libtorch", kTorchVersion},
                                                        {"hdf5", kHdf5Version},
                                                        {"fftw", kFftwVersion},
                                                        {"netcdf", kNetcdfVersion}};
  results::RecordDraft draft;
  draft.command = run.command;
  if (run.scenario.synthetic)
    draft.synthetic_label =
        run.scenario.title + (run.scenario.notes.empty() ? "" : ": " + run.scenario.notes);
  draft.submission = {{"division", "fixed"}, {"relationship", "third_party"}, {"paper", run.info.paper}};
  draft.harness = {
      {"name", "windtunnel"},
      {"version", kVersion},
      {"compiler", kCompiler},
      {"build_type", kBuildType},
      {"plugins", loaded_plugins()},
      {"git_commit", std::string(kGitCommit).empty() ? core::Json(nullptr) : core::Json(kGitCommit)},
      {"libraries", libraries}};
  draft.task = task_block(run);
  draft.dataset = dataset_block(run);
  const auto state = run.model->state();
  draft.model = {
      {"name", run.info.name},
      {"plugin", run.info.origin == "built in" ? core::Json(nullptr) : core::Json(run.info.origin)},
      {"preset", run.config.preset},
      {"compat", run.config.compat},
      {"options", run.config.model},
      {"trainable", run.info.trainable},
      {"parameters", real_parameters(*run.model)},
      {"weights_sha256", state.empty() ? core::Json(nullptr) : core::Json(weights_sha256(state))},
      {"precision", run.config.training.precision == "bf16" ? "float32, products bfloat16" : "float32"},
      {"pretrained_from", run.pretrained_from}};
  if (!run.initial_weights_sha256.empty()) draft.model["initial_weights_sha256"] = run.initial_weights_sha256;
  draft.training = training_block(run);
  draft.inference = inference_block(run);
  results::EnvironmentFacts facts;
  facts.threads = at::get_num_threads();
  facts.libraries = libraries;
  facts.flags = {{"deterministic", true}};
  draft.environment = results::environment_block(facts);
  draft.metrics = metric_values(run, run.evaluation);
  if (run.has_update_ratio) {
    results::MetricValue ratio;
    ratio.id = "update_ratio";
    if (run.update_ratio) ratio.value = *run.update_ratio;
    if (!run.update_ratio) ratio.reason = "not reached";
    ratio.subset = run.task.subset;
    ratio.rounds = run.task.rounds;
    ratio.n = 1;
    draft.metrics.push_back(ratio);
  }
  for (const auto& [name, evaluation] : run.trivial) draft.baselines[name] = metric_values(run, evaluation);
  add_subsets(run, draft.metrics);
  draft.per_sample = results::per_sample_block(run.folder.per_sample());
  std::optional<metrics::ProbeGeometry> probes;
  if (run.scenario.geometry && run.config.evaluation.probe_diagnostic) {
    const auto& g = *run.scenario.geometry;
    probes = metrics::ProbeGeometry{static_cast<int64_t>(g.d), static_cast<int64_t>(g.center_x),
                                    static_cast<int64_t>(g.center_y),
                                    run.scenario.side_stride(datasets::Side::real)};
  }
  draft.predictions = write_stored_predictions(run.folder.root / "probe.safetensors", run.evaluation.captured,
                                               run.evaluation.channels, probes);
  draft.checks = checks_block(run);
  draft.n_failed = run.evaluation.diverged;
  if (run.evaluation.diverged > 0) {
    draft.status = "diverged";
    draft.status_reason = "the prediction of " + run.evaluation.first_diverged + " is not finite";
  }
  return draft;
}

core::Json make_run_record(const FinishedRun& run) { return results::make_record(draft_run_record(run)); }

}  // namespace windtunnel::runners

#pragma once

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "core/file.h"
#include "core/random.h"
#include "core/sha256.h"
#include "results/figures.h"
#include "results/journal.h"
#include "results/record.h"
#include "results/run_folder.h"

namespace windtunnel::results::fixtures {

namespace fs = std::filesystem;
using core::Json;

/// A fresh folder that goes with the object.
struct TemporaryFolder {
  fs::path path;
  TemporaryFolder() {
    static int counter = 0;
    path = fs::temp_directory_path() /
           ("windtunnel_results_" + std::to_string(::getpid()) + "_" + std::to_string(counter++));
    fs::create_directories(path);
  }
  ~TemporaryFolder() { fs::remove_all(path); }
};

struct RunSpec {
  std::string scenario = "cylinder", model = "fno", setting = "real", protocol = "corrected";
  double rel_l2 = 0.1;  ///< the other scores follow from it
  int64_t seed = 0, parameters = 1000000, samples = 12;
  bool trainable = true, synthetic = true;
  std::string created = "2025-03-01T10:00:00Z";
};

inline std::string hash(const std::string& text) { return core::sha256(text); }

/// Per-sample scores around the wanted mean; `variance` of the targets is 0.04.
inline PerSampleTable table_of(const RunSpec& spec, double level) {
  core::PythonRandom random(
      core::stream_seed(static_cast<uint64_t>(spec.seed), spec.scenario + spec.model + spec.setting));
  PerSampleTable table;
  table.metrics = {"mse", "mae", "rel_l2", "ke", "fe"};
  for (int64_t i = 0; i < spec.samples; ++i) {
    const double error = level * (0.8 + 0.4 * random.random());
    table.rows.push_back({"traj" + std::to_string(i / 4) + "/" + std::to_string(20 * (i % 4)),
                          i % 3 == 0   ? "in_dist"
                          : i % 3 == 1 ? "out_dist"
                                       : "seen",
                          1,
                          {error * error * 0.04, error * 0.12, error, error * 2e-3, error * 90}});
  }
  return table;
}

inline std::vector<MetricValue> scores_of(const PerSampleTable& table) {
  std::vector<double> mean(table.metrics.size(), 0);
  const auto n = static_cast<int64_t>(table.rows.size());
  for (const auto& row : table.rows)
    for (size_t c = 0; c < mean.size(); ++c) mean[c] += row.values[c];
  for (auto& value : mean) value /= static_cast<double>(n);
  std::vector<MetricValue> scores;
  const auto add = [&](const char* id, double value, const char* unit, const char* aggregation,
                       bool higher = false) {
    MetricValue score;
    score.id = id;
    score.value = value;
    score.unit = unit;
    score.aggregation = aggregation;
    score.higher_is_better = higher;
    score.n = n;
    scores.push_back(score);
  };
  add("rel_l2", mean[2], "1", "mean");
  add("rmse", std::sqrt(mean[0]), "m/s", "root mse");
  add("mae", mean[1], "m/s", "mean");
  add("r2", 1 - mean[0] / 0.04, "1", "set", true);
  add("ke", mean[3], "(m/s)^2", "mean");
  add("fe", mean[4], "m/s", "mean");
  add("frmse", 0.03 * mean[2], "m/s", "set");
  add("low_frmse", 0.06 * mean[2], "m/s", "set");
  add("mid_frmse", 0.03 * mean[2], "m/s", "set");
  add("high_frmse", 0.01 * mean[2], "m/s", "set");
  return scores;
}

inline RecordDraft draft_of(const RunSpec& spec, const PerSampleTable& table) {
  RecordDraft draft;
  draft.created_utc = spec.created;
  draft.command = "windtunnel run --scenario " + spec.scenario + " --baseline " + spec.model + " --setting " +
                  spec.setting + " --preset tiny --seed " + std::to_string(spec.seed) + " --data DATA";
  if (spec.synthetic) draft.synthetic_label = "virtual laboratory, seed 0";
  draft.harness = {{"name", "windtunnel"}, {"version", "0.1.0"}};
  draft.task = {{"id", spec.scenario + "/" + spec.setting},
                {"scenario", spec.scenario},
                {"setting", spec.setting},
                {"protocol", spec.protocol},
                {"protocol_sha256", hash(spec.protocol)},
                {"subset", "all"},
                {"rounds", 1},
                {"input_frames", 20},
                {"output_frames", 20}};
  draft.dataset = {
      {"id", spec.scenario}, {"revision", "lab-1"}, {"manifest_sha256", hash("data " + spec.scenario)},
      {"n_train", 90},       {"n_val", 12},         {"n_test", spec.samples}};
  draft.model = {{"name", spec.model},
                 {"preset", "tiny"},
                 {"options", {{"width", 16}}},
                 {"trainable", spec.trainable},
                 {"parameters", spec.parameters}};
  if (spec.trainable)
    draft.model["weights_sha256"] =
        hash(spec.model + spec.setting + spec.scenario + std::to_string(spec.seed));
  const Json config = {{"scenario", spec.scenario},
                       {"baseline", spec.model},
                       {"setting", spec.setting},
                       {"training", {{"seed", spec.seed}, {"learning_rate", 0.001}}}};
  draft.training = {{"config", config},
                    {"config_sha256", core::sha256(core::canonical(config))},
                    {"updates", spec.trainable ? 200 : 0},
                    {"seeds", {{"init", spec.seed}}},
                    {"measured", {{"wall_s", 12.5 + static_cast<double>(spec.seed)}, {"peak_host_mb", 512}}}};
  draft.environment = {{"cpu_model", "some processor"}, {"cpu_cores", 2}};
  draft.metrics = scores_of(table);
  RunSpec reference = spec;  // one forecast on one test set, whatever the run
  reference.model = "persistence";
  reference.setting = "inference";
  reference.seed = 0;
  draft.baselines["persistence"] = scores_of(table_of(reference, 0.45));
  return draft;
}

/// A record without side files.
inline Json record_of(const RunSpec& spec) {
  return make_record(draft_of(spec, table_of(spec, spec.rel_l2)));
}

/// A travelling wake-like pattern; the prediction lags and fades.
inline Figures figures_of(int64_t frames = 8, int64_t height = 24, int64_t width = 48) {
  const auto wave = [&](double phase, double fade) {
    core::Array field({frames, height, width, 2});
    for (int64_t t = 0; t < frames; ++t)
      for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x) {
          const double s = 0.35 * static_cast<double>(x) - 0.7 * static_cast<double>(t) + phase;
          const double r = (static_cast<double>(y) - 0.5 * static_cast<double>(height)) / 5;
          const auto at = static_cast<size_t>(2 * ((t * height + y) * width + x));
          field.data[at] = static_cast<float>(1 - fade * 0.8 * std::exp(-r * r) +
                                              fade * 0.3 * std::sin(s) * r * std::exp(-r * r));
          field.data[at + 1] = static_cast<float>(fade * 0.5 * std::cos(s) * std::exp(-r * r));
        }
    return field;
  };
  Figures figures;
  figures.fields = {{"u", "m/s"}, {"v", "m/s"}};
  figures.samples.push_back({"traj0/0", wave(0, 1), wave(-5.6, 1), wave(-5.2, 0.85)});
  figures.spectrum_target = core::Array({8, 2});
  figures.spectrum_error = core::Array({8, 2});
  for (int64_t b = 0; b < 8; ++b)
    for (int64_t c = 0; c < 2; ++c) {
      figures.spectrum_target.data[static_cast<size_t>(2 * b + c)] =
          static_cast<float>(std::pow(b + 1, -2.0) / static_cast<double>(c + 1));
      figures.spectrum_error.data[static_cast<size_t>(2 * b + c)] =
          static_cast<float>(0.2 * std::pow(b + 1, -1.2) / static_cast<double>(c + 1));
    }
  figures.probe_stations = {"1 D", "2 D", "3 D", "4 D"};
  figures.probes_target = core::Array({4, 9});
  figures.probes_prediction = core::Array({4, 9});
  for (int64_t s = 0; s < 4; ++s)
    for (int64_t p = 0; p < 9; ++p) {
      const double r = (static_cast<double>(p) - 4) / (1.5 + static_cast<double>(s) / 3);
      figures.probes_target.data[static_cast<size_t>(9 * s + p)] =
          static_cast<float>(1 - 0.8 * std::exp(-r * r) + 0.1 * static_cast<double>(s));
      figures.probes_prediction.data[static_cast<size_t>(9 * s + p)] =
          static_cast<float>(1 - 0.7 * std::exp(-r * r) + 0.1 * static_cast<double>(s));
    }
  figures.frame_interval_s = 0.0025;
  return figures;
}

/// A complete run folder.
inline Json make_run(const fs::path& root, const RunSpec& spec) {
  const RunFolder folder{root};
  folder.create();
  const PerSampleTable table = table_of(spec, spec.rel_l2);
  write_per_sample(folder.per_sample(), table);
  if (spec.trainable) {
    Journal journal(folder.journal());
    journal.append("start", {{"program", "windtunnel"}});
    for (int64_t u = 1; u <= 200; ++u) {
      journal.update(
          "train", u,
          0.9 * std::exp(-static_cast<double>(u) / 60) + 0.05 + 0.02 * std::sin(static_cast<double>(7 * u)),
          1e-3);
      if (u % 20 == 0)
        journal.validation(
            "train", u,
            {{"rmse", 0.2 * std::exp(-static_cast<double>(u) / 80) + 0.03}, {"rel_l2", spec.rel_l2}}, true);
    }
    journal.append("finish");
  }
  core::write_file_atomic(folder.config(), "scenario: " + spec.scenario + "\nbaseline: " + spec.model + "\n");
  RecordDraft draft = draft_of(spec, table);
  draft.per_sample = per_sample_block(folder.per_sample());
  const Json record = make_record(draft);
  write_record(folder.record(), record);
  return record;
}

}  // namespace windtunnel::results::fixtures

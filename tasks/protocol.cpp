#include "tasks/protocol.h"

#include <algorithm>

#include "core/embedded.h"
#include "core/error.h"
#include "core/sha256.h"
#include "core/text.h"

namespace windtunnel::tasks {

const std::vector<core::EmbeddedFile>& embedded_files();

namespace {

constexpr const char* kSettingsFile = "settings.yaml";

std::string stem(const std::string& file) { return file.substr(0, file.rfind('.')); }

}  // namespace

void Protocol::describe(core::OptionVisitor& v) {
  const std::vector<std::string> rules = {"published", "corrected"};
  v("name", name, "name in tables and identifiers");
  v("version", version, "rises when numbers change", core::kPositive);
  v("about", about, "for people; not hashed");
  v.choice("windows", windows, rules, "which windows are trained and scored");
  v.choice("statistics", statistics, rules, "source and variance of the normalizer");
  v("statistics_batch", statistics_batch, "windows per batch in published statistics", core::kPositive);
  v.choice("loss_channels", loss_channels, {"all", "delivered"}, "channels that the training loss covers");
  v("validation_points", validation_points, "validations per training run", core::kPositive);
  v("selection_metric", selection_metric, "the checkpoint with the smallest value is kept");
  v.choice("measured_channels", measured_channels, {"detected", "scenario"},
           "where the scored channels come from");
  v("input_round_trip", input_round_trip,
    "predictions pass input statistics and back through target statistics");
  v("target_round_trip", target_round_trip, "targets pass the normalizer and back in float32");
  v.choice("unmeasured_feedback", unmeasured_feedback, {"predicted", "zero"},
           "unmeasured channels in later rounds");
  v("chunk_above_rounds", chunk_above_rounds,
    "average metrics over test batches above this many rounds; 0: never", core::kNotNegative);
  v("float32_chunks", float32_chunks, "chunk values are averaged in float32");
  v.choice("frmse_bins", frmse_bins, {"sum", "mean"}, "energy of a frequency bin over its modes");
  v.choice("relative_bands", relative_bands, {"all", "skip_zero"}, "bins without target energy");
  v.choice("fe_channels", fe_channels, {"summed", "separate"}, "signals of the frequency error");
  v.choice("missing_ke", missing_ke, {"zero", "undefined"}, "kinetic energy with fewer than two channels");
  v("paper_forms", paper_forms, "also report the vector-norm and pooled forms");
  v.choice("probe_rule", probe_rule, {"2d", "4d"}, "station that must be inside for full spacing");
  v.choice("probe_channels", probe_channels, {"all_predicted", "measured"}, "channels of the probe error");
  v.choice("batch_means", batch_means, {"batches", "samples"}, "weights in normalised MSE and probe error");
}

core::Json Protocol::json() const {
  Protocol copy = *this;
  return core::write_options(copy);
}

std::string Protocol::hash() const {
  core::Json value = json();
  value.erase("about");
  return core::sha256(core::canonical(value));
}

int64_t Protocol::chunk(int64_t rounds, int64_t test_batch) const {
  return chunk_above_rounds > 0 && rounds > chunk_above_rounds ? test_batch : 0;
}

metrics::AccumulatorOptions Protocol::accumulator(int64_t channels, int64_t rounds,
                                                  int64_t test_batch) const {
  metrics::AccumulatorOptions options;
  options.channels = channels;
  options.chunk = chunk(rounds, test_batch);
  options.loader_batch = batch_means == "batches" ? test_batch : 0;
  options.float32_chunks = float32_chunks;
  options.bin_mean = frmse_bins == "mean";
  options.skip_zero_bins = relative_bands == "skip_zero";
  options.separate_fe = fe_channels == "separate";
  options.zero_missing_ke = missing_ke == "zero";
  options.paper_forms = paper_forms;
  return options;
}

std::vector<std::string> protocol_names() {
  std::vector<std::string> names;
  for (const auto& file : embedded_files())
    if (file.name != kSettingsFile) names.push_back(stem(file.name));
  return names;
}

Protocol protocol(const std::string& name) {
  Protocol result;
  if (name.ends_with(".yaml") || name.ends_with(".yml")) {
    core::read_options(result, core::read_yaml(name), name);
    const auto names = protocol_names();
    const bool known = std::find(names.begin(), names.end(), result.name) != names.end();
    if (known && protocol(result.name).hash() != result.hash())
      throw core::usage_error(name + ": a changed protocol is named '" + result.name + "'",
                              "a name of its own", "set `name` to another word");
    return result;
  }
  for (const auto& file : embedded_files())
    if (file.name != kSettingsFile && stem(file.name) == name) {
      core::read_options(result, core::parse_yaml(file.text, file.name), file.name);
      return result;
    }
  throw core::usage_error("unknown protocol '" + name + "'", "a protocol's name or a .yaml file",
                          core::suggestion(name, protocol_names()));
}

}  // namespace windtunnel::tasks

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/json.h"
#include "core/safetensors.h"
#include "datasets/formats/well_samples.h"
#include "runners/conformance/datasets_realpdebench.h"

namespace windtunnel::runners {

namespace fs = std::filesystem;
using core::Json;
using datasets::WellOptions;
using datasets::WellQuantity;
using datasets::WellSamples;

namespace {

constexpr double kNormalisedTolerance = 1e-6;  // of the fields that went through a division

WellOptions options_of(const Json& arguments) {
  WellOptions o;
  o.in_steps = arguments.value("n_steps_input", o.in_steps);
  o.out_steps = arguments.value("n_steps_output", o.out_steps);
  o.dt = arguments.value("min_dt_stride", o.dt);
  if (arguments.value("max_dt_stride", o.dt) != o.dt)
    throw usage_error("a golden case with random strides", "min_dt_stride = max_dt_stride");
  o.whole = arguments.value("full_trajectory_mode", o.whole);
  o.max_rollout = arguments.value("max_rollout_steps", o.max_rollout);
  o.start = arguments.value("start_output_steps_at_t", o.start);
  if (arguments.value("use_normalization", false))
    o.normalization = arguments.value("normalization_type", "zscore");
  return o;
}

/// {"0": names, "1": names, "2": names} of the variable or constant fields.
Json names_of(const datasets::WellFile& file, bool constant) {
  Json names = {{"0", Json::array()}, {"1", Json::array()}, {"2", Json::array()}};
  for (const auto& field : file.fields())
    if (field.time_varying != constant)
      for (const auto& name : file.channel_names(field)) names[std::to_string(field.order)].push_back(name);
  return names;
}

Json scalars_of(const datasets::WellFile& file, bool constant) {
  Json names = Json::array();
  for (const auto& scalar : file.scalars())
    if (scalar.time_varying != constant) names.push_back(scalar.name);
  return names;
}

void check_metadata(const Json& expected, const WellSamples& samples, CaseResult& result) {
  const auto& file = *samples.files().front();
  Json runs = Json::array(), steps = Json::array();
  for (const auto& f : samples.files()) {
    runs.push_back(f->trajectories());
    steps.push_back(f->steps());
  }
  const std::vector<std::pair<const char*, Json>> facts = {
      {"length", samples.size()},
      {"n_windows_per_trajectory", samples.windows()},
      {"field_names", names_of(file, false)},
      {"constant_field_names", names_of(file, true)},
      {"scalar_names", scalars_of(file, false)},
      {"constant_scalar_names", scalars_of(file, true)},
      {"spatial_resolution", file.resolution()},
      {"n_trajectories_per_file", runs},
      {"n_steps_per_trajectory", steps},
      {"boundary_condition_types", file.boundary_types()}};
  for (const auto& [key, got] : facts)
    if (expected.contains(key)) result.expect(key, expected.at(key) == got);
}

void check_case(const fs::path& folder, const std::string& split, const Json& expected,
                const core::SafetensorsFile& tensors, CaseResult& result) {
  const WellOptions options = options_of(expected.at("args"));
  const WellSamples samples(folder, split, options);
  check_metadata(expected, samples, result);
  for (const auto& index : expected.at("indices")) {
    const std::string stem = "case" + expected.at("case").dump() + ".i" + index.dump() + ".";
    const auto sample = samples.sample(index.get<int64_t>());
    for (const auto& name : tensors.names()) {
      if (name.rfind(stem, 0) != 0) continue;
      const std::string key = name.substr(stem.size());
      const auto got = sample.find(key);
      const core::Array want = tensors.floats(name);
      result.expect(name + " shape", got != sample.end() && got->second.shape == want.shape);
      if (got == sample.end() || got->second.shape != want.shape) continue;
      const bool divided = !options.normalization.empty() && key.ends_with("_fields");
      size_t different = 0;
      for (size_t i = 0; i < want.data.size(); ++i) {
        if (divided)
          result.compare(name, got->second.data[i], want.data[i],
                         kNormalisedTolerance * std::max(1.0f, std::abs(want.data[i])));
        else
          different += !(got->second.data[i] == want.data[i]);
      }
      result.expect(name, different == 0);
    }
    for (const auto& [key, values] : sample)
      result.expect(stem + key + " is expected", tensors.contains(stem + key));
  }
}

void run(const fs::path& folder, const Report& report) {
  const fs::path root = folder / "the_well", list = root / "expected.json";
  if (!fs::exists(list)) return;
  const Json expected = core::read_json(list.string());
  const core::SafetensorsFile tensors(root / "expected.safetensors");
  for (const auto& entry : expected.at("cases"))
    run_case("the_well/case" + entry.at("case").dump(), report, [&](CaseResult& r) {
      check_case(root / expected.at("dataset").get<std::string>(), expected.at("split"), entry, tensors, r);
    });
}

const SuiteRegistration registration{{"datasets", "the-well", run}};

}  // namespace
}  // namespace windtunnel::runners

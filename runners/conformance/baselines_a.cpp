#include "runners/conformance/baselines_a.h"

#include <ATen/Context.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/view_as_real.h>

#include <map>
#include <set>

#include "baselines/cno/cno.h"
#include "baselines/deeponet/deeponet.h"
#include "baselines/fno/fno.h"
#include "baselines/presets.h"
#include "core/error.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

using baselines::SampleShape;

const char* const kNetworks[] = {"fno", "unet", "cno", "deeponet"};

/// Keys of golden configurations that the model context stands for.
const std::vector<std::string> kShapeKeys = {
    "shape_in", "shape_out", "channels", "out_channels",   "in_time",
    "out_time", "in_dim",    "out_dim",  "out_dim_mult",   "in_size",
    "T",        "H",         "W",        "input_channels", "output_channels"};

core::Json less_shapes(const core::Json& config) { return without(config, kShapeKeys); }

/// Where a published configuration is not just a list of our options.
const std::map<std::string, core::Json (*)(const core::Json&)> kOptions = {
    {"cno", baselines::CnoOptions::from_published}, {"deeponet", baselines::DeepOnetOptions::from_published}};

/// Sample shapes of the published scenarios: input, output.
const std::map<std::string, std::pair<SampleShape, SampleShape>> kScenarios = {
    {"cylinder", {{20, 64, 128, 3}, {20, 64, 128, 3}}},
    {"controlled_cylinder", {{10, 64, 128, 5}, {10, 64, 128, 3}}},
    {"fsi", {{20, 64, 64, 3}, {20, 64, 64, 3}}},
    {"foil", {{20, 64, 128, 3}, {20, 64, 128, 3}}},
    {"combustion", {{20, 64, 64, 16}, {20, 64, 64, 16}}},
    {"combustion_surrogate", {{20, 128, 128, 17}, {20, 128, 128, 1}}}};

SampleShape sample_shape(const core::Json& shape) {
  return {shape.at(0).get<int64_t>(), shape.at(1).get<int64_t>(), shape.at(2).get<int64_t>(),
          shape.at(3).get<int64_t>()};
}

/// Sample shapes out of constructor arguments, whatever the model calls them.
baselines::ModelContext context_of(const core::Json& config) {
  baselines::ModelContext context;
  context.compat = "published";
  const auto first = [&](std::initializer_list<const char*> keys) -> int64_t {
    for (const char* key : keys)
      if (config.contains(key)) return config.at(key).get<int64_t>();
    throw data_error("a golden configuration lacks '" + std::string(*keys.begin()) + "'",
                     "the sizes of the data");
  };
  if (config.contains("shape_in")) {
    context.input = sample_shape(config.at("shape_in"));
    context.output = sample_shape(config.at("shape_out"));
  } else {
    context.input = {first({"T", "in_time"}), first({"H", "dim"}), first({"W"}),
                     first({"in_dim", "channels"})};
    context.output = context.input;
    context.output.frames = config.contains("out_time")
                                ? first({"out_time"})
                                : context.input.frames * config.value("out_dim_mult", int64_t{1});
    context.output.channels = first({"out_dim", "out_channels"});
  }
  return context;
}

at::Tensor real_values(const at::Tensor& tensor) {
  return (tensor.is_complex() ? at::view_as_real(tensor) : tensor).to(at::kDouble).flatten();
}

void run(const fs::path& folder, const std::function<void(const CaseResult&)>& report) {
  for (const std::string name : kNetworks)
    for (const auto& json : case_files(folder / name))
      run_case(name + "/" + json.stem().string(), report, [&](CaseResult& result) {
        if (core::read_json(json.string()).contains("fill"))
          check_filled_network(result, name, json);
        else
          check_network(result, name, json);
      });
  for (const auto& json : case_files(folder / "dmd"))
    run_case("dmd/" + json.stem().string(), report, [&](CaseResult& result) { check_dmd(result, json); });
  const auto each_entry = [&](const char* file, const auto& check) {
    if (!fs::exists(folder / file)) return;
    const core::Json entries = core::read_json((folder / file).string());
    for (const auto& [key, expected] : entries.items())
      run_case(fs::path(file).stem().string() + "/" + key, report,
               [&, key = key, &expected = expected](CaseResult& result) { check(result, key, expected); });
  };
  each_entry("init_fingerprints-a.json", check_fingerprint);
  each_entry("params-a.json", check_size);
}

const SuiteRegistration registration({"baselines", "fno unet cno deeponet dmd", run});

}  // namespace

core::Json golden_options(const std::string& baseline, const core::Json& config) {
  const auto known = kOptions.find(baseline);
  return known == kOptions.end() ? less_shapes(config) : known->second(config);
}

void check_fingerprint(CaseResult& result, const std::string& baseline, const core::Json& expected) {
  const core::Json& config = expected.at("config");
  at::manual_seed(expected.value("seed", uint64_t{0}));
  const auto model =
      baselines::make_baseline(baseline, context_of(config), golden_options(baseline, config), result.name);
  const double next = at::rand({1}).item<double>();
  const StateDict state = model->state();
  for (const auto& [name, facts] : expected.at("tensors").items()) {
    const at::Tensor tensor = entry(state, name, result.name), values = real_values(tensor);
    result.expect("shape of " + name, tensor.sizes().vec() == facts.at("shape").get<std::vector<int64_t>>());
    if (values.numel() == 0) continue;
    const double norm = facts.at("l2").get<double>(), tolerance = 1e-6 * std::max(norm, 1e-12);
    const auto first = facts.at("first").get<std::vector<double>>();
    for (size_t i = 0; i < first.size(); ++i)
      result.compare(name + " first", values[static_cast<int64_t>(i)].item<double>(), first[i], tolerance);
    result.compare(name + " last", values[-1].item<double>(), facts.at("last").get<double>(), tolerance);
    result.compare(name + " mean", values.mean().item<double>(), facts.at("mean").get<double>(), tolerance);
    result.compare(name + " l2", l2_norm(tensor), norm, tolerance);
  }
  result.compare("next uniform draw", next, expected.at("next_uniform").get<double>(), 1e-7);
}

void check_size(CaseResult& result, const std::string& key, const core::Json& expected) {
  constexpr int64_t kLargestBuilt = int64_t{1} << 30;  // bytes of weights
  const std::string baseline = key.substr(key.rfind('/') + 1);
  const std::string path = key.substr(0, key.rfind('/'));
  const std::string scenario = path == "combustion/surrogate_model" ? "combustion_surrogate" : path;
  const auto shapes = kScenarios.find(scenario);
  if (shapes == kScenarios.end())
    throw data_error("no shapes are known for '" + path + "'", "a published scenario");
  const baselines::ModelContext context{shapes->second.first, shapes->second.second, "published"};
  const core::Json options = baselines::preset(baseline, "published", scenario).at("model");
  const auto number = [&](const char* name) { return expected.at(name).get<int64_t>(); };
  if (baseline == "fno") {
    baselines::FnoOptions fno;
    core::read_options(fno, options, result.name);
    result.expect("numel by formula", baselines::Fno::count_parameters(context, fno) == number("numel"));
    if (number("bytes") > kLargestBuilt) return;
  }
  const auto model = baselines::make_baseline(baseline, context, options, result.name);
  int64_t real_scalars = 0, trainable = 0, bytes = 0;
  std::set<const void*> counted;  // shared parameters stand under several names
  for (const auto& item : model->named_parameters())
    if (counted.insert(item.value().unsafeGetTensorImpl()).second) real_scalars += item.value().numel();
  const StateDict state = model->state();
  for (const auto& [name, value] : state) bytes += value.nbytes();
  for (const auto& item : model->named_parameters())
    if (item.value().requires_grad())
      trainable += model->to_published(item.key(), item.value().detach()).numel();
  result.expect("numel", model->parameter_count() == number("numel"));
  result.expect("real_scalars", real_scalars == number("real_scalars"));
  result.expect("requires_grad", trainable == number("requires_grad"));
  result.expect("state_dict_keys", static_cast<int64_t>(state.size()) == number("state_dict_keys"));
  result.expect("bytes", bytes == number("bytes"));
}

}  // namespace windtunnel::runners

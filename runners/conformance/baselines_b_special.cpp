#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "baselines/checkpoint.h"
#include "baselines/dpot/dpot.h"
#include "baselines/dpot/fourier_resize.h"
#include "baselines/layers.h"
#include "baselines/mwt/filters.h"
#include "baselines/presets.h"
#include "core/error.h"
#include "core/text.h"
#include "runners/conformance/baselines_b.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

fs::path beside(const fs::path& json, const std::string& suffix) {
  return json.parent_path() / (json.stem().string() + suffix);
}

// Tensors <base>/<k>/<matrix>, float64.
void check_filters(CaseResult& result, const fs::path& json) {
  const GoldenTensors tensors(beside(json, ".safetensors"));
  for (const auto& name : tensors.names()) {
    const auto parts = core::split(name, '/');
    if (parts.size() != 3) throw data_error(json.string() + ": tensor '" + name + "'", "base/k/matrix");
    const int64_t k = std::stoll(parts[1]);
    const auto filters = baselines::multiwavelet_filters(parts[0], k);
    const std::map<std::string, const std::vector<double>*> matrices = {
        {"H0", &filters.h0}, {"H1", &filters.h1},     {"G0", &filters.g0},
        {"G1", &filters.g1}, {"PHI0", &filters.phi0}, {"PHI1", &filters.phi1}};
    const at::Tensor expected = tensors.at(name).to(at::kDouble).contiguous();
    const std::vector<double>& got = *matrices.at(parts[2]);
    result.expect(name + " size", static_cast<int64_t>(got.size()) == expected.numel());
    for (int64_t i = 0; i < std::min<int64_t>(expected.numel(), static_cast<int64_t>(got.size())); ++i)
      result.compare(name, got[static_cast<size_t>(i)], expected.data_ptr<double>()[i], k <= 4 ? 1e-8 : 1e-6);
  }
}

// Tensors <index>/input and <index>/output, (B,X,Y,T,C).
void check_resizing(CaseResult& result, const fs::path& json, const core::Json& items) {
  const GoldenTensors tensors(beside(json, ".safetensors"));
  for (const auto& item : items) {
    const std::string index = std::to_string(item.at("index").get<int64_t>());
    const at::Tensor input = tensors.at(index + "/input"), expected = tensors.at(index + "/output");
    for (const bool reference : {false, true}) {
      const baselines::FourierResize resize(input.size(1), input.size(2),
                                            item.at("size_out").at(0).get<int64_t>(),
                                            item.at("size_out").at(1).get<int64_t>(), true, reference);
      const at::Tensor got = resize(input.flatten(3)).reshape(expected.sizes());
      compare_by_deviation(result, (reference ? "reference " : "fast ") + index, got, expected, 1e-5);
    }
  }
}

void check_backbone(CaseResult& result, const PublishedModel& model, const fs::path& json,
                    const core::Json& golden) {
  const auto context = golden_context(golden.at("shape_in"), golden.at("shape_out"));
  core::Json options = model.options(golden.at("config"));
  const auto built = std::dynamic_pointer_cast<baselines::Dpot>(
      baselines::make_baseline(model.baseline, context, options, json.string()));
  compare_state_layout(result, built->state(), golden.at("state_dict"));
  result.expect("parameter count", built->parameter_count() == golden.at("num_params").get<int64_t>());

  const fs::path upstream = beside(json, "_upstream.pth");
  built->load_state(baselines::load_weights(beside(json, "_before.pth")).state, json.string());
  const auto report = built->load_backbone(baselines::load_weights(upstream).state, upstream.string());
  result.expect("loaded names",
                report.loaded == golden.at("loaded_from_backbone").get<std::vector<std::string>>());
  result.expect("kept names", report.kept == golden.at("kept").get<std::vector<std::string>>());
  const StateDict expected = baselines::load_weights(beside(json, ".pth")).state;
  compare_state_values(result, "state after the backbone", built->state(), expected);

  built->eval();
  const GoldenTensors tensors(beside(json, ".safetensors"));
  {
    at::NoGradGuard guard;
    compare_by_deviation(result, "output", built->forward(tensors.at("input")), tensors.at("output"), 1e-4);
  }
  options["backbone"] = upstream.string();
  const auto by_option = baselines::make_baseline(model.baseline, context, options, json.string());
  for (const auto& name : report.loaded)
    result.expect("option backbone: " + name,
                  entry(by_option->state(), name, "").equal(entry(expected, name, upstream.string())));
}

/// Shapes behind params-b.json: the published scenarios as their loaders deliver them, (T,H,W,C).
struct ScenarioShapes {
  core::Json in, out;
};
const std::map<std::string, ScenarioShapes> kScenarios = {
    {"cylinder", {{20, 64, 128, 3}, {20, 64, 128, 3}}},
    {"controlled_cylinder", {{10, 64, 128, 5}, {10, 64, 128, 3}}},
    {"fsi", {{20, 64, 64, 3}, {20, 64, 64, 3}}},
    {"foil", {{20, 64, 128, 3}, {20, 64, 128, 3}}},
    {"combustion", {{20, 64, 64, 16}, {20, 64, 64, 16}}},
};

struct Statistics {
  double count, mean, deviation, min, max;
};

Statistics statistics(const at::Tensor& values) {
  const at::Tensor v = values.to(at::kDouble);
  return {static_cast<double>(v.numel()), v.mean().item<double>(),
          v.numel() > 1 ? v.std(false).item<double>() : 0, v.min().item<double>(), v.max().item<double>()};
}

}  // namespace

bool check_special_case(CaseResult& result, const PublishedModel& model, const fs::path& json) {
  const core::Json golden = core::read_json(json);
  if (golden.contains("config")) {
    if (!golden.contains("loaded_from_backbone")) return false;
    check_backbone(result, model, json, golden);
  } else if (golden.contains("items")) {
    check_resizing(result, json, golden.at("items"));
  } else {
    check_filters(result, json);
  }
  return true;
}

void check_published_parameters(CaseResult& result, const std::string& baseline, const std::string& scenario,
                                const core::Json& expected) {
  const auto shapes = kScenarios.find(scenario);
  if (shapes == kScenarios.end()) throw data_error("scenario '" + scenario + "'", "a published scenario");
  const baselines::ShapeOnly shape_only;
  const auto model = baselines::make_baseline(baseline, golden_context(shapes->second.in, shapes->second.out),
                                              baselines::preset(baseline, "published", scenario).at("model"));
  compare_state_layout(result, model->state(), expected.at("state_dict"));
  result.expect("parameter count",
                model->parameter_count() == expected.at("num_params_as_logged").get<int64_t>());
  int64_t reals = 0, trainable = 0;
  for (const auto& item : model->named_parameters()) reals += item.value().numel();
  for (const auto& item : model->named_parameters())
    if (item.value().requires_grad()) trainable += model->to_published(item.key(), item.value()).numel();
  result.expect("real parameters", reals == expected.at("num_params_real_scalars").get<int64_t>());
  result.expect("trainable parameters", trainable == expected.at("num_params_requires_grad").get<int64_t>());
  std::set<std::string> names;
  for (const auto& item : model->named_parameters()) names.insert(item.key());
  const auto wanted = expected.at("parameter_names").get<std::vector<std::string>>();
  result.expect("parameter names", names == std::set<std::string>(wanted.begin(), wanted.end()));
}

void check_initial_values(CaseResult& result, const PublishedModel& model, const core::Json& golden_case,
                          const core::Json& expected) {
  std::map<std::string, std::vector<at::Tensor>> draws;
  const auto seeds = expected.value("seeds", int64_t{8});
  const auto context = golden_context(golden_case.at("shape_in"), golden_case.at("shape_out"));
  for (int64_t seed = 0; seed < seeds; ++seed) {
    torch::manual_seed(static_cast<uint64_t>(seed));
    const auto built =
        baselines::make_baseline(model.baseline, context, model.options(expected.at("config")));
    for (const auto& item : built->named_parameters())
      draws[item.key()].push_back(item.value().detach().flatten());
  }
  constexpr double kSigmas = 6;
  for (const auto& [name, golden] : expected.at("parameters").items()) {
    if (!draws.count(name))
      throw data_error("parameter '" + name + "' is not in the model", "published names");
    const Statistics got = statistics(at::cat(draws.at(name)));
    const double mean = golden.at("mean").get<double>(), deviation = golden.at("std").get<double>();
    const double n = golden.at("n").get<double>();
    result.expect(name + " count", got.count == n);
    const double error = deviation * std::sqrt(2 / n);
    result.compare(name + " mean", got.mean, mean, kSigmas * error + 1e-12);
    result.compare(name + " deviation", got.deviation, deviation, kSigmas * error + 1e-12);
    if (n < 1000 || deviation == 0) continue;  // extremes say something only for many draws
    // Bounded (uniform, 1.73 deviations) or not (normal): extremes of a normal sample vary from draw to draw.
    const auto extremes = [&](const std::string& what, double ours, double theirs) {
      if (theirs < 2)
        result.compare(name + what, ours, theirs, 0.1);
      else
        result.expect(name + what, ours > 2.2 && ours < 7);
    };
    extremes(" smallest", (got.mean - got.min) / deviation,
             (mean - golden.at("min").get<double>()) / deviation);
    extremes(" largest", (got.max - got.mean) / deviation,
             (golden.at("max").get<double>() - mean) / deviation);
  }
}

}  // namespace windtunnel::runners

#include "runners/conformance/baselines_b.h"

#include <ATen/TensorOperators.h>

#include "baselines/dpot/dpot.h"
#include "baselines/gk_transformer/gk_transformer.h"
#include "baselines/transolver/transolver.h"
#include "core/array.h"
#include "core/error.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

core::Json unchanged(core::Json config) { return config; }

const PublishedModel kModels[] = {
    {"mwt", "mwt", unchanged},
    {"gk", "gk_transformer", baselines::GkTransformerOptions::from_published},
    {"transolver", "transolver", baselines::TransolverOptions::from_published},
    {"dpot", "dpot_s", baselines::DpotOptions::from_published},
};

/// First part of a key of params-b.json -> baseline.
const std::map<std::string, std::string> kConfigurations = {{"mwt", "mwt"},
                                                            {"galerkin_transformer", "gk_transformer"},
                                                            {"trainsolver", "transolver"},
                                                            {"dpot_s", "dpot_s"},
                                                            {"dpot_l", "dpot_l"}};

baselines::SampleShape sample_shape(const core::Json& shape) {
  return {shape.at(0).get<int64_t>(), shape.at(1).get<int64_t>(), shape.at(2).get<int64_t>(),
          shape.at(3).get<int64_t>()};
}

void run(const fs::path& folder, const std::function<void(const CaseResult&)>& report) {
  for (const auto& model : kModels)
    for (const auto& json : case_files(folder / model.folder))
      run_case(model.folder + "/" + json.stem().string(), report, [&](CaseResult& result) {
        if (!check_special_case(result, model, json)) check_model_case(result, model, json);
      });
  if (const fs::path file = folder / "params-b.json"; fs::exists(file)) {
    const core::Json configurations = core::read_json(file);
    for (const auto& [key, expected] : configurations.items()) {
      const auto slash = key.find('/');
      const auto known = kConfigurations.find(key.substr(0, slash));
      if (known == kConfigurations.end()) continue;
      run_case("params-b/" + key, report, [&, scenario = key.substr(slash + 1)](CaseResult& result) {
        check_published_parameters(result, known->second, scenario, expected);
      });
    }
  }
  if (const fs::path file = folder / "init_stats-b.json"; fs::exists(file)) {
    const core::Json distributions = core::read_json(file);
    for (const auto& [name, expected] : distributions.items())
      for (const auto& model : kModels) {
        const fs::path json = folder / model.folder / (name + ".json");
        if (!fs::exists(json)) continue;
        run_case("init_stats-b/" + name, report, [&](CaseResult& result) {
          check_initial_values(result, model, core::read_json(json), expected);
        });
      }
  }
}

const SuiteRegistration registration({"baselines", "mwt gk transolver dpot", run});

}  // namespace

const PublishedModel* published_model(const std::string& folder) {
  for (const auto& model : kModels)
    if (model.folder == folder) return &model;
  return nullptr;
}

baselines::ModelContext golden_context(const core::Json& shape_in, const core::Json& shape_out,
                                       const std::string& compat) {
  return {sample_shape(shape_in), sample_shape(shape_out), compat};
}

Recorder::Recorder(const GoldenTensors& tensors, const std::string& prefix) : dropout_(Dropout::masks) {
  for (size_t i = 0; tensors.contains(prefix + std::to_string(i)); ++i)
    masks_.push_back(tensors.at(prefix + std::to_string(i)));
}

void Recorder::value(const std::string& name, const at::Tensor& value) {
  values_.try_emplace(name, value.detach().clone());
}

at::Tensor Recorder::dropout(const at::Tensor& x, double p) {
  if (dropout_ == Dropout::draw) return {};
  if (dropout_ == Dropout::off) return x;
  if (next_ >= masks_.size() || masks_[next_].sizes() != x.sizes())
    throw model_error(
        "dropout call " + std::to_string(next_) + " has shape " + core::to_string(x.sizes().vec()),
        next_ < masks_.size() ? core::to_string(masks_[next_].sizes().vec()) : "no further call");
  return x * (masks_[next_++].to(x.scalar_type()) / (1 - p));
}

}  // namespace windtunnel::runners

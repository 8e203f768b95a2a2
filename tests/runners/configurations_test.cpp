#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "baselines/adam.h"
#include "baselines/baseline.h"
#include "baselines/phased.h"
#include "baselines/presets.h"
#include "core/error.h"
#include "datasets/scenario.h"

namespace windtunnel::runners {
namespace {

const char* const kScenarios[] = {"cylinder", "controlled_cylinder", "fsi", "foil", "combustion"};

/// Fields and parameter planes as the scenario delivers them, on an own grid.
baselines::ModelContext context_of(const datasets::Scenario& scenario, int64_t height, int64_t width) {
  baselines::ModelContext context;
  context.input = {scenario.in_frames, height, width, scenario.input_channels()};
  context.output = {scenario.out_frames, height, width, scenario.channels()};
  context.compat = "published";
  return context;
}

/// Two updates of Adam; every loss and every weight stays finite.
void train_twice(const std::string& name, const core::Json& settings,
                 const baselines::ModelContext& context) {
  const auto model = baselines::make_baseline(name, context, settings.at("model"));
  const auto& [frames, height, width, channels] = context.input;
  const at::Tensor x = at::randn({1, frames, height, width, channels});
  const at::Tensor y = at::randn({1, context.output.frames, height, width, context.output.channels});
  if (!baselines::registry().at(name).trainable) {
    EXPECT_TRUE(model->predict(x).isfinite().all().item<bool>());
    return;
  }
  if (model->wants_observation()) model->observe(x, y);
  baselines::Adam adam(model->trainable_parameters());
  adam.set_learning_rate(settings.at("training").at("learning_rate"));
  for (int update = 0; update < 2; ++update) {
    model->train();
    adam.zero_grad();
    const at::Tensor loss = model->loss(x, y);
    EXPECT_TRUE(std::isfinite(loss.item<double>()));
    loss.backward();
    adam.clip_gradients(settings.at("training").value("clip_grad_norm", 0.0));
    adam.step();
  }
  for (const auto& parameter : model->trainable_parameters())
    EXPECT_TRUE(parameter.isfinite().all().item<bool>());
}

bool trains_in_phases(const std::string& name) {
  const auto context = context_of(datasets::load_scenario("cylinder", ""), 32, 32);
  const auto model =
      baselines::make_baseline(name, context, baselines::preset(name, "tiny", "cylinder").at("model"));
  return dynamic_cast<const baselines::PhasedTraining*>(model.get()) != nullptr;
}

TEST(Configurations, EveryShippedOneTrainsForTwoUpdates) {
  for (const auto& name : baselines::registry().names()) {
    if (baselines::registry().at(name).origin != "built in") continue;
    if (trains_in_phases(name)) continue;  // has no update of its own; see the tests of tokenizers and Sweep
    for (const auto& preset : baselines::preset_names(name)) {
      std::set<std::string> seen;  // scenarios that share settings and shapes are executed once
      for (const char* scenario_name : kScenarios) {
        const datasets::Scenario scenario = datasets::load_scenario(scenario_name, "");
        const core::Json settings = baselines::preset(name, preset, scenario_name);
        // Some published settings name the grid.
        const core::Json& model = settings.at("model");
        const auto context = model.value("H", 0) > 0 ? context_of(scenario, model.at("H"), model.at("W"))
                                                     : context_of(scenario, 32, 32);
        const std::string key = settings.at("model").dump() + std::to_string(context.input.frames) + "/" +
                                std::to_string(context.input.channels);
        if (!seen.insert(key).second) continue;
        SCOPED_TRACE(name + ", " + preset + ", " + scenario_name);
        EXPECT_NO_THROW(train_twice(name, settings, context));
      }
    }
  }
}

}  // namespace
}  // namespace windtunnel::runners

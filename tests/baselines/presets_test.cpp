#include "baselines/presets.h"

#include <ATen/ops/randn.h>

#include "baselines/fno/fno.h"
#include "network_case.h"

namespace windtunnel::baselines {
namespace {

const char* const kScenarios[] = {"cylinder", "controlled_cylinder", "fsi",
                                  "foil",     "combustion",          "a user's own"};

TEST(Presets, EveryModelHasThemAndAcceptsTheirOptions) {
  for (const auto& name : registry().names()) {
    if (registry().at(name).origin != "built in") continue;
    const auto presets = preset_names(name);
    for (const char* required : {"published", "small", "tiny"})
      EXPECT_NE(std::find(presets.begin(), presets.end(), required), presets.end())
          << name << " lacks " << required;
    for (const auto& preset_name : presets)
      for (const char* scenario : kScenarios) {
        const core::Json settings = preset(name, preset_name, scenario);
        const auto options = registry().at(name).options();
        EXPECT_NO_THROW(core::read_options(*options, settings.at("model"), name + "/" + preset_name))
            << scenario;
        if (!registry().at(name).trainable) continue;
        for (const char* key :
             {"learning_rate", "updates", "batch_size", "eval_batch_size", "scheduler", "seed"})
          EXPECT_TRUE(settings.at("training").contains(key))
              << name << "/" << preset_name << " lacks " << key;
      }
  }
}

TEST(Presets, PublishedSettingsOfFno) {
  const auto at = [](const char* scenario, const char* block, const char* key) {
    return preset("fno", "published", scenario).at(block).at(key);
  };
  EXPECT_EQ(at("cylinder", "model", "modes2"), 12);
  EXPECT_EQ(at("cylinder", "training", "learning_rate"), 1e-4);
  EXPECT_EQ(at("cylinder", "evaluation", "rounds"), 10);
  EXPECT_EQ(at("controlled_cylinder", "evaluation", "rounds"), 1);
  EXPECT_EQ(at("fsi", "model", "width"), 128);
  EXPECT_EQ(at("fsi", "training", "updates"), 5000);
  EXPECT_EQ(at("fsi", "data", "mask_prob"), 0.5);
  EXPECT_EQ(at("foil", "training", "batch_size"), 32);
  EXPECT_EQ(at("combustion", "training", "batch_size"), 64);
  EXPECT_EQ(at("combustion", "data", "noise_scale"), 0);
  EXPECT_EQ(preset("dmd", "published", "fsi").at("model").at("n_modes"), 10);
  EXPECT_EQ(preset("dmd", "published", "fsi").at("training").at("eval_batch_size"), 12);
}

TEST(Presets, BuildAndRunOnASmallGrid) {
  const ModelContext context{{6, 16, 24, 4}, {6, 16, 24, 3}};
  for (const char* name : {"fno", "dmd", "persistence", "mean"})
    for (const auto& preset_name : preset_names(name)) {
      if (std::string(name) == "fno" && preset_name == "published") continue;  // hundreds of megabytes
      const auto model = make_baseline(name, context, preset(name, preset_name, "cylinder").at("model"));
      const at::Tensor y = inference(*model, at::randn({2, 6, 16, 24, 4}));
      EXPECT_EQ(y.size(1), 6) << name << "/" << preset_name;
      EXPECT_TRUE(y.isfinite().all().item<bool>()) << name << "/" << preset_name;
    }
}

TEST(Presets, PublishedFnoHasThePublishedSize) {
  const auto count = [](const char* scenario, const SampleShape& input, const SampleShape& output) {
    FnoOptions options;
    core::read_options(options, preset("fno", "published", scenario).at("model"), scenario);
    return Fno::count_parameters({input, output}, options);
  };
  EXPECT_EQ(count("cylinder", {20, 64, 128, 3}, {20, 64, 128, 3}), 50357955);
  EXPECT_EQ(count("controlled_cylinder", {10, 64, 128, 5}, {10, 64, 128, 3}), 50358083);
  EXPECT_EQ(count("fsi", {20, 64, 64, 3}, {20, 64, 64, 3}), 268520323);
  EXPECT_EQ(count("combustion", {20, 64, 64, 16}, {20, 64, 64, 16}), 67137680);
}

TEST(Presets, UnknownNamesSuggestTheNearest) {
  EXPECT_NE(thrown_by([] { preset("fnoo", "tiny", "cylinder"); }).find("fno"), std::string::npos);
  EXPECT_NE(thrown_by([] { preset("fno", "tinny", "cylinder"); }).find("tiny"), std::string::npos);
}

}  // namespace
}  // namespace windtunnel::baselines

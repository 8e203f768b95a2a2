#include "baselines/cno/cno.h"

#include <ATen/ops/rand.h>
#include <torch/utils.h>

#include "baselines/presets.h"
#include "tests/baselines/network_case.h"

namespace windtunnel::baselines {
namespace {

class CnoGolden : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Cases, CnoGolden, testing::Values("cno_p2", "cno_p3"));

TEST_P(CnoGolden, GivesThePublishedNumbers) {
  expect_network_case(NetworkCase("cno", GetParam(), CnoOptions::from_published));
}

TEST(Cno, FullWidthGivesThePublishedOutput) {
  expect_full_width_case(NetworkCase("cno", "cno_full_cylinder", CnoOptions::from_published));
}

TEST(Cno, PublishedConfigurationTextIsPassedOver) {
  const core::Json options = CnoOptions::from_published({{"N_layers", 3}, {"N_res_neck", "8,"}, {"gpu", 0}});
  EXPECT_EQ(options, core::Json({{"N_layers", 3}}));
}

TEST(Cno, PublishedPresetsHaveThePublishedParameterCounts) {
  const std::vector<std::tuple<std::string, ModelContext, int64_t>> cases = {
      {"cylinder", {{20, 64, 128, 3}, {20, 64, 128, 3}}, 7960467},
      {"controlled_cylinder", {{10, 64, 128, 5}, {10, 64, 128, 3}}, 7963923},
      {"fsi", {{20, 64, 64, 3}, {20, 64, 64, 3}}, 7960467},
      {"foil", {{20, 64, 128, 3}, {20, 64, 128, 3}}, 7960467},
      {"combustion", {{20, 64, 64, 16}, {20, 64, 64, 16}}, 8005408}};
  for (const auto& [scenario, context, count] : cases)
    EXPECT_EQ(
        make_baseline("cno", context, preset("cno", "published", scenario).at("model"))->parameter_count(),
        count)
        << scenario;
}

/// Copies of one model in both forms.
std::pair<at::Tensor, at::Tensor> both_forms(SampleShape in, SampleShape out) {
  CnoOptions options;
  options.N_layers = options.N_res_neck = 1;
  options.channel_multiplier = options.latent_lift_proj_dim = 4;
  torch::manual_seed(1);
  const auto published = std::make_shared<Cno>(ModelContext{in, out, "published"}, options);
  const auto corrected = std::make_shared<Cno>(ModelContext{in, out, "corrected"}, options);
  corrected->load_state(published->state(), "published form");
  const at::Tensor x = at::rand({1, in.frames, in.height, in.width, in.channels});
  return {inference(*published, x), inference(*corrected, x)};
}

TEST(Cno, PublishedFormReinterpretsMemoryWhenThereAreMoreFrames) {
  const auto [published, corrected] = both_forms({4, 3, 5, 2}, {8, 3, 5, 2});
  ASSERT_EQ(published.sizes(), corrected.sizes());
  EXPECT_FALSE(published.allclose(corrected));
  // The same numbers: channel c*2+j of the published memory is frame 2*t+j, channel c of the corrected form.
  EXPECT_TRUE(published.reshape({1, 4, 3, 5, 2, 2})
                  .permute({0, 1, 5, 2, 3, 4})
                  .reshape({1, 8, 3, 5, 2})
                  .equal(corrected));
}

TEST(Cno, PublishedFormTakesTimeForChannelsWhenTheyAreAsMany) {
  const auto [published, corrected] = both_forms({3, 4, 5, 3}, {3, 4, 5, 3});
  EXPECT_EQ(published.sizes(), corrected.sizes());
  EXPECT_FALSE(published.allclose(corrected, 1e-3, 1e-3));
  EXPECT_NE(thrown_by([] {
              both_forms({2, 4, 5, 3}, {2, 4, 5, 3});
            }).find("3 input channels for 2 frames"),
            std::string::npos);
}

TEST(Cno, FormsAgreeOnEveryPublishedScenario) {
  const auto [published, corrected] = both_forms({4, 3, 5, 3}, {4, 3, 5, 2});
  EXPECT_TRUE(published.equal(corrected));
}

TEST(Cno, RefusesFramesThatAreNoMultiple) {
  EXPECT_NE(thrown_by([] {
              Cno({{4, 8, 8, 2}, {6, 8, 8, 2}}, {});
            }).find("4 input and 6 output frames"),
            std::string::npos);
}

TEST(Cno, SamplesDoNotInfluenceEachOtherInInference) {
  CnoOptions options;
  options.N_layers = options.N_res_neck = 1;
  options.channel_multiplier = options.latent_lift_proj_dim = 4;
  Cno model({{4, 6, 5, 2}, {4, 6, 5, 2}}, options);
  const at::Tensor x = at::rand({3, 4, 6, 5, 2});
  const at::Tensor together = inference(model, x);
  for (int64_t b = 0; b < 3; ++b)
    EXPECT_LE(largest(inference(model, x.narrow(0, b, 1)) - together.narrow(0, b, 1)), 1e-6);
}

}  // namespace
}  // namespace windtunnel::baselines

#include "baselines/deeponet/deeponet.h"

#include <ATen/ops/rand.h>
#include <torch/utils.h>

#include "baselines/presets.h"
#include "tests/baselines/network_case.h"

namespace windtunnel::baselines {
namespace {

class DeepOnetGolden : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Cases, DeepOnetGolden, testing::Values("deeponet_p1", "deeponet_p3"));

TEST_P(DeepOnetGolden, GivesThePublishedNumbers) {
  expect_network_case(NetworkCase("deeponet", GetParam(), DeepOnetOptions::from_published));
}

DeepOnetOptions narrow(double dropout_rate = 0) {
  DeepOnetOptions options;
  options.p = 6;
  options.branch_conv = {2, 3, 4, 5};
  options.branch_fc = 7;
  options.trunk = {8, 9};
  options.output_net = {10, 11};
  options.dropout_rate = dropout_rate;
  return options;
}

TEST(DeepOnet, PublishedPresetsHaveThePublishedParameterCounts) {
  const std::vector<std::tuple<std::string, ModelContext, int64_t>> cases = {
      {"cylinder", {{20, 64, 128, 3}, {20, 64, 128, 3}}, 3485763},
      {"controlled_cylinder", {{10, 64, 128, 5}, {10, 64, 128, 3}}, 3635203},
      {"fsi", {{20, 64, 64, 3}, {20, 64, 64, 3}}, 3411907},
      {"foil", {{20, 64, 128, 3}, {20, 64, 128, 3}}, 3633475},
      {"combustion", {{20, 64, 64, 16}, {20, 64, 64, 16}}, 3498672}};
  for (const auto& [scenario, context, count] : cases)
    EXPECT_EQ(make_baseline("deeponet", context, preset("deeponet", "published", scenario).at("model"))
                  ->parameter_count(),
              count)
        << scenario;
}

// More points than one piece of inference, several samples, other horizon than the input's.
TEST(DeepOnet, InferenceInPiecesEqualsTheRecordedPass) {
  torch::manual_seed(2);
  DeepOnet model({{8, 24, 40, 2}, {11, 24, 40, 3}}, narrow(0.5));
  const at::Tensor x = at::rand({3, 8, 24, 40, 2});
  const at::Tensor pieces = inference(model, x);
  const at::Tensor recorded = model.forward(x);
  ASSERT_TRUE(recorded.requires_grad());
  expect_close(pieces, recorded.detach(), 1e-5, "inference");
  // One affine chain on each sample's field: no sample sees another.
  expect_close(inference(model, x.narrow(0, 1, 1)), pieces.narrow(0, 1, 1), 1e-5, "sample 1 alone");
}

TEST(DeepOnet, DropoutActsInTrainingOnly) {
  torch::manual_seed(3);
  DeepOnet model({{8, 8, 16, 2}, {8, 8, 16, 2}}, narrow(0.5));
  const at::Tensor x = at::rand({2, 8, 8, 16, 2});
  at::NoGradGuard guard;
  model.train();
  EXPECT_FALSE(model.forward(x).allclose(model.forward(x)));
  model.eval();
  EXPECT_TRUE(model.forward(x).equal(model.forward(x)));
}

TEST(DeepOnet, RefusesWhatItsPoolingsCannotTake) {
  EXPECT_NE(thrown_by([] {
              DeepOnet({{7, 16, 16, 2}, {8, 16, 16, 2}}, narrow());
            }).find("8 or more along each axis"),
            std::string::npos);
  DeepOnet smallest({{8, 8, 8, 2}, {8, 8, 8, 2}}, narrow());
  const at::Tensor x = at::rand({1, 8, 8, 8, 2});
  EXPECT_EQ(inference(smallest, x).sizes(), at::IntArrayRef({1, 8, 8, 8, 2}));
  smallest.train();
  EXPECT_NE(thrown_by([&] { smallest.forward(x); }).find("has no variance"), std::string::npos);
}

TEST(DeepOnet, RefusesWrongWidths) {
  DeepOnetOptions options = narrow();
  options.trunk = {8};
  EXPECT_NE(thrown_by([&] {
              DeepOnet({{8, 8, 8, 2}, {8, 8, 8, 2}}, options);
            }).find("trunk is (8)"),
            std::string::npos);
}

}  // namespace
}  // namespace windtunnel::baselines

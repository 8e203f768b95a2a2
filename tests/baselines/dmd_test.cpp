#include "baselines/dmd/dmd.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <limits>

#include "network_case.h"

namespace windtunnel::baselines {
namespace {

struct DmdCase {
  explicit DmdCase(const std::string& name)
      : json(core::read_json(path(name) + ".json")), tensors(path(name) + ".safetensors") {}
  static std::string path(const std::string& name) {
    return std::string(WINDTUNNEL_GOLDEN) + "/baselines/dmd/" + name;
  }
  at::Tensor tensor(const std::string& name) const { return to_tensor(tensors.at(name)); }
  at::Tensor predicted(const std::string& compat) const {
    const auto s = json.at("input_shape").get<std::vector<int64_t>>();
    const SampleShape shape{s[1], s[2], s[3], s[4]};
    return make_baseline("dmd", {shape, shape, compat}, json.at("config"))->forward(tensor("input"));
  }
  core::Json json;
  core::SafetensorsFile tensors;
};

class GoldenDmd : public testing::TestWithParam<const char*> {};

TEST_P(GoldenDmd, Output) {
  const DmdCase golden(GetParam());
  const at::Tensor published = golden.predicted("published");
  EXPECT_EQ(published.scalar_type(), golden.tensor("output").scalar_type());
  expect_close(published, golden.tensor("output"), 1e-5, "output");
  if (!golden.tensors.contains("output_discrete_time_f64")) return;
  const at::Tensor corrected = golden.predicted("corrected");
  expect_close(corrected, golden.tensor("output_discrete_time_f64"), 1e-5, "corrected output");
  EXPECT_GT(largest(corrected - published), 0.01 * largest(published));
}

INSTANTIATE_TEST_SUITE_P(Dmd, GoldenDmd,
                         testing::Values("dmd_p1", "dmd_p2", "dmd_p3", "dmd_p4", "dmd_p5", "dmd_p6"));

std::shared_ptr<Dmd> make(const SampleShape& shape, const std::string& compat,
                          core::Json options = core::Json::object()) {
  return std::dynamic_pointer_cast<Dmd>(make_baseline("dmd", {shape, shape, compat}, options));
}

TEST(Dmd, ContinuesARotatingAndDecayingField) {
  // x_t = Re(c z^t) with z = 0.95 exp(0.3 i): two exact modes, so lambda^t continues the series.
  constexpr int64_t kFrames = 12;
  const at::Tensor phase = at::rand({3, 4, 2}, at::kDouble) * 6,
                   size = at::rand({3, 4, 2}, at::kDouble) + 0.5;
  const auto frame = [&](double t) { return size * at::cos(phase + 0.3 * t) * std::pow(0.95, t); };
  std::vector<at::Tensor> past, future;
  for (int64_t t = 0; t < kFrames; ++t) {
    past.push_back(frame(static_cast<double>(t)));
    future.push_back(frame(static_cast<double>(kFrames + t)));
  }
  const auto model = make({kFrames, 3, 4, 2}, "corrected");
  const at::Tensor sample = at::stack(past);
  EXPECT_LT(largest(model->forward(sample.unsqueeze(0))[0] - at::stack(future)), 1e-8);
  EXPECT_EQ(model->fit(sample).rank, 2);
}

TEST(Dmd, ConstantInputStaysConstant) {
  const at::Tensor x = at::rand({1, 1, 4, 5, 2}).expand({1, 6, 4, 5, 2});
  const auto corrected = make({6, 4, 5, 2}, "corrected"), published = make({6, 4, 5, 2}, "published");
  EXPECT_LT(largest(corrected->forward(x) - x), 1e-6);
  const at::Tensor growth = at::exp(0.0025 * at::arange(6, 12, at::kFloat)).view({1, 6, 1, 1, 1});
  EXPECT_LT(largest(published->forward(x) - x * growth), 1e-5);
}

TEST(Dmd, AllZeroInputGivesZeros) {
  const at::Tensor x = at::zeros({2, 5, 3, 3, 2});
  for (const char* compat : {"published", "corrected"})
    EXPECT_EQ(largest(make({5, 3, 3, 2}, compat)->forward(x)), 0) << compat;
}

TEST(Dmd, RefusesUnusableInput) {
  const auto model = make({5, 3, 3, 2}, "published");
  at::Tensor x = at::rand({1, 5, 3, 3, 2});
  x[0][2][1][1][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(thrown_by([&] { model->forward(x); }).find("NaN"), std::string::npos);
  EXPECT_NE(thrown_by([&] { model->forward(at::rand({1, 1, 3, 3, 2})); }).find("T >= 2"), std::string::npos);
  EXPECT_NE(thrown_by([&] {
              make({5, 3, 3, 2}, "published", {{"input_feature", 3}});
            }).find("at most"),
            std::string::npos);
}

TEST(Dmd, HasNothingToTrain) {
  const auto model = make({5, 3, 3, 4}, "published", {{"n_predict", 7}, {"input_feature", 3}});
  EXPECT_EQ(model->parameter_count(), 0);
  EXPECT_TRUE(model->state().empty());
  EXPECT_FALSE(registry().at("dmd").trainable);
  EXPECT_EQ(model->forward(at::rand({2, 5, 3, 3, 4})).sizes(), (at::IntArrayRef{2, 7, 3, 3, 3}));
}

}  // namespace
}  // namespace windtunnel::baselines

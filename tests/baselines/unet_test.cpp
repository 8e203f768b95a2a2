#include "baselines/unet/unet.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <map>
#include <set>

#include "baselines/adam.h"
#include "baselines/layers.h"
#include "baselines/presets.h"
#include "core/error.h"
#include "tests/baselines/golden_tensors.h"

namespace windtunnel::baselines {
namespace {

using core::Json;

SampleShape sample_shape(const Json& batch) {
  return {batch.at(1).get<int64_t>(), batch.at(2).get<int64_t>(), batch.at(3).get<int64_t>(),
          batch.at(4).get<int64_t>()};
}

UnetOptions options_of(int64_t dim, std::vector<int64_t> dim_mults) {
  UnetOptions options;
  options.dim = dim;
  options.dim_mults = std::move(dim_mults);
  return options;
}

ModelContext context_of(SampleShape input, SampleShape output) { return {input, output, "corrected"}; }

std::map<std::string, at::Tensor> by_name(const Unet& model) {
  std::map<std::string, at::Tensor> parameters;
  for (const auto& item : model.named_parameters()) parameters[item.key()] = item.value();
  return parameters;
}

struct Case {
  explicit Case(const std::string& name)
      : json(core::read_json((golden_folder("unet") / (name + ".json")).string())),
        tensors(golden_folder("unet") / (name + ".safetensors")),
        weights(read_published(golden_folder("unet") / (name + ".pth"))) {
    const Json& config = json.at("config");
    model = std::make_shared<Unet>(
        context_of(sample_shape(json.at("input_shape")), sample_shape(json.at("target_shape"))),
        options_of(config.at("dim").get<int64_t>(), config.at("dim_mults").get<std::vector<int64_t>>()));
    model->load_state(weights, name);
  }
  Json json;
  GoldenTensors tensors;
  StateDict weights;
  std::shared_ptr<Unet> model;
};

class UnetGolden : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Cases, UnetGolden, testing::Values("unet_p1", "unet_p3"));

TEST_P(UnetGolden, StateIsThePublishedOne) {
  const Case golden(GetParam());
  const StateDict state = golden.model->state();
  ASSERT_EQ(state.size(), golden.weights.size());
  for (size_t i = 0; i < state.size(); ++i) {
    EXPECT_EQ(state[i].first, golden.weights[i].first);
    EXPECT_TRUE(state[i].second.equal(golden.weights[i].second)) << state[i].first;
  }
  EXPECT_EQ(golden.model->parameter_count(), golden.json.at("parameter_count").get<int64_t>());
}

TEST_P(UnetGolden, ForwardLossAndGradients) {
  const Case golden(GetParam());
  const at::Tensor x = golden.tensors.at("input"), y = golden.tensors.at("target");
  EXPECT_LE(relative_difference(golden.model->forward(x).detach(), golden.tensors.at("output")), 2e-5);
  const at::Tensor loss = golden.model->loss(x, y);
  const double expected = golden.json.at("eval").at("loss").get<double>();
  EXPECT_NEAR(loss.item<double>(), expected, 1e-5 * expected);
  loss.backward();

  const auto parameters = by_name(*golden.model);
  const Json& norms = golden.json.at("eval").at("grad_l2");
  double largest = 0;
  for (const auto& [name, norm] : norms.items())
    if (!norm.is_null() && !norm.at("ref").is_null())
      largest = std::max(largest, norm.at("ref").get<double>());
  for (const auto& [name, norm] : norms.items()) {
    const at::Tensor gradient = parameters.at(name).grad();
    if (norm.is_null() || norm.at("ref").is_null()) {
      EXPECT_FALSE(gradient.defined()) << name;
      continue;
    }
    const double reference = norm.at("ref").get<double>();
    EXPECT_NEAR(norm_of(gradient), reference, 1e-4 * reference + 1e-6 * largest) << name;
  }
  for (const auto& name : golden.json.at("full_gradient_parameters")) {
    const std::string key = name.get<std::string>();
    EXPECT_LE(relative_difference(parameters.at(key).grad(), golden.tensors.at("grad_eval." + key)), 1e-4)
        << key;
  }
}

TEST_P(UnetGolden, ThreeAdamSteps) {
  const Case golden(GetParam());
  const Json& adam3 = golden.json.at("adam3");
  Adam adam(golden.model->trainable_parameters(), {adam3.at("lr").get<double>()});
  golden.model->train();
  for (const auto& expected : adam3.at("losses")) {
    adam.zero_grad();
    const at::Tensor loss = golden.model->loss(golden.tensors.at("input"), golden.tensors.at("target"));
    EXPECT_NEAR(loss.item<double>(), expected.get<double>(), 1e-4 * expected.get<double>());
    loss.backward();
    adam.step();
  }
  std::set<std::string> skipped;
  for (const auto& name : adam3.at("zero_gradient_parameters")) skipped.insert(name.get<std::string>());
  const auto declared = golden.model->zero_gradient_parameters();
  EXPECT_EQ(skipped, std::set<std::string>(declared.begin(), declared.end()));
  const auto parameters = by_name(*golden.model);
  for (const auto& [name, norm] : adam3.at("param_l2").items()) {
    if (skipped.count(name)) continue;
    const double reference = norm.at("ref").get<double>();
    EXPECT_NEAR(norm_of(parameters.at(name).detach()), reference, 1e-4 * reference) << name;
  }
}

TEST(Unet, ConstructionDrawsInThePublishedOrder) {
  const Json golden = core::read_json((golden_folder("unet") / "init_fingerprints.json").string());
  const Json& config = golden.at("config");
  const auto number = [&](const char* key) { return config.at(key).get<int64_t>(); };
  torch::manual_seed(golden.at("seed").get<uint64_t>());
  const auto model =
      std::make_shared<Unet>(context_of({number("in_time"), 8, number("W"), number("channels")},
                                        {number("out_time"), 8, number("W"), number("out_channels")}),
                             options_of(number("dim"), config.at("dim_mults").get<std::vector<int64_t>>()));
  EXPECT_EQ(at::rand({1}).item<double>(), golden.at("next_uniform").get<double>());
  const StateDict state = model->state();
  ASSERT_EQ(state.size(), golden.at("tensors").size());
  for (const auto& [name, value] : state) {
    const Json& expected = golden.at("tensors").at(name);
    EXPECT_EQ(value.sizes().vec(), expected.at("shape").get<std::vector<int64_t>>()) << name;
    const at::Tensor flat = value.flatten().to(at::kDouble);
    for (size_t i = 0; i < expected.at("first").size(); ++i)
      EXPECT_EQ(flat[static_cast<int64_t>(i)].item<double>(), expected.at("first").at(i).get<double>())
          << name;
    EXPECT_EQ(flat[-1].item<double>(), expected.at("last").get<double>()) << name;
    EXPECT_NEAR(norm_of(flat), expected.at("l2").get<double>(), 1e-9 * expected.at("l2").get<double>())
        << name;
  }
}

TEST(Unet, RotaryFrequenciesAreOneFrozenTensor) {
  const auto model = std::make_shared<Unet>(context_of({4, 8, 8, 3}, {4, 8, 8, 3}), options_of(8, {1, 2}));
  std::set<const void*> storages;
  int listed = 0;
  for (const auto& item : model->named_parameters())
    if (item.key().find("rotary_emb.freqs") != std::string::npos) {
      ++listed;
      storages.insert(item.value().data_ptr());
      EXPECT_FALSE(item.value().requires_grad());
    }
  EXPECT_EQ(listed, 6);
  EXPECT_EQ(storages.size(), 1u);
}

struct Published {
  const char* scenario;
  SampleShape input, output;
  std::vector<int64_t> dim_mults;
  int64_t parameters;
  size_t keys;
};

TEST(Unet, PublishedParameterCounts) {
  const ShapeOnly no_storage;
  for (const Published& p : std::vector<Published>{
           {"cylinder", {20, 64, 128, 3}, {20, 64, 128, 3}, {1, 2, 4}, 22978835, 236},
           {"controlled_cylinder", {10, 64, 128, 5}, {10, 64, 128, 3}, {1, 2, 4}, 23022739, 236},
           {"fsi", {20, 64, 64, 3}, {20, 64, 64, 3}, {1, 2, 4}, 22978835, 236},
           {"foil", {20, 64, 128, 3}, {20, 64, 128, 3}, {1, 2, 4}, 22978835, 236},
           {"combustion", {20, 64, 64, 16}, {20, 64, 64, 16}, {1, 2, 4}, 23265056, 236},
           {"combustion_surrogate", {20, 128, 128, 17}, {20, 128, 128, 1}, {1, 2}, 26276241, 172}}) {
    const auto model = make_baseline("unet", {p.input, p.output, "published"},
                                     preset("unet", "published", p.scenario).at("model"), p.scenario);
    EXPECT_EQ(model->parameter_count(), p.parameters) << p.scenario;
    EXPECT_EQ(model->state().size(), p.keys) << p.scenario;
  }
}

TEST(Unet, MoreOutputFramesRepeatTheWholeSequence) {
  torch::manual_seed(3);
  const auto longer = std::make_shared<Unet>(context_of({3, 8, 8, 2}, {6, 8, 8, 2}), options_of(8, {1, 2}));
  const auto plain = std::make_shared<Unet>(context_of({6, 8, 8, 2}, {6, 8, 8, 2}), options_of(8, {1, 2}));
  plain->load_state(longer->state(), "copy");
  const at::Tensor x = at::randn({2, 3, 8, 8, 2});
  const at::Tensor y = longer->forward(x);
  EXPECT_EQ(y.sizes(), (std::vector<int64_t>{2, 6, 8, 8, 2}));
  EXPECT_LE(relative_difference(y.detach(), plain->forward(at::cat({x, x}, 1)).detach()), 1e-6);
}

TEST(Unet, GridNeedNotBeSquareOrEqualTheWidth) {
  torch::manual_seed(4);
  const auto model =
      std::make_shared<Unet>(context_of({2, 12, 20, 1}, {2, 12, 20, 3}), options_of(16, {1, 2, 2}));
  EXPECT_EQ(model->forward(at::randn({1, 2, 12, 20, 1})).sizes(), (std::vector<int64_t>{1, 2, 12, 20, 3}));
}

void expect_model_error(SampleShape input, SampleShape output, int64_t dim, std::vector<int64_t> dim_mults,
                        const std::string& mentions) {
  try {
    Unet(context_of(input, output), options_of(dim, std::move(dim_mults)));
    ADD_FAILURE() << "accepted: " << mentions;
  } catch (const core::Error& error) {
    EXPECT_EQ(error.kind(), core::ErrorKind::model);
    EXPECT_NE((error.found() + error.expected()).find(mentions), std::string::npos) << error.what();
  }
}

TEST(Unet, RejectsSizesItCannotServe) {
  expect_model_error({4, 8, 6, 3}, {4, 8, 6, 3}, 8, {1, 2, 4}, "divisible by 4");
  expect_model_error({4, 12, 16, 3}, {4, 12, 16, 3}, 0, {1, 2}, "multiple of 8");
  expect_model_error({4, 8, 8, 3}, {6, 8, 8, 3}, 8, {1, 2}, "multiple");
  expect_model_error({4, 8, 8, 3}, {1, 8, 8, 3}, 8, {1, 2}, "1 output frames");
  expect_model_error({4, 8, 8, 3}, {4, 8, 16, 3}, 8, {1, 2}, "same grid");
  expect_model_error({4, 8, 8, 3}, {4, 8, 8, 3}, 8, {}, "dim_mults");
  expect_model_error({4, 8, 8, 3}, {4, 8, 8, 3}, 8, {1, 0}, "positive");
}

TEST(UnetPosition, BucketsAreLogarithmicBeyondEight) {
  const std::vector<std::pair<int64_t, int64_t>> expected = {
      {0, 0},   {7, 7},   {8, 8},   {9, 8},   {10, 9},  {13, 10}, {15, 11}, {16, 12},
      {19, 12}, {20, 13}, {22, 13}, {23, 14}, {26, 14}, {27, 15}, {99, 15}};
  for (const auto& [delta, bucket] : expected) {
    EXPECT_EQ(unet::position_bucket(delta), bucket) << delta;
    if (delta > 0) {
      EXPECT_EQ(unet::position_bucket(-delta), bucket + 16) << -delta;
    }
  }
}

}  // namespace
}  // namespace windtunnel::baselines

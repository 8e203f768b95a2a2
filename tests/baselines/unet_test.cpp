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
#include "baselines/unet/fast.h"
#include "core/error.h"
#include "tests/baselines/published_case.h"

namespace windtunnel::baselines {
namespace {

using core::Json;

SampleShape sample_shape(const Json& batch) {
  return {batch.at(1).get<int64_t>(), batch.at(2).get<int64_t>(), batch.at(3).get<int64_t>(),
          batch.at(4).get<int64_t>()};
}

UnetOptions options_of(int64_t dim, std::vector<int64_t> dim_mults, const std::string& kernels = "auto") {
  UnetOptions options;
  options.kernels = kernels;
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

/// max |a - b| / max |b|.
double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>() / b.abs().max().item<double>();
}

struct Case {
  Case(const std::string& name, const std::string& kernels)
      : json(core::read_json((published_folder("unet") / (name + ".json")).string())),
        tensors(published_folder("unet") / (name + ".safetensors")),
        weights(load_weights(published_folder("unet") / (name + ".pth")).state) {
    const Json& config = json.at("config");
    model = std::make_shared<Unet>(
        context_of(sample_shape(json.at("input_shape")), sample_shape(json.at("target_shape"))),
        options_of(config.at("dim").get<int64_t>(), config.at("dim_mults").get<std::vector<int64_t>>(),
                   kernels));
    model->load_state(weights, name);
  }
  Json json;
  PublishedTensors tensors;
  StateDict weights;
  std::shared_ptr<Unet> model;
};

class UnetGolden : public testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  const Case golden{std::get<0>(GetParam()), std::get<1>(GetParam())};
};
INSTANTIATE_TEST_SUITE_P(Cases, UnetGolden,
                         testing::Combine(testing::Values("unet_p1", "unet_p3"),
                                          testing::Values("fast", "reference")));

TEST_P(UnetGolden, StateIsThePublishedOne) {
  const StateDict state = golden.model->state();
  ASSERT_EQ(state.size(), golden.weights.size());
  for (size_t i = 0; i < state.size(); ++i) {
    EXPECT_EQ(state[i].first, golden.weights[i].first);
    EXPECT_TRUE(state[i].second.equal(golden.weights[i].second)) << state[i].first;
  }
  EXPECT_EQ(golden.model->parameter_count(), golden.json.at("parameter_count").get<int64_t>());
}

TEST_P(UnetGolden, ForwardLossAndGradients) {
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
    EXPECT_NEAR(l2_norm(gradient), reference, 1e-4 * reference + 1e-6 * largest) << name;
  }
  for (const auto& name : golden.json.at("full_gradient_parameters")) {
    const std::string key = name.get<std::string>();
    EXPECT_LE(relative_difference(parameters.at(key).grad(), golden.tensors.at("grad_eval." + key)), 1e-4)
        << key;
  }
}

TEST_P(UnetGolden, ThreeAdamSteps) {
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
    EXPECT_NEAR(l2_norm(parameters.at(name).detach()), reference, 1e-4 * reference) << name;
  }
}

TEST(Unet, ConstructionDrawsInThePublishedOrder) {
  const Json golden = core::read_json((published_folder("unet") / "init_fingerprints.json").string());
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
    EXPECT_NEAR(l2_norm(flat), expected.at("l2").get<double>(), 1e-9 * expected.at("l2").get<double>())
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

/// Output and gradients of one layer for a fixed random gradient of the output.
std::vector<at::Tensor> with_gradients(
    const std::vector<at::Tensor>& leaves,
    const std::function<at::Tensor(const std::vector<at::Tensor>&)>& layer) {
  std::vector<at::Tensor> inputs;
  for (const auto& leaf : leaves) inputs.push_back(leaf.detach().clone().set_requires_grad(true));
  const at::Tensor y = layer(inputs);
  torch::manual_seed(9);
  (y * at::randn(y.sizes()).to(y.scalar_type())).sum().backward();
  std::vector<at::Tensor> results = {y.detach()};
  for (const auto& input : inputs) results.push_back(input.grad());
  return results;
}

void expect_equal(const std::vector<at::Tensor>& fast, const std::vector<at::Tensor>& reference) {
  ASSERT_EQ(fast.size(), reference.size());
  for (size_t i = 0; i < fast.size(); ++i) {
    ASSERT_EQ(fast[i].sizes(), reference[i].sizes()) << i;
    EXPECT_LE(relative_difference(fast[i], reference[i]), 2e-5) << i;
  }
}

struct Field {
  int64_t batch, frames, height, width, channels;
  at::Tensor draw(double mean = 0) const {
    return at::randn({batch, frames, height, width, channels}) * 2 + mean;
  }
};

// Sizes that fill neither vectors nor tiles: 5 and 20 frames, 3 x 5 and 17 x 19 places.
class UnetKernels : public testing::TestWithParam<Field> {};
INSTANTIATE_TEST_SUITE_P(Sizes, UnetKernels,
                         testing::Values(Field{2, 5, 3, 5, 8}, Field{1, 20, 17, 19, 24},
                                         Field{2, 8, 4, 4, 64}));

// The reference runs in double: in single precision it loses digits when the mean is large, the fast form
// does not.
TEST_P(UnetKernels, GroupNormSilu) {
  const Field field = GetParam();
  torch::manual_seed(1);
  for (const int64_t rows : {int64_t{1}, field.batch})
    for (const double mean : {0.0, 30.0}) {
      const std::vector<at::Tensor> leaves = {field.draw(mean), at::randn({rows, field.channels}),
                                              at::randn({rows, field.channels}), field.draw()};
      std::vector<at::Tensor> exact;
      for (const auto& leaf : leaves) exact.push_back(leaf.to(at::kDouble));
      expect_equal(
          with_gradients(leaves,
                         [](const auto& t) { return unet::fast::group_norm_silu(t[0], t[1], t[2], t[3]); }),
          with_gradients(exact,
                         [](const auto& t) { return unet::group_norm_silu(t[0], t[1], t[2]) + t[3]; }));
    }
}

TEST_P(UnetKernels, TemporalAttention) {
  const Field field = GetParam();
  torch::manual_seed(2);
  const at::Tensor rotation = std::make_shared<unet::Rotary>()->forward(field.frames);
  std::vector<std::vector<at::Tensor>> results;
  for (const bool fast : {true, false}) {
    torch::manual_seed(3);
    const auto layer =
        std::make_shared<unet::TemporalAttention>(field.channels, std::make_shared<unet::Rotary>(), fast);
    const at::Tensor bias = at::randn({unet::kHeads, field.frames, field.frames});
    results.push_back(with_gradients({field.draw(), bias}, [&](const auto& t) {
      return layer->forward(t[0], unet::Positions{rotation, t[1]});
    }));
    for (const auto& parameter : layer->parameters())
      if (parameter.requires_grad()) results.back().push_back(parameter.grad());
  }
  expect_equal(results[0], results[1]);
}

TEST_P(UnetKernels, LinearAttention) {
  const Field field = GetParam();
  std::vector<std::vector<at::Tensor>> results;
  for (const bool fast : {true, false}) {
    torch::manual_seed(4);
    const auto layer = std::make_shared<unet::LinearAttention>(field.channels, fast);
    results.push_back(with_gradients({field.draw()}, [&](const auto& t) { return layer->forward(t[0]); }));
    for (const auto& parameter : layer->parameters()) results.back().push_back(parameter.grad());
  }
  expect_equal(results[0], results[1]);
}

}  // namespace
}  // namespace windtunnel::baselines

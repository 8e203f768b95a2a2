#include "tokenizers/stage.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <cmath>
#include <set>

#include "baselines/layers.h"
#include "core/error.h"
#include "tokenizers/module_state.h"
#include "tokenizers/rollout.h"
#include "tokenizers/transformer/cost.h"
#include "tokenizers/transformer/presets.h"
#include "tokenizers/transformer/training.h"

namespace windtunnel::tokenizers {
namespace {

const LatentGrid kGrid{4, 2, 2};

TransformerOptions toy() { return TransformerOptions::from_published(transformer_preset("toy"), "toy"); }

TEST(Stage, DecayIsDecoupledAndMaySpareVectors) {
  for (const bool vectors : {false, true}) {
    StageOptions o;
    o.updates = 10;
    o.learning_rate = 0.1;
    o.warmup = 0;
    o.weight_decay = 0.5;
    o.clip_grad_norm = 0;
    o.decay_vectors = vectors;
    std::vector<at::Tensor> list{at::ones({2, 2}).requires_grad_(), at::ones({2}).requires_grad_()};
    for (auto& leaf : list) leaf.mutable_grad() = at::full(leaf.sizes(), 3.0);
    StageOptimiser(list, o).update();  // the first step of Adam is the learning rate itself
    EXPECT_NEAR(list[0][0][0].item<double>(), 1 - 0.1 * 0.5 - 0.1, 1e-6);
    EXPECT_NEAR(list[1][0].item<double>(), 1 - (vectors ? 0.1 * 0.5 : 0) - 0.1, 1e-6);
  }
}

TEST(Stage, SchedulesRiseAndFall) {
  StageOptions o = StageOptions::transformer();
  o.updates = 100;
  o.learning_rate = 1;
  o.floor = 0.01;
  EXPECT_NEAR(o.rate(0), 1.0 / 11, 1e-12);  // (k + 1)/(w + 1) with w = 10
  EXPECT_NEAR(o.rate(10), 1, 1e-12);
  EXPECT_NEAR(o.rate(55), 0.01 + 0.99 / 2, 1e-12);  // half of the cosine
  EXPECT_NEAR(o.rate(100), 0.01, 1e-12);
  o.schedule = "with_hold";
  EXPECT_EQ(o.rate(0), 0);
  EXPECT_NEAR(o.rate(5), 0.5, 1e-12);
  EXPECT_NEAR(o.rate(10), 1, 1e-12);
  EXPECT_NEAR(o.rate(30), 0.01 + 0.99 / 2, 1e-12);
  EXPECT_EQ(o.rate(60), 0.01);
  EXPECT_EQ(o.rate(99), 0.01);
}

TEST(Stage, GradientsThatAreNotFiniteStopTheRunAndChangeNothing) {
  std::vector<at::Tensor> list{at::ones({2}).requires_grad_()};
  list[0].mutable_grad() = at::full({2}, NAN);
  StageOptimiser optimiser(list, StageOptions());
  EXPECT_THROW(optimiser.update(), Error);
  EXPECT_EQ(optimiser.done(), 0);
  EXPECT_EQ(list[0][0].item<double>(), 1);
}

TEST(TransformerTraining, ResumesToTheBit) {
  StageOptions o = StageOptions::transformer();
  o.updates = 6;
  const auto batches = [](int64_t k) {
    torch::manual_seed(static_cast<uint64_t>(100 + k));
    const at::Tensor wide = at::randint(0, 512, {1, 24}, at::kLong);
    return std::vector<TokenBatch>{{at::randint(0, 512, {2, 16}, at::kLong), kGrid}, {wide, {4, 2, 3}}};
  };
  const auto fresh = [] {
    torch::manual_seed(1);
    return std::make_unique<TokenTransformer>(toy());
  };
  const auto whole = fresh(), parts = fresh();
  StageOptimiser uninterrupted(trainable(*whole), o);
  for (int64_t k = 0; k < 6; ++k) transformer_update(*whole, uninterrupted, batches(k));

  StateDict weights, moments;
  {
    StageOptimiser first(trainable(*parts), o);
    for (int64_t k = 0; k < 3; ++k) transformer_update(*parts, first, batches(k));
    for (const auto& [name, value] : module_state(*parts)) weights.emplace_back(name, value.clone());
    for (const auto& [name, value] : first.state()) moments.emplace_back(name, value.clone());
  }
  TokenTransformer resumed(toy());
  load_module_state(resumed, weights, "test");
  StageOptimiser second(trainable(resumed), o);
  second.load_state(moments, "test");
  EXPECT_EQ(second.done(), 3);
  for (int64_t k = 3; k < 6; ++k) transformer_update(resumed, second, batches(k));
  const StateDict a = module_state(*whole), b = module_state(resumed);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].second.equal(b[i].second)) << a[i].first;
}

TEST(TransformerTraining, SequencesOfDifferentLengthWeighTheSame) {
  torch::manual_seed(1);
  TokenTransformer model(toy());
  const at::Tensor a = at::randint(0, 512, {2, 16}, at::kLong), b = at::randint(0, 512, {1, 24}, at::kLong);
  const LatentGrid wide{4, 2, 3};
  const double expected =
      (transformer_loss(model, {{a.narrow(0, 0, 1), kGrid}}) +
       transformer_loss(model, {{a.narrow(0, 1, 1), kGrid}}) + transformer_loss(model, {{b, wide}})) /
      3;
  EXPECT_NEAR(transformer_loss(model, {{a, kGrid}, {b, wide}}), expected, 1e-5);
}

TEST(TransformerTraining, LearnsARepeatedSequence) {
  torch::manual_seed(1);
  TokenTransformer model(toy());
  StageOptions o = StageOptions::transformer();
  o.updates = 60;
  o.learning_rate = 3e-3;
  StageOptimiser optimiser(trainable(model), o);
  const std::vector<TokenBatch> batch{{at::randint(0, 512, {1, 16}, at::kLong), kGrid}};
  const double before = transformer_loss(model, batch);
  EXPECT_NEAR(before, std::log(512), 0.2);  // knows nothing
  while (optimiser.done() < o.updates) transformer_update(model, optimiser, batch);
  EXPECT_LT(transformer_loss(model, batch), 0.2);
}

TEST(BalancedOrder, EveryDataSetIsSeenEquallyOften) {
  BalancedOrder order({3, 7, 1}, 5);
  ASSERT_EQ(order.epoch_length(), 21);
  std::vector<int64_t> places;
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    std::vector<int64_t> count(3, 0);
    std::set<int64_t> seen;
    for (int64_t i = 0; i < 21; ++i) {
      const auto [set, index] = order.at(epoch * 21 + i);
      ++count[set];
      if (set == 1) seen.insert(index);
      places.push_back(static_cast<int64_t>(set) * 100 + index);
    }
    EXPECT_EQ(count, (std::vector<int64_t>{7, 7, 7}));
    EXPECT_EQ(seen.size(), 7U);
  }
  EXPECT_NE(std::vector(places.begin(), places.begin() + 21), std::vector(places.begin() + 21, places.end()));
  BalancedOrder again({3, 7, 1}, 5);
  const auto [set, index] = again.at(30);  // straight to the middle of the second epoch
  EXPECT_EQ(static_cast<int64_t>(set) * 100 + index, places[30]);
  EXPECT_THROW(BalancedOrder({3, 0}, 1), Error);
}

TEST(TransformerCost, CountsWhatIsBuilt) {
  const auto sizes = transformer_presets();
  EXPECT_GE(sizes.size(), 10U);
  int64_t smallest = INT64_MAX, billions = 0;
  for (const auto& size : sizes) {
    const TransformerOptions o = TransformerOptions::from_published(transformer_preset(size), size);
    const baselines::ShapeOnly shapes;  // 12 billion parameters without memory
    const TokenTransformer model(o);
    int64_t count = 0;
    for (const auto& [name, value] : module_state(model)) count += value.numel();
    EXPECT_EQ(count, TransformerCost(o).parameters) << size;
    smallest = std::min(smallest, count);
    if (size == "4.5b") billions = count;
  }
  EXPECT_LT(smallest, 130'000);
  EXPECT_NEAR(static_cast<double>(billions), 4.5e9, 0.1e9);
  EXPECT_THROW(transformer_preset("5b"), Error);
}

TEST(TransformerCost, MemoryIsKnownBeforehand) {
  const TransformerOptions o = TransformerOptions::from_published(transformer_preset("4b"), "4b");
  const LatentGrid grid{4, 32, 32};
  const TransformerMemory half = TransformerMemory::decoding(o, grid, 1, 2);
  EXPECT_EQ(half.weights, 2 * TransformerCost(o).parameters);
  EXPECT_EQ(half.cache, 4096 * 131072);  // 65,536 bytes per position in bfloat16, twice that in float32
  EXPECT_NE(half.text().find("weights 8.0 GB"), std::string::npos) << half.text();
  const TransformerMemory training = TransformerMemory::training(o, grid, 1);
  EXPECT_EQ(training.weights + training.gradients + training.optimiser, 16 * TransformerCost(o).parameters);
  TransformerMemory impossible;
  impossible.weights = int64_t{1} << 60;
  EXPECT_THROW(require_memory(impossible, "test"), Error);
}

TEST(Rollout, WindowsFollowEachOther) {
  torch::manual_seed(1);
  const TokenTransformer model(toy());
  RolloutModels models;
  models.transformer = &model;
  models.grid = kGrid;
  std::vector<at::Tensor> contexts;
  models.encode = [&](const at::Tensor& context) {
    contexts.push_back(context.clone());
    return (context.select(1, 0).select(1, 0).reshape({context.size(0), -1}).narrow(1, 0, 8) * 10)
        .abs()
        .to(at::kLong);
  };
  models.decode = [&](const at::Tensor& tokens) {  // frame f holds the token of position f
    return tokens.narrow(1, 0, 13)
               .to(at::kFloat)
               .view({-1, 1, 13, 1, 1})
               .expand({tokens.size(0), 1, 13, 3, 3}) /
           50;
  };
  const at::Tensor context = at::full({2, 1, 5, 3, 3}, 0.7);
  std::vector<WindowResult> windows;
  const auto keep = [&](const WindowResult& window) { windows.push_back(window); };
  const at::Tensor out = windowed_rollout(models, context, 2, SamplingOptions(), 0, keep);
  ASSERT_EQ(out.sizes().vec(), (std::vector<int64_t>{2, 1, 13 + 2 * 8, 3, 3}));
  ASSERT_EQ(windows.size(), 3U);
  EXPECT_TRUE(out.narrow(2, 0, 13).equal(windows[0].refined));
  EXPECT_TRUE(out.narrow(2, 13, 8).equal(windows[1].refined.narrow(2, 5, 8)));
  EXPECT_TRUE(contexts[1].equal(windows[0].refined.narrow(2, 8, 5)));
  EXPECT_TRUE(contexts[2].equal(windows[1].refined.narrow(2, 8, 5)));

  SamplingOptions drawn;
  drawn.temperature = 1;
  const at::Tensor both = windowed_rollout(models, context, 1, drawn, 4);
  const at::Tensor second = windowed_rollout(models, context.narrow(0, 1, 1), 1, drawn, 5);
  EXPECT_TRUE(both.narrow(0, 1, 1).equal(second));  // a sample does not depend on its batch
}

}  // namespace
}  // namespace windtunnel::tokenizers

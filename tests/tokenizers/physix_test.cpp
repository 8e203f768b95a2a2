#include "tokenizers/physix/physix.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>
#include <torch/utils.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "tokenizers/video/video_tokenizer.h"

namespace windtunnel::tokenizers {
namespace {

namespace fs = std::filesystem;

PhysixOptions small() {
  PhysixOptions o;
  o.tokenizer.channels = 4;
  o.tokenizer.channels_mult = {1, 2};
  o.tokenizer.num_res_blocks = 1;
  o.tokenizer.levels = {8, 5};
  o.tokenizer.z_channels = 4;
  o.transformer.dim = 16;
  o.transformer.n_layers = 1;
  o.transformer.n_heads = 2;
  o.transformer.n_kv_heads = 1;
  o.transformer.ffn_hidden_size = 16;
  o.refiner.init_features = 4;
  o.refiner.stages = 1;
  o.refiner.blocks_per_stage = 1;
  o.token_windows = 2;
  o.refinement_windows = 2;
  o.validation_samples = 2;
  return o;
}

/// 8 input frames and 10 output frames of 16 x 8 pixels; the input has one constant channel more.
baselines::ModelContext context() { return {{8, 16, 8, 3}, {10, 16, 8, 2}, "corrected"}; }

std::shared_ptr<Physix> model() {
  torch::manual_seed(11);
  return std::make_shared<Physix>(context(), small());
}

/// Four fixed samples and a fresh cache folder.
class PhysixTrainingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    torch::manual_seed(1);
    for (int i = 0; i < 4; ++i) samples_.emplace_back(at::randn({8, 16, 8, 3}), at::randn({10, 16, 8, 2}));
    setting_.train = {3, [this](int64_t i) { return samples_.at(static_cast<size_t>(i)); }};
    setting_.validation = {1, [this](int64_t) { return samples_.back(); }};
    setting_.cache = fs::temp_directory_path() / ("physix_test_" + std::to_string(::getpid()));
    setting_.updates = 4;
    setting_.batch_size = 2;
    setting_.seed = 5;
    setting_.breathe = [] {};
  }
  void TearDown() override { fs::remove_all(setting_.cache); }

  baselines::StateDict copy(const Physix& source) {
    baselines::StateDict state;
    for (const auto& [name, value] : source.state()) state.emplace_back(name, value.clone());
    return state;
  }

  std::vector<std::pair<at::Tensor, at::Tensor>> samples_;
  baselines::PhaseSetting setting_;
};

TEST(Physix, PredictsAllFramesAndDoesNotDependOnTheBatch) {
  const auto physix = model();
  physix->eval();
  const at::Tensor x = at::randn({2, 8, 16, 8, 3});
  const at::Tensor y = physix->forward(x);
  EXPECT_EQ(y.sizes(), (at::IntArrayRef{2, 10, 16, 8, 2}));
  const at::Tensor alone = physix->forward(x.narrow(0, 1, 1));
  EXPECT_LT((alone - y.narrow(0, 1, 1)).abs().max().item<double>(), 1e-4);
  EXPECT_THROW(physix->forward(at::randn({1, 8, 16, 8, 2})), Error);
}

TEST(Physix, TakesGridsThatTheCompressionDoesNotDivide) {
  torch::manual_seed(4);
  Physix physix({{8, 13, 10, 2}, {10, 13, 10, 2}, "corrected"}, small());
  physix.eval();
  const at::Tensor x = at::randn({1, 8, 13, 10, 2});
  EXPECT_EQ(physix.forward(x).sizes(), (at::IntArrayRef{1, 10, 13, 10, 2}));
  const at::Tensor video = physix.video(x, at::randn({1, 10, 13, 10, 2}));
  EXPECT_EQ(video.sizes(), (at::IntArrayRef{1, 18, 16, 16, 2}));
  EXPECT_TRUE(video.select(2, 15).equal(video.select(2, 12)));
}

TEST(Physix, SampledPredictionRepeatsWithItsSeed) {
  PhysixOptions options = small();
  options.sampling.temperature = 1;
  torch::manual_seed(2);
  Physix physix(context(), options);
  physix.eval();
  const at::Tensor x = at::randn({1, 8, 16, 8, 3});
  EXPECT_TRUE(physix.seed_prediction(3));
  const at::Tensor first = physix.predict(x), second = physix.predict(x);
  physix.seed_prediction(3);
  EXPECT_TRUE(physix.predict(x).equal(first));
  EXPECT_FALSE(second.equal(first));
}

TEST(Physix, FieldsEnterInTheScaleOfTheTarget) {
  const auto physix = model();
  physix->set_field_scaling({1, 2, 7}, {2, 4, 9}, {3, 2}, {1, 2});
  const at::Tensor x = at::randn({1, 8, 16, 8, 3}), y = at::randn({1, 10, 16, 8, 2});
  const at::Tensor video = physix->video(x, y);
  EXPECT_EQ(video.sizes(), (at::IntArrayRef{1, 18, 16, 8, 3}));
  // field = 2 x + 1 in the target's scale: (field - 3) / 1
  EXPECT_LT((video.narrow(1, 0, 8).select(4, 0) - (x.select(4, 0) * 2 - 2)).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE(video.narrow(1, 8, 10).select(4, 1).equal(y.select(4, 1)));
  EXPECT_TRUE(video.select(1, 17).select(3, 2).equal(x.select(1, 7).select(3, 2)));
}

TEST(Physix, EveryNetworkLearnsFromTheLoss) {
  const auto physix = model();
  physix->loss(at::randn({1, 8, 16, 8, 3}), at::randn({1, 10, 16, 8, 2})).backward();
  const auto silent = physix->zero_gradient_parameters();
  EXPECT_EQ(silent.size(), 2u);
  for (const auto& item : physix->named_parameters())
    if (std::find(silent.begin(), silent.end(), item.key()) == silent.end()) {
      EXPECT_TRUE(item.value().grad().defined()) << item.key();
    }
}

TEST(Physix, ShowsItsStepsForTheReport) {
  const auto m = model();
  const at::Tensor x = at::randn({1, 8, 16, 8, 3}), y = at::randn({1, 10, 16, 8, 2});
  const auto steps = m->illustrate(x, y);
  ASSERT_EQ(steps.size(), 6U);
  for (const auto& step : steps) {
    if (step.codes)
      EXPECT_EQ(step.values.sizes().vec(), (std::vector<int64_t>{4, 2, 1})) << step.name;
    else
      EXPECT_EQ(step.values.sizes().vec(), (std::vector<int64_t>{13, 16, 8, 2})) << step.name;
    EXPECT_EQ(step.given, step.codes ? 2 : 5) << step.name;
  }
  // The window's context ends with the input; the corrected prediction keeps it and goes on as predict()
  // does.
  EXPECT_TRUE(at::equal(steps[0].values.narrow(0, 0, 5), m->video(x, y)[0].narrow(0, 3, 5).narrow(3, 0, 2)));
  EXPECT_TRUE(at::equal(steps[5].values.narrow(0, 0, 5), steps[0].values.narrow(0, 0, 5)));
  EXPECT_TRUE(at::allclose(steps[5].values.narrow(0, 5, 8), m->predict(x)[0].narrow(0, 0, 8), 1e-5, 1e-5));
  // The prompt is the tokens of the context, which the encoder sees without what follows.
  EXPECT_TRUE(at::equal(steps[2].values.narrow(0, 0, 2), steps[3].values.narrow(0, 0, 2)));
}

TEST(Physix, RefusesWindowsThatDoNotFit) {
  PhysixOptions options = small();
  options.window_latents = 6;  // 21 frames; a sample has 18
  EXPECT_THROW(Physix(context(), options), Error);
  options = small();
  options.context_latents = 1;  // one frame, the refinement network needs five
  EXPECT_THROW(Physix(context(), options), Error);
  options.refine = false;
  EXPECT_NO_THROW(Physix(context(), options));
  EXPECT_THROW(Physix({{8, 16, 8, 2}, {10, 8, 8, 2}, "corrected"}, small()), Error);
}

TEST_F(PhysixTrainingTest, EveryPhaseGoesOnToTheBit) {
  const auto whole = model(), parts = model();
  for (const auto& phase : whole->phases()) {
    whole->begin_phase(phase, setting_);
    parts->begin_phase(phase, setting_);
    ASSERT_EQ(whole->phase_updates(), 4);
    for (int k = 0; k < 2; ++k) {
      whole->phase_update();
      parts->phase_update();
    }
    const auto weights = copy(*parts), moments = parts->optimizer_state();
    const auto again = model();
    again->load_state(weights, "saved");
    again->begin_phase(phase, setting_);
    again->load_optimizer_state(moments, "saved");
    EXPECT_EQ(again->phase_done(), 2);
    for (int k = 2; k < 4; ++k) EXPECT_EQ(whole->phase_update(), again->phase_update()) << phase;
    const auto expected = whole->state(), got = again->state();
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_TRUE(got[i].second.equal(expected[i].second)) << phase << " " << expected[i].first;
    parts->load_state(copy(*whole), "whole");
    EXPECT_GT(whole->phase_validation().count("selection"), 0u);
  }
}

TEST_F(PhysixTrainingTest, TokensAreMadeOncePerTokenizer) {
  const auto physix = model();
  physix->begin_phase("transformer", setting_);
  const fs::path file = setting_.cache / "tokens.safetensors";
  ASSERT_TRUE(fs::exists(file));
  const auto first = fs::last_write_time(file);
  physix->begin_phase("transformer", setting_);
  EXPECT_EQ(fs::last_write_time(file), first);
  {
    const at::NoGradGuard guard;
    physix->tokenizer->named_parameters()["quant_conv.conv3d.bias"].add_(0.5);
  }
  physix->begin_phase("transformer", setting_);
  EXPECT_NE(fs::last_write_time(file), first);
}

TEST_F(PhysixTrainingTest, PhasesTrainTheirOwnNetworkOnly) {
  for (const std::string phase : {"tokenizer", "transformer", "refiner"}) {
    const auto physix = model();
    const auto before = copy(*physix);
    physix->begin_phase(phase, setting_);
    physix->phase_update();
    physix->phase_update();
    bool moved = false;
    for (const auto& [name, value] : before)
      for (const auto& [key, now] : physix->state())
        if (key == name) {
          if (name.starts_with(phase + ".")) {
            moved = moved || !now.equal(value);
          } else {
            EXPECT_TRUE(now.equal(value)) << name;
          }
        }
    EXPECT_TRUE(moved) << phase;
  }
  const auto physix = model();
  EXPECT_THROW(physix->begin_phase("decoder", setting_), Error);
}

}  // namespace
}  // namespace windtunnel::tokenizers

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "core/error.h"
#include "tokenizers/module_state.h"
#include "tokenizers/refinement/training.h"

namespace windtunnel::tokenizers {
namespace {

RefinementOptions small(const std::string& kernels) {
  RefinementOptions o;
  o.dim_in = 14;
  o.dim_out = 2;
  o.init_features = 8;
  o.stages = 2;
  o.blocks_per_stage = 1;
  o.kernels = kernels;
  return o;
}

void expect_close(const at::Tensor& a, const at::Tensor& b, double relative, const std::string& what) {
  ASSERT_EQ(a.sizes(), b.sizes()) << what;
  EXPECT_LE((a - b).abs().max().item<double>(), relative * b.abs().max().item<double>() + 1e-12) << what;
}

TEST(Refinement, BothFormsAgree) {
  for (const bool delta : {false, true})
    for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{{8, 12}, {4, 4}, {20, 8}}) {
      torch::manual_seed(3);
      RefinementOptions o = small("fast");
      o.predict_delta = delta;
      RefinementUnet fast(o);
      {
        const at::NoGradGuard guard;
        for (auto& item : fast.named_parameters())
          if (item.key().ends_with("gamma")) item.value().copy_(at::randn(item.value().sizes()));
      }
      o.kernels = "reference";
      RefinementUnet reference(o);
      load_module_state(reference, module_state(fast), "test");
      const at::Tensor x = at::randn({3, 14, height, width}), y = at::randn({3, 2, height, width});
      const at::Tensor targets = at::randint(5, 13, {3}, at::kLong);
      const at::Tensor a = fast.forward(x, targets), b = reference.forward(x, targets);
      expect_close(a, b, 1e-5, "output");
      at::mse_loss(a, y).backward();
      at::mse_loss(b, y).backward();
      const auto expected = reference.named_parameters();
      for (const auto& item : fast.named_parameters()) {
        if (!expected[item.key()].grad().defined()) {  // the bias that nothing reads
          EXPECT_FALSE(item.value().grad().defined()) << item.key();
          EXPECT_TRUE(item.key().ends_with("block.0.bias")) << item.key();
          continue;
        }
        expect_close(item.value().grad(), expected[item.key()].grad(), 1e-4, item.key());
      }
    }
}

TEST(Refinement, TheTargetFrameMatters) {
  torch::manual_seed(3);
  const RefinementUnet model(small("fast"));
  const at::NoGradGuard guard;
  const at::Tensor x = at::randn({1, 14, 8, 8});
  const auto at_target = [&](int64_t s) { return model.forward(x, at::full({1}, s, at::kLong)); };
  EXPECT_FALSE(at::allclose(at_target(5), at_target(12)));
}

TEST(Refinement, AWindowKeepsItsContextAndCorrectsTheRest) {
  torch::manual_seed(3);
  const RefinementUnet model(small("fast"));
  const at::NoGradGuard guard;
  const at::Tensor context = at::randn({2, 2, 5, 8, 8}), decoded = at::randn({2, 2, 13, 8, 8});
  const at::Tensor refined = refine_window(model, context, decoded);
  ASSERT_EQ(refined.sizes(), decoded.sizes());
  EXPECT_TRUE(refined.narrow(2, 0, 5).equal(context));
  for (const int64_t s : {5, 9, 12}) {
    const at::Tensor alone =
        model.forward(refinement_input(context, decoded, s), at::full({2}, s, at::kLong));
    EXPECT_TRUE(at::allclose(refined.select(2, s), alone, 1e-4, 1e-5)) << s;
  }
}

TEST(Refinement, LearnsToCorrectAConstantError) {
  torch::manual_seed(3);
  RefinementOptions o = small("fast");
  o.predict_delta = true;
  RefinementUnet model(o);
  StageOptions stage;
  stage.updates = 60;
  stage.learning_rate = 3e-3;
  StageOptimiser optimiser(trainable(model), stage);
  RefinementBatch batch{at::randn({4, 14, 8, 8}), at::randint(5, 13, {4}, at::kLong), {}};
  batch.y = batch.x.view({4, 2, 7, 8, 8}).select(2, 6) + 0.5;
  const double before = refinement_loss(model, batch, {});
  while (optimiser.done() < stage.updates) refinement_update(model, optimiser, batch, {});
  EXPECT_LT(refinement_loss(model, batch, {}), 0.1 * before);
}

TEST(Refinement, RefusesWhatDoesNotFit) {
  const RefinementUnet model(small("fast"));
  const at::Tensor targets = at::full({1}, 5, at::kLong);
  EXPECT_THROW(model.forward(at::randn({1, 14, 6, 8}), targets), Error);  // 6 is not a multiple of 4
  EXPECT_THROW(model.forward(at::randn({1, 13, 8, 8}), targets), Error);
  EXPECT_THROW(model.forward(at::randn({2, 14, 8, 8}), targets), Error);
  EXPECT_THROW(refinement_input(at::randn({1, 2, 4, 8, 8}), at::randn({1, 2, 13, 8, 8}), 5), Error);
  EXPECT_THROW(refinement_input(at::randn({1, 2, 5, 8, 8}), at::randn({1, 2, 13, 8, 8}), 13), Error);
  EXPECT_THROW(RefinementOptions::from_published({{"n_spatial_dims", 3}}, "test"), Error);
}

}  // namespace
}  // namespace windtunnel::tokenizers

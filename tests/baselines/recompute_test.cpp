#include "baselines/recompute.h"

#include <ATen/Context.h>
#include <ATen/ops/randn.h>

#include "baselines/precision.h"
#include "baselines/presets.h"
#include "network_case.h"

namespace windtunnel::baselines {
namespace {

const ModelContext kContext{{8, 16, 16, 3}, {8, 16, 16, 3}, "corrected"};

/// One gradient of the tiny preset with fixed weights, data and draws: loss, gradients by name, state after
/// it.
struct Gradient {
  at::Tensor loss;
  StateDict gradients, state;
};

Gradient gradient_of(const std::string& name, bool recompute_blocks) {
  at::manual_seed(3);
  const auto model = make_baseline(name, kContext, preset(name, "tiny", "cylinder").at("model"));
  const at::Tensor x = at::randn({2, 8, 16, 16, 3}), y = at::randn({2, 8, 16, 16, 3});
  if (model->wants_observation()) model->observe(x, y);
  model->train();
  Gradient result;
  {
    std::optional<RecomputeScope> scope;
    if (recompute_blocks) scope.emplace();
    result.loss = model->loss(x, y);
    result.loss.backward();
  }
  for (const auto& item : model->named_parameters())
    result.gradients.emplace_back(item.key(), item.value().grad());
  result.state = model->state();
  return result;
}

class RecomputedModel : public testing::TestWithParam<std::string> {};

TEST_P(RecomputedModel, HasTheSameLossGradientsAndStatistics) {
  const Gradient plain = gradient_of(GetParam(), false), twice = gradient_of(GetParam(), true);
  EXPECT_EQ(plain.loss.item<float>(), twice.loss.item<float>());
  ASSERT_EQ(plain.gradients.size(), twice.gradients.size());
  double scale = 0;
  for (const auto& [name, gradient] : plain.gradients)
    if (gradient.defined()) scale = std::max(scale, largest(gradient));
  ASSERT_GT(scale, 0);
  for (size_t i = 0; i < plain.gradients.size(); ++i) {
    const auto& [name, expected] = plain.gradients[i];
    const at::Tensor& got = twice.gradients[i].second;
    ASSERT_EQ(expected.defined(), got.defined()) << name;
    // Values that several blocks read have their gradients added in another order.
    if (expected.defined()) {
      EXPECT_LE(largest(got - expected), 1e-5 * largest(expected) + 1e-6 * scale) << name;
    }
  }
  for (size_t i = 0; i < plain.state.size(); ++i)
    EXPECT_TRUE(twice.state[i].second.equal(plain.state[i].second)) << plain.state[i].first;
}

std::vector<std::string> trainable_models() {
  std::vector<std::string> names;
  for (const auto& name : registry().names())
    if (registry().at(name).trainable && !preset_names(name).empty()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, RecomputedModel, testing::ValuesIn(trainable_models()),
                         [](const auto& info) { return info.param; });

TEST(Recompute, RunsABlockTwiceWithTheSameDrawsAndOnlyInsideAScope) {
  int runs = 0, second = 0;
  const Block noisy = [&](const std::vector<at::Tensor>& in) {
    ++runs;
    second += recomputing();
    return in[0] * at::randn({4}) * (in[1].defined() ? in[1] : in[0]);
  };
  const at::Tensor x = at::ones({4}).set_requires_grad(true);
  at::manual_seed(1);
  recompute(noisy, {x, at::Tensor()}).sum().backward();
  EXPECT_EQ(runs, 1);
  const at::Tensor expected = x.grad().clone();
  x.mutable_grad().reset();
  at::manual_seed(1);
  {
    const RecomputeScope scope;
    recompute(noisy, {x, at::Tensor()}).sum().backward();
  }
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(second, 1);
  EXPECT_TRUE(x.grad().equal(expected));
  EXPECT_FALSE(recomputing());
}

TEST(Recompute, GivesEveryInputItsGradient) {
  const Block block = [](const std::vector<at::Tensor>& in) { return in[0] * in[1] + in[2]; };
  const at::Tensor a = at::full({3}, 2.0).set_requires_grad(true),
                   b = at::full({3}, 5.0).set_requires_grad(true);
  const RecomputeScope scope;
  const at::Tensor before = a * 3;
  recompute(block, {before, b, at::ones({3})}).sum().backward();
  EXPECT_TRUE(a.grad().equal(at::full({3}, 15.0)));
  EXPECT_TRUE(b.grad().equal(at::full({3}, 6.0)));
}

}  // namespace
}  // namespace windtunnel::baselines

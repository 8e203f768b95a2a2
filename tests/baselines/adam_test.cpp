#include "baselines/adam.h"

#include <ATen/Context.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randn_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/optim/adam.h>

#include "network_case.h"

namespace windtunnel::baselines {
namespace {

std::vector<at::Tensor> leaves() {
  at::manual_seed(5);
  std::vector<at::Tensor> list{at::randn({7, 3}), at::randn({1}), at::randn({2, 3, 4, 2}), at::randn({1000})};
  for (auto& leaf : list) leaf.requires_grad_();
  return list;
}

void set_gradients(std::vector<at::Tensor>& list, uint64_t seed) {
  at::manual_seed(seed);
  for (auto& leaf : list)
    leaf.mutable_grad() = at::randn_like(leaf).detach() * (1.0 + static_cast<double>(seed));
}

TEST(Adam, AgreesWithTheLibrarysOnRealParameters) {
  auto ours = leaves(), theirs = leaves();
  Adam adam(ours, {.learning_rate = 3e-3});
  torch::optim::Adam reference(theirs, torch::optim::AdamOptions(3e-3));
  for (uint64_t step = 0; step < 20; ++step) {
    set_gradients(ours, step);
    set_gradients(theirs, step);
    if (step == 10) adam.set_learning_rate(1e-3);
    if (step == 10) static_cast<torch::optim::AdamOptions&>(reference.param_groups()[0].options()).lr(1e-3);
    adam.step();
    reference.step();
  }
  for (size_t i = 0; i < ours.size(); ++i) expect_close(ours[i].detach(), theirs[i].detach(), 1e-6, "leaf");
}

TEST(Adam, FirstStepIsTheLearningRateAgainstTheGradient) {
  std::vector<at::Tensor> list{at::zeros({3}).requires_grad_()};
  list[0].mutable_grad() = at::tensor({2.0f, -0.5f, 0.0f});
  Adam adam(list, {.learning_rate = 0.1});
  adam.step();
  EXPECT_NEAR(list[0][0].item<double>(), -0.1, 1e-6);
  EXPECT_NEAR(list[0][1].item<double>(), 0.1, 1e-6);
  EXPECT_EQ(list[0][2].item<double>(), 0);
}

TEST(Adam, ResumesToTheBit) {
  auto whole = leaves(), parts = leaves();
  Adam uninterrupted(whole);
  StateDict saved;
  {
    Adam before(parts);
    for (uint64_t step = 0; step < 3; ++step) {
      set_gradients(whole, step);
      set_gradients(parts, step);
      uninterrupted.step();
      before.step();
    }
    for (const auto& [name, value] : before.state()) saved.emplace_back(name, value.clone());
  }
  Adam after(parts);
  after.load_state(saved, "checkpoint");
  for (uint64_t step = 3; step < 6; ++step) {
    set_gradients(whole, step);
    set_gradients(parts, step);
    uninterrupted.step();
    after.step();
  }
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_TRUE(whole[i].equal(parts[i]));
}

TEST(Adam, SkipsParametersWithoutGradientAndCountsTheirStepsApart) {
  auto ours = leaves(), theirs = leaves();
  Adam adam(ours);
  torch::optim::Adam reference(theirs, torch::optim::AdamOptions(1e-3));
  for (uint64_t step = 0; step < 4; ++step) {
    set_gradients(ours, step);
    set_gradients(theirs, step);
    if (step < 2) ours[0].mutable_grad() = theirs[0].mutable_grad() = at::Tensor();
    adam.step();
    reference.step();
    if (step < 2) {
      EXPECT_TRUE(ours[0].equal(leaves()[0]));
    }
  }
  expect_close(ours[0].detach(), theirs[0].detach(), 1e-6, "late leaf");
  for (const auto& [name, value] : adam.state())
    if (name == "step") {
      EXPECT_EQ(value[0].item<int64_t>(), 2);
      EXPECT_EQ(value[1].item<int64_t>(), 4);
    }
}

TEST(Adam, ClipsTheGlobalNorm) {
  std::vector<at::Tensor> list{at::zeros({2}).requires_grad_(), at::zeros({1, 2}).requires_grad_()};
  const auto gradients = [&] {  // the second leaf is one complex number as a pair
    list[0].mutable_grad() = at::tensor({2.0f, 4.0f});
    list[1].mutable_grad() = at::tensor({5.0f, 6.0f}).view({1, 2});
  };
  Adam adam(list);
  gradients();
  EXPECT_NEAR(adam.clip_gradients(3.0), 9.0, 1e-12);
  EXPECT_NEAR(adam.gradient_norm(), 3.0, 1e-5);
  EXPECT_NEAR(list[1].grad()[0][1].item<double>(), 6.0 * 3 / (9 + 1e-6), 1e-6);
  gradients();
  adam.clip_gradients(9.1);
  EXPECT_EQ(list[0].grad()[1].item<double>(), 4);
  adam.clip_gradients(0);
  EXPECT_EQ(list[0].grad()[1].item<double>(), 4);
}

TEST(Adam, RefusesForeignStateAndComplexLeaves) {
  auto list = leaves();
  Adam adam(list);
  StateDict state = adam.state();
  state.front().second = at::zeros({9});
  EXPECT_NE(thrown_by([&] { adam.load_state(state, "state.safetensors"); }).find("exp_avg.0"),
            std::string::npos);
  state.erase(state.begin());
  EXPECT_NE(thrown_by([&] { adam.load_state(state, "state.safetensors"); }).find("lacks 'exp_avg.0'"),
            std::string::npos);
  EXPECT_NE(thrown_by([] { Adam({at::randn({2}, at::kComplexFloat)}); }).find("real"), std::string::npos);
}

}  // namespace
}  // namespace windtunnel::baselines

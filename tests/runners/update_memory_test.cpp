#include "runners/update_memory.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "baselines/presets.h"
#include "core/error.h"

namespace windtunnel::runners {
namespace {

TEST(UpdateMemory, PeakIsWhatIsHeldAtOnce) {
  const auto bytes = [](int64_t kib) { return at::empty({kib * 256}, at::kFloat); };
  const int64_t peak = allocation_peak([&] {
    { const at::Tensor a = bytes(300); }
    const at::Tensor b = bytes(200);
    const at::Tensor c = bytes(250);
  });
  EXPECT_EQ(peak, 450 * 1024);
}

TEST(UpdateMemory, GrowsWithTheSamplesAndLeavesTheModelAlone) {
  at::manual_seed(1);
  const auto model =
      baselines::make_baseline("transolver", {{4, 16, 16, 3}, {4, 16, 16, 3}},
                               baselines::preset("transolver", "tiny", "cylinder").at("model"));
  const at::Tensor x = at::randn({8, 4, 16, 16, 3}), y = at::randn({8, 4, 16, 16, 3});
  model->loss(x, y).backward();  // fills the caches of constants
  for (auto& parameter : model->parameters()) parameter.mutable_grad().reset();
  const auto before = model->state();
  const UpdateMemory memory = measure_update(model, x.narrow(0, 0, 4), y.narrow(0, 0, 4));
  for (const auto& parameter : model->parameters()) EXPECT_FALSE(parameter.grad().defined());
  for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(model->state()[i].second.equal(before[i].second));
  const auto peak = static_cast<double>(allocation_peak([&] { model->loss(x, y).backward(); }));
  EXPECT_NEAR(memory.of(8), peak, 0.1 * peak);
}

TEST(UpdateMemory, TakesTheCheapestWayThatFits) {
  const UpdateMemory plain{100, 50};
  int asked = 0;
  const auto recomputed = [&] {
    ++asked;
    return UpdateMemory{100, 10};
  };
  EXPECT_FALSE(plan_update(plain, recomputed, {8, 1}, 500).recompute);
  EXPECT_EQ(asked, 0);
  const UpdatePlan twice = plan_update(plain, recomputed, {8, 1}, 200);
  EXPECT_TRUE(twice.fits && twice.recompute);
  EXPECT_EQ(twice.needed, 180);
  const UpdatePlan neither = plan_update(plain, recomputed, {8, 1}, 135);
  EXPECT_FALSE(neither.fits);
  EXPECT_EQ(neither.parts, 3);  // three samples at a time
  EXPECT_EQ(plan_update(plain, recomputed, {8, 1}, 50).parts, 8);
  EXPECT_TRUE(plan_update(plain, recomputed, {8, 3}, 250).fits);
}

}  // namespace
}  // namespace windtunnel::runners

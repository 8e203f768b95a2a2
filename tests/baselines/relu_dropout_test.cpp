#include "baselines/relu_dropout.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>

#include "network_case.h"

namespace windtunnel::baselines {
namespace {

at::Tensor drawn(const at::Tensor& x, double p, uint64_t seed) {
  at::manual_seed(seed);
  return relu_dropout(x.clone(), p);
}

TEST(ReluDropout, KeepsAndScalesTheStatedShare) {
  const at::Tensor x = at::full({1000, 1000}, 2.0);
  const at::Tensor y = drawn(x, 0.3, 1);
  EXPECT_TRUE((y == 0).logical_or((y - 2 / 0.7).abs() < 1e-6).all().item<bool>());
  const auto kept = [](const at::Tensor& part) { return (part > 0).to(at::kDouble).mean().item<double>(); };
  EXPECT_NEAR(kept(y), 0.7, 0.002);  // 4.4 standard deviations of a million draws
  // Neither rows nor columns share their draws: the share kept in both of two neighbours is 0.49.
  EXPECT_NEAR(kept(y.narrow(0, 0, 999) * y.narrow(0, 1, 999)), 0.49, 0.0025);
  EXPECT_NEAR(kept(y.narrow(1, 0, 999) * y.narrow(1, 1, 999)), 0.49, 0.0025);
}

TEST(ReluDropout, DropsWhatIsNotPositiveAndKeepsNotANumber) {
  at::manual_seed(2);
  const at::Tensor x = at::randn({5000});
  EXPECT_TRUE((drawn(x, 0.5, 3).masked_select(x <= 0) == 0).all().item<bool>());
  EXPECT_TRUE(drawn(x, 0, 3).equal(at::relu(x)));
  EXPECT_GT(drawn(at::full({100}, std::nan("")), 0.5, 3).isnan().sum().item<int64_t>(), 20);
}

TEST(ReluDropout, RepeatsWithTheSeedWhateverTheNumberOfThreads) {
  const at::Tensor x = at::full({300, 1000}, 1.0);
  const at::Tensor y = drawn(x, 0.5, 4);
  EXPECT_FALSE(drawn(x, 0.5, 5).equal(y));
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  EXPECT_TRUE(drawn(x, 0.5, 4).equal(y));
  at::set_num_threads(threads);
}

TEST(ReluDropout, ThePassedGradientIsThatOfWhatPassed) {
  at::manual_seed(6);
  const at::Tensor leaf = at::randn({70, 90}).set_requires_grad(true), weight = at::randn({70, 90});
  at::manual_seed(7);
  const at::Tensor y = relu_dropout(leaf * 1, 0.25);
  (y * weight).sum().backward();
  const at::Tensor passed = (y > 0).to(at::kFloat) / 0.75f;
  expect_close(leaf.grad(), weight * passed, 1e-6, "gradient");
}

}  // namespace
}  // namespace windtunnel::baselines

#include "baselines/precision.h"

#include <ATen/ops/conv3d.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>

#include "network_case.h"

namespace windtunnel::baselines {
namespace {

// bfloat16 has 8 bits: half a unit in the last place of the larger factor is 2^-9.
constexpr double kRounding = 0x1p-9;

TEST(Precision, RoundsFactorsInsideItsScopeOnly) {
  at::manual_seed(1);
  const at::Tensor x = at::randn({64, 32}), w = at::randn({16, 32}), b = at::randn({16});
  const at::Tensor exact = at::linear(x, w, b);
  {
    const PrecisionScope scope(true);
    const at::Tensor rounded = affine(x, w, b);
    EXPECT_EQ(rounded.scalar_type(), at::kFloat);
    const double distance = norm_of(rounded - exact) / norm_of(exact);
    EXPECT_GT(distance, 0.1 * kRounding);
    EXPECT_LT(distance, 4 * kRounding);
    const PrecisionScope inner(false);
    EXPECT_TRUE(affine(x, w, b).equal(exact));
  }
  EXPECT_TRUE(affine(x, w, b).equal(exact));
}

TEST(Precision, GradientsComeBackInFloat) {
  at::manual_seed(2);
  const at::Tensor x = at::randn({1, 4, 6, 6, 6}), w = at::randn({8, 4, 3, 3, 3}), b = at::randn({8});
  const auto gradient = [&](bool bf16) {
    const PrecisionScope scope(bf16);
    const at::Tensor leaf = w.clone().set_requires_grad(true);
    convolution(x, leaf, b, {1, 1, 1}, {1, 1, 1}).square().mean().backward();
    return leaf.grad();
  };
  const at::Tensor exact = gradient(false), rounded = gradient(true);
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  const double distance = norm_of(rounded - exact) / norm_of(exact);
  EXPECT_GT(distance, 0.1 * kRounding);
  EXPECT_LT(distance, 8 * kRounding);
}

}  // namespace
}  // namespace windtunnel::baselines

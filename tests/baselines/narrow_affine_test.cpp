#include "baselines/narrow_affine.h"

#include <ATen/Parallel.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>

#include "network_case.h"

namespace windtunnel::baselines {
namespace {

struct Gradients {
  at::Tensor y, dx, dw, db;
};

/// The plain form gets its leaves and weights in float64: the truth for both.
Gradients gradients(int64_t in, int64_t out, bool with_bias, bool narrow) {
  at::manual_seed(5);
  const auto leaf = [&](at::IntArrayRef shape) {
    const at::Tensor values = at::randn(shape);
    return (narrow ? values : values.to(at::kDouble)).set_requires_grad(true);
  };
  const at::Tensor x = leaf({3, 7, 131, in}), weight = leaf({out, in});
  const at::Tensor bias = with_bias ? leaf({out}) : at::Tensor();
  const at::Tensor y = narrow ? narrow_affine(x, weight, bias) : at::linear(x, weight, bias);
  (y * at::randn(y.sizes()).to(y.scalar_type())).sum().backward();
  return {y.detach(), x.grad(), weight.grad(), with_bias ? bias.grad() : at::Tensor()};
}

TEST(NarrowAffine, EveryWidthHasTheGradientOfTheProduct) {
  for (const auto& [in, out] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 37}, {2, 16}, {3, 64}, {4, 8}, {5, 9}, {40, 6}, {37, 7}, {128, 3}, {24, 8}, {3, 3}, {1, 1}})
    for (const bool with_bias : {true, false}) {
      const Gradients got = gradients(in, out, with_bias, true),
                      expected = gradients(in, out, with_bias, false);
      const std::string what = std::to_string(in) + " -> " + std::to_string(out);
      expect_close(got.y, expected.y, 1e-5, what + " y");
      expect_close(got.dx, expected.dx, 1e-5, what + " dx");
      expect_close(got.dw, expected.dw, 1e-5, what + " dw");
      if (with_bias) expect_close(got.db, expected.db, 1e-5, what + " db");
    }
}

TEST(NarrowAffine, SumsDoNotDependOnTheNumberOfThreads) {
  const int threads = at::get_num_threads();
  const Gradients before = gradients(50, 3, true, true);
  at::set_num_threads(threads == 1 ? 2 : 1);
  const Gradients after = gradients(50, 3, true, true);
  at::set_num_threads(threads);
  EXPECT_TRUE(after.dw.equal(before.dw));
  EXPECT_TRUE(after.dx.equal(before.dx));
}

TEST(NarrowAffine, ServesManyRowsWithAGradientOnly) {
  const at::Tensor weight = at::randn({3, 64}).set_requires_grad(true), rows = at::randn({4000, 64});
  EXPECT_TRUE(is_narrow_affine(rows, weight));
  EXPECT_FALSE(is_narrow_affine(rows.narrow(0, 0, 100), weight));
  EXPECT_FALSE(is_narrow_affine(rows, at::randn({16, 64}).set_requires_grad(true)));
  EXPECT_FALSE(is_narrow_affine(rows.to(at::kDouble), weight.to(at::kDouble)));
  const at::NoGradGuard guard;
  EXPECT_FALSE(is_narrow_affine(rows, weight));
}

}  // namespace
}  // namespace windtunnel::baselines

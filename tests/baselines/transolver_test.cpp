#include "baselines/transolver/transolver.h"

#include <ATen/ops/conv3d.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <torch/utils.h>

#include "baselines/presets.h"
#include "baselines/transolver/physics_attention.h"
#include "tests/baselines/published_case.h"

namespace windtunnel::baselines {
namespace {

TEST(TransolverGolden, EvaluationOnExchangedAxes) {
  expect_published_numbers(
      PublishedCase("transolver", "transolver_cond_swapped", "transolver", TransolverOptions::from_published),
      false);
}

TEST(TransolverGolden, TrainingWithStoredMasks) {
  const PublishedCase golden("transolver", "transolver_train", "transolver",
                             TransolverOptions::from_published);
  expect_published_numbers(golden, true, "dropout_mask/");
  for (const char* kernels : {"fast", "reference"}) {
    const auto model = golden.make(kernels);
    model->train();
    const Masks masks(&golden.tensors, "dropout_mask/");
    EXPECT_LE(
        by_deviation(without_gradient(*model, golden.tensors.at("input")), golden.tensors.at("output_train")),
        1e-4);
  }
}

// Against the sum written out, with its gradient by central differences.
TEST(WeightedNeighbourSums, IsTheSumAndHasItsGradient) {
  torch::manual_seed(3);
  const auto options = at::TensorOptions().dtype(at::kDouble);
  at::Tensor w = at::rand({2, 2, 3, 4, 2}, options), x = at::randn({2, 2, 3, 4, 3}, options);
  w.set_requires_grad(true);
  x.set_requires_grad(true);
  const at::Tensor z = weighted_neighbour_sums(w, x);
  ASSERT_EQ(z.sizes(), at::IntArrayRef({2, 2, 3, 3, 3, 3}));
  double sum = 0;  // sample 1, weight 0, channel 2, tap (0,1,2): neighbour (-1,0,+1)
  for (int64_t i = 1; i < 2; ++i)
    for (int64_t j = 0; j < 3; ++j)
      for (int64_t k = 0; k < 3; ++k)
        sum += w.index({1, i, j, k, 0}).item<double>() * x.index({1, i - 1, j, k + 1, 2}).item<double>();
  EXPECT_NEAR(z.index({1, 0, 2, 0, 1, 2}).item<double>(), sum, 1e-12);

  const at::Tensor direction = at::randn(z.sizes(), at::kDouble);
  (z * direction).sum().backward();
  const auto value = [&](const at::Tensor& a, const at::Tensor& b) {
    at::NoGradGuard guard;
    return (weighted_neighbour_sums(a, b) * direction).sum().item<double>();
  };
  const at::Tensor dw = at::randn(w.sizes(), at::kDouble), dx = at::randn(x.sizes(), at::kDouble);
  constexpr double h = 1e-4;
  at::NoGradGuard guard;
  const double slope = (value(w + h * dw, x + h * dx) - value(w - h * dw, x - h * dx)) / (2 * h);
  EXPECT_NEAR((w.grad() * dw).sum().item<double>() + (x.grad() * dx).sum().item<double>(), slope,
              1e-6 * std::abs(slope) + 1e-8);
}

TEST(Transolver, KernelsAgreeIncludingGradients) {
  TransolverOptions options;
  options.n_layers = 2;
  options.n_hidden = 24;
  options.n_head = 3;
  options.slice_num = 5;
  options.dropout = 0;
  const auto context = context_for({3, 6, 5, 2}, {3, 6, 5, 4});
  options.kernels = "fast";
  const auto fast_owner = std::make_shared<Transolver>(context, options);
  Transolver& fast = *fast_owner;
  options.kernels = "reference";
  const auto reference_owner = std::make_shared<Transolver>(context, options);
  Transolver& reference = *reference_owner;
  {
    at::NoGradGuard guard;  // the initial weights are too small for differences to show
    for (auto& p : fast.parameters()) p.add_(at::randn(p.sizes()) * 0.2);
  }
  reference.load_state(fast.state(), "the other kernels");
  const at::Tensor x = at::randn({2, 3, 6, 5, 2});
  const at::Tensor a = fast.forward(x), b = reference.forward(x);
  EXPECT_LE(by_deviation(a, b), 1e-4);
  a.square().mean().backward();
  b.square().mean().backward();
  const auto expected = reference.named_parameters();
  for (const auto& item : fast.named_parameters())
    EXPECT_LE(l2_norm(item.value().grad() - expected[item.key()].grad()),
              2e-3 * l2_norm(expected[item.key()].grad()) + 1e-7)
        << item.key();
}

TEST(Transolver, PublishedCompatReadsTheGridOfTheOptions) {
  TransolverOptions options;
  options.n_hidden = 16;
  options.n_head = 2;
  options.H = 6;
  options.W = 4;
  options.D = 5;
  const auto corrected_owner = std::make_shared<Transolver>(context_for({4, 5, 6, 1}, {4, 5, 6, 1}), options);
  Transolver& corrected = *corrected_owner;
  const auto published_owner =
      std::make_shared<Transolver>(context_for({4, 5, 6, 1}, {4, 5, 6, 1}, "published"), options);
  Transolver& published = *published_owner;
  published.load_state(corrected.state(), "");
  corrected.eval();
  published.eval();
  const at::Tensor x = at::randn({1, 4, 5, 6, 1});
  EXPECT_GT((without_gradient(published, x) - without_gradient(corrected, x)).abs().max().item<double>(),
            1e-7);
  options.H = options.W = options.D = 0;
  const auto by_data_owner =
      std::make_shared<Transolver>(context_for({4, 5, 6, 1}, {4, 5, 6, 1}, "published"), options);
  Transolver& by_data = *by_data_owner;
  by_data.load_state(corrected.state(), "");
  by_data.eval();
  EXPECT_TRUE(without_gradient(by_data, x).equal(without_gradient(corrected, x)));
}

TEST(Transolver, DropoutActsInTrainingOnly) {
  TransolverOptions options;
  options.n_hidden = 16;
  options.n_head = 2;
  options.dropout = 0.5;
  const auto model_owner = std::make_shared<Transolver>(context_for({2, 4, 4, 1}, {2, 4, 4, 1}), options);
  Transolver& model = *model_owner;
  const at::Tensor x = at::randn({1, 2, 4, 4, 1});
  EXPECT_FALSE(without_gradient(model, x).equal(without_gradient(model, x)));
  model.eval();
  EXPECT_TRUE(without_gradient(model, x).equal(without_gradient(model, x)));
}

TEST(Transolver, RejectsWhatItCannotDo) {
  const auto error = [](std::vector<int64_t> in, std::vector<int64_t> out, core::Json values,
                        const std::string& compat = "corrected") {
    return error_of([&] { make_baseline("transolver", context_for(in, out, compat), values); });
  };
  EXPECT_NE(error({4, 8, 8, 3}, {8, 8, 8, 3}, {}).find("8 output frames"), std::string::npos);
  EXPECT_NE(error({4, 8, 8, 3}, {4, 8, 8, 3}, {{"n_head", 7}}).find("n_head 7"), std::string::npos);
  EXPECT_NE(error({4, 8, 8, 3}, {4, 8, 8, 3}, {{"space_dim", 2}}).find("space_dim 2"), std::string::npos);
  EXPECT_NE(error({4, 8, 8, 3}, {4, 8, 8, 3}, {{"out_dim", 2}}).find("out_dim 2"), std::string::npos);
  EXPECT_NE(error({4, 8, 8, 3}, {4, 8, 8, 3}, {{"H", 4}, {"W", 4}, {"D", 4}}, "published").find("256"),
            std::string::npos);
  EXPECT_NE(error({4, 8, 8, 3}, {4, 8, 8, 3}, {{"act", "leaky_relu"}}).find("gelu"), std::string::npos);
  EXPECT_NE(error({4, 8, 8, 3}, {4, 8, 8, 3}, {{"slices", 8}}).find("slice_num"), std::string::npos);
}

TEST(Transolver, PublishedSettingsHaveThePublishedSize) {
  const ShapeOnly shape_only;
  const auto model = make_baseline("transolver", context_for({20, 64, 64, 16}, {20, 64, 64, 16}, "published"),
                                   preset("transolver", "published", "combustion").at("model"));
  EXPECT_EQ(model->parameter_count(), 4280360);
}

TEST(Transolver, EveryActivationRuns) {
  for (const auto& act : Activation::names()) {
    TransolverOptions options;
    options.n_hidden = 8;
    options.n_head = 2;
    options.act = act;
    const auto model_owner = std::make_shared<Transolver>(context_for({2, 3, 3, 1}, {2, 3, 3, 1}), options);
    Transolver& model = *model_owner;
    EXPECT_TRUE(model.forward(at::randn({1, 2, 3, 3, 1})).isfinite().all().item<bool>()) << act;
  }
}

}  // namespace
}  // namespace windtunnel::baselines

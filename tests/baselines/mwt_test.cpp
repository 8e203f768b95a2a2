#include "baselines/mwt/mwt.h"

#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <torch/utils.h>

#include "baselines/presets.h"
#include "core/text.h"
#include "tests/baselines/published_case.h"

namespace windtunnel::baselines {
namespace {

class MwtGolden : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Cases, MwtGolden, testing::Values("mwt_overlap", "mwt_wide_cond"));

TEST_P(MwtGolden, BothKernelsGiveThePublishedNumbers) {
  expect_published_numbers(PublishedCase("mwt", GetParam(), "mwt", as_they_are), false);
}

TEST(MwtFilters, MatchThePublishedMatrices) {
  const PublishedTensors tensors(published_folder("mwt") / "mwt_filters.safetensors");
  for (const auto& name : tensors.names()) {
    const auto parts = core::split(name, '/');
    const auto f = multiwavelet_filters(parts[0], std::stoll(parts[1]));
    const std::map<std::string, const std::vector<double>*> matrices = {
        {"H0", &f.h0}, {"H1", &f.h1}, {"G0", &f.g0}, {"G1", &f.g1}, {"PHI0", &f.phi0}, {"PHI1", &f.phi1}};
    const at::Tensor expected = tensors.at(name).contiguous();
    for (int64_t i = 0; i < expected.numel(); ++i)
      EXPECT_NEAR((*matrices.at(parts[2]))[static_cast<size_t>(i)], expected.data_ptr<double>()[i], 1e-8)
          << name;
  }
}

TEST(MwtFilters, LegendreFiltersAreOrthonormal) {
  // [H0 H1; G0 G1] is an orthogonal matrix for an orthonormal basis. (The published classical Gram-Schmidt
  // process loses orthogonality for larger k.)
  for (const int64_t k : {1, 2, 3, 4, 5}) {
    const auto f = multiwavelet_filters("legendre", k);
    const auto rows = [&](const std::vector<double>& a0, const std::vector<double>& a1,
                          const std::vector<double>& b0, const std::vector<double>& b1, int64_t i,
                          int64_t j) {
      double sum = 0;
      for (int64_t m = 0; m < k; ++m)
        sum += a0[static_cast<size_t>(i * k + m)] * b0[static_cast<size_t>(j * k + m)] +
               a1[static_cast<size_t>(i * k + m)] * b1[static_cast<size_t>(j * k + m)];
      return sum;
    };
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < k; ++j) {
        EXPECT_NEAR(rows(f.h0, f.h1, f.h0, f.h1, i, j), i == j, 1e-7) << k;
        EXPECT_NEAR(rows(f.g0, f.g1, f.g0, f.g1, i, j), i == j, 1e-7) << k;
        EXPECT_NEAR(rows(f.h0, f.h1, f.g0, f.g1, i, j), 0, 1e-7) << k;
      }
  }
}

// W = 4H, odd T, several levels: no golden case covers the fast kernels there.
TEST(Mwt, KernelsAgreeOnWideFieldsAndOddFrames) {
  MwtOptions options;
  options.alpha = 3;
  options.nCZ = 2;
  const auto context = context_for({5, 8, 32, 2}, {10, 8, 32, 1});
  options.kernels = "fast";
  const auto fast_owner = std::make_shared<Mwt>(context, options);
  Mwt& fast = *fast_owner;
  options.kernels = "reference";
  const auto reference_owner = std::make_shared<Mwt>(context, options);
  Mwt& reference = *reference_owner;
  reference.load_state(fast.state(), "the other kernels");
  const at::Tensor x = at::randn({2, 5, 8, 32, 2});
  const at::Tensor a = fast.forward(x), b = reference.forward(x);
  EXPECT_EQ(a.sizes(), at::IntArrayRef({2, 10, 8, 32, 1}));
  EXPECT_LE(by_deviation(a, b), 1e-4);
  a.square().mean().backward();
  b.square().mean().backward();
  const auto expected = reference.named_parameters();
  for (const auto& item : fast.named_parameters())
    if (item.value().grad().defined()) {
      EXPECT_LE(l2_norm(item.value().grad() - expected[item.key()].grad()),
                1e-3 * l2_norm(expected[item.key()].grad()))
          << item.key();
    }
}

TEST(Mwt, LevelsAboveTheCoarsestExponentOnly) {
  MwtOptions options;
  options.L = 1;
  options.nCZ = 1;
  const auto model_owner = std::make_shared<Mwt>(context_for({3, 8, 8, 1}, {3, 8, 8, 1}), options);
  Mwt& model = *model_owner;
  EXPECT_EQ(without_gradient(model, at::randn({1, 3, 8, 8, 1})).sizes(), at::IntArrayRef({1, 3, 8, 8, 1}));
}

TEST(Mwt, CompatChangesWideFieldsOnly) {
  const auto difference = [](int64_t width) {
    torch::manual_seed(1);
    MwtOptions options;
    const auto published_owner =
        std::make_shared<Mwt>(context_for({4, 8, width, 2}, {4, 8, width, 2}, "published"), options);
    Mwt& published = *published_owner;
    const auto corrected_owner =
        std::make_shared<Mwt>(context_for({4, 8, width, 2}, {4, 8, width, 2}), options);
    Mwt& corrected = *corrected_owner;
    corrected.load_state(published.state(), "");
    const at::Tensor x = at::randn({1, 4, 8, width, 2});
    return (without_gradient(published, x) - without_gradient(corrected, x)).abs().max().item<double>();
  };
  EXPECT_EQ(difference(8), 0);
  EXPECT_GT(difference(16), 1e-6);
}

TEST(Mwt, PublishedLoadingIsTolerantAndCorrectedLoadingStrict) {
  MwtOptions options;
  options.nCZ = 1;
  const auto published_owner =
      std::make_shared<Mwt>(context_for({4, 8, 8, 2}, {4, 8, 8, 2}, "published"), options);
  Mwt& published = *published_owner;
  const auto corrected_owner = std::make_shared<Mwt>(context_for({4, 8, 8, 2}, {4, 8, 8, 2}), options);
  Mwt& corrected = *corrected_owner;
  StateDict partial;
  for (const auto& [name, value] : corrected.state())
    if (name != "Lc1.bias") partial.emplace_back(name, name == "Lk.weight" ? at::zeros({3, 3}) : value);
  const at::Tensor before = published.named_parameters()["Lk.weight"].clone();
  published.load_state(partial, "partial");
  EXPECT_TRUE(published.named_parameters()["Lk.weight"].equal(before));
  EXPECT_TRUE(published.named_parameters()["Lc0.weight"].equal(corrected.named_parameters()["Lc0.weight"]));
  EXPECT_NE(error_of([&] { corrected.load_state(partial, "partial"); }).find("Lk.weight"), std::string::npos);
  EXPECT_NE(error_of([&] {
              published.load_state({{"other", before}}, "elsewhere");
            }).find("elsewhere"),
            std::string::npos);
}

TEST(Mwt, RejectsWhatItCannotDo) {
  const auto error = [](std::vector<int64_t> in, std::vector<int64_t> out, core::Json values) {
    return error_of([&] { make_baseline("mwt", context_for(in, out), values); });
  };
  EXPECT_NE(error({4, 12, 12, 1}, {4, 12, 12, 1}, {}).find("power of two"), std::string::npos);
  EXPECT_NE(error({4, 16, 8, 1}, {4, 16, 8, 1}, {}).find("multiple of H"), std::string::npos);
  EXPECT_NE(error({4, 8, 16, 1}, {4, 8, 16, 1}, {{"L", 1}}).find("L = 0"), std::string::npos);
  EXPECT_NE(error({4, 8, 8, 1}, {4, 8, 8, 1}, {{"L", 3}}).find("no level"), std::string::npos);
  EXPECT_NE(error({4, 8, 8, 1}, {4, 8, 8, 1}, {{"alpha", 4}}).find("alpha at most 3"), std::string::npos);
  EXPECT_NE(error({4, 8, 8, 1}, {6, 8, 8, 1}, {}).find("multiple of the input frames"), std::string::npos);
  EXPECT_NE(error({4, 8, 8, 1}, {4, 8, 8, 1}, {{"base", "haar"}}).find("legendre"), std::string::npos);
  EXPECT_NE(error({4, 8, 8, 1}, {4, 8, 8, 1}, {{"alfa", 2}}).find("alpha"), std::string::npos);
  const auto model_owner = std::make_shared<Mwt>(context_for({4, 8, 8, 1}, {4, 8, 8, 1}), MwtOptions());
  Mwt& model = *model_owner;
  EXPECT_NE(error_of([&] {
              model.forward(at::zeros({1, 4, 8, 8, 2}));
            }).find("(4, 8, 8, 1)"),
            std::string::npos);
}

TEST(Mwt, PublishedSettingsHaveThePublishedSize) {
  const ShapeOnly shape_only;
  const auto model = make_baseline("mwt", context_for({20, 64, 128, 3}, {20, 64, 128, 3}),
                                   preset("mwt", "published", "cylinder").at("model"));
  EXPECT_EQ(model->parameter_count(), 2904275);
}

}  // namespace
}  // namespace windtunnel::baselines

#include "datasets/normalizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/file.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

using testing::error_of;
using testing::TemporaryFolder;
using testing::toy_scenario;
using testing::write_toy;

StatisticsOptions quiet(const std::string& protocol, const std::string& kind = "gaussian") {
  StatisticsOptions o;
  o.protocol = protocol;
  o.kind = kind;
  o.quiet = true;
  return o;
}

WindowOptions simulated(double mask) {
  WindowOptions o;
  o.side = Side::numerical;
  o.mask_prob = mask;
  return o;
}

/// Mean and deviation of all input values of one channel, in the obvious way.
std::pair<double, double> direct(const WindowDataset& d, size_t channel, double hidden) {
  double count = 0, sum = 0, squares = 0;
  for (int64_t i = 0; i < d.size(); ++i) {
    const auto x = d.clean_sample(i).input;
    for (size_t k = channel; k < x.data.size(); k += 3) {
      const double value = x.data[k];
      count += 1;
      sum += (1 - hidden) * value;
      squares += (1 - hidden) * value * value;
    }
  }
  const double mean = sum / count;
  return {mean, std::sqrt(squares / count - mean * mean)};
}

TEST(Measure, CorrectedIsPooledAndExpectsTheMask) {
  const TemporaryFolder root;
  write_toy(root.path());
  for (const double q : {0.0, 0.3, 1.0}) {
    const WindowDataset d(toy_scenario(), root.path(), simulated(q));
    const auto n = measure(d, quiet("corrected"));
    for (const size_t channel : {0u, 1u, 2u}) {
      const auto [mean, deviation] = direct(d, channel, channel == 2 ? q : 0);
      EXPECT_NEAR(n.input_shift()[channel], mean, 1e-4) << q << " " << channel;
      EXPECT_NEAR(n.input_scale()[channel], deviation, 1e-3) << q << " " << channel;
    }
    EXPECT_EQ(measure(d, quiet("corrected", "range")).input_scale()[2] == 0, q == 1);
  }
}

TEST(Measure, PublishedVarianceLiesWithinBatches) {
  const TemporaryFolder root;
  write_toy(root.path());
  const WindowDataset d(toy_scenario(), root.path(), simulated(0));
  auto o = quiet("published");
  const auto whole = measure(d, o);
  EXPECT_NEAR(whole.input_scale()[0], direct(d, 0, 0).second, 1e-3);  // one batch
  o.batch = 1;
  const auto split = measure(d, o);
  EXPECT_LT(split.input_scale()[0], 0.2 * whole.input_scale()[0]);  // trajectories differ in their means
  EXPECT_NEAR(split.input_shift()[0], whole.input_shift()[0], 1e-3);
}

TEST(Measure, DoesNotDependOnThreads) {
  const TemporaryFolder root;
  write_toy(root.path());
  const WindowDataset d(toy_scenario(), root.path(), simulated(0.5));
  for (const std::string protocol : {"published", "corrected"}) {
    auto o = quiet(protocol);
    o.threads = 1;
    const auto one = measure(d, o).json();
    o.threads = 5;
    EXPECT_EQ(measure(d, o).json(), one);
  }
}

TEST(Measure, ConstantChannelsHaveDeviationZeroExactly) {
  const TemporaryFolder root;
  write_toy(root.path(), 1);
  Scenario s = toy_scenario();
  s.condition_on_parameters = true;
  const auto n = measure(WindowDataset(s, root.path(), simulated(0)), quiet("corrected"));
  EXPECT_EQ(n.input_shift()[3], 1000.0f);
  EXPECT_EQ(n.input_scale()[3], 0.0f);
  EXPECT_EQ(n.scale(false, 4)[3], 1.0f);
}

TEST(MakeNormalizer, SourceFollowsTheProtocol) {
  const TemporaryFolder root;
  write_toy(root.path(), 8);
  const Scenario s = toy_scenario();
  write_split(leak_free_split(s, list_trajectories(s, root.path(), Side::numerical), Side::numerical, 0), s,
              root.path(), Side::numerical);
  const auto published = make_normalizer(s, root.path(), Side::real, quiet("published"));
  EXPECT_LT(published.input_shift()[0], 0);  // the simulated values are negative
  EXPECT_GT(make_normalizer(s, root.path(), Side::real, quiet("corrected")).input_shift()[0], 0);
  EXPECT_LT(make_normalizer(s, root.path(), Side::numerical, quiet("corrected")).input_shift()[0], 0);
  EXPECT_TRUE(make_normalizer(s, root.path(), Side::real, quiet("published", "none")).is_identity());
  EXPECT_FALSE(std::filesystem::exists(root / "toy/mean_std.pt"));  // written on request only
}

TEST(MakeNormalizer, PublishedReadsItsCache) {
  const TemporaryFolder root;
  write_toy(root.path(), 8);
  const Normalizer stored("gaussian", {1, 2, 3}, {4, 5, 0}, {7, 8, 9}, {10, 11, 12});
  write_normalizer_cache(root / "toy/mean_std.pt", stored);
  write_normalizer_cache(root / "toy/max.pt",
                         Normalizer("range", {0, 0, 0}, {3, 2, 1}, {0, 0, 0}, {6, 5, 4}));
  const auto n = make_normalizer(toy_scenario(), root.path(), Side::real, quiet("published"));
  EXPECT_EQ(n.input_shift(), stored.input_shift());
  EXPECT_EQ(n.input_scale(), stored.input_scale());
  EXPECT_EQ(n.target_shift(), stored.target_shift());
  EXPECT_EQ(n.target_scale(), stored.target_scale());
  const auto r = make_normalizer(toy_scenario(), root.path(), Side::real, quiet("published", "range"));
  EXPECT_EQ(r.target_scale(), (std::vector<float>{6, 5, 4}));
  EXPECT_GT(make_normalizer(toy_scenario(), root.path(), Side::real, quiet("corrected")).input_shift()[0],
            900);
}

TEST(Normalizer, RoundsEveryOperation) {
  const std::vector<float> shift = {0.1f, -3.7f, 0}, scale = {0.3f, 1e-3f, 0};
  const Normalizer n("gaussian", shift, scale, {0, 0}, {1, 1});
  for (const int64_t points : {1, 15, 16, 100}) {
    std::vector<float> x;
    for (int64_t k = 0; k < points * 3; ++k) x.push_back(std::sin(static_cast<float>(k)) * 5);
    auto y = x;
    n.apply_input(y.data(), points, 3);
    for (size_t k = 0; k < y.size(); ++k) {
      const float difference = x[k] - shift[k % 3], divisor = scale[k % 3] == 0 ? 1.0f : scale[k % 3];
      ASSERT_EQ(y[k], difference / divisor);
    }
    auto z = y;
    n.invert_input(z.data(), points, 3);
    for (size_t k = 0; k < z.size(); ++k) {
      const float product = y[k] * (scale[k % 3] == 0 ? 1.0f : scale[k % 3]);
      ASSERT_EQ(z[k], product + shift[k % 3]);
    }
  }
}

TEST(Normalizer, FewerChannelsUseTheFirstStatistics) {
  const Normalizer n("gaussian", {1, 2, 3}, {2, 2, 2}, {0}, {1});
  std::vector<float> x = {5, 6};
  n.apply_input(x.data(), 1, 2);
  EXPECT_EQ(x, (std::vector<float>{2, 2}));
  EXPECT_EQ(error_of([&] { n.apply_target(x.data(), 1, 2); }).kind(), core::ErrorKind::data);
}

TEST(Normalizer, JsonKeepsEveryBit) {
  const Normalizer n("gaussian", {0.1f, 1e-38f, -3.3333333f}, {1.0000001f, 3e38f, 7},
                     {std::nextafter(1.0f, 2.0f)}, {0});
  const auto again = Normalizer::from_json(core::parse_json(core::canonical(n.json()), "text"), "text");
  EXPECT_EQ(again.input_shift(), n.input_shift());
  EXPECT_EQ(again.input_scale(), n.input_scale());
  EXPECT_EQ(again.target_shift(), n.target_shift());
  EXPECT_EQ(again.target_scale(), n.target_scale());
  EXPECT_EQ(error_of([] {
              Normalizer::from_json({{"kind", "gaussian"}}, "file");
            }).kind(),
            core::ErrorKind::data);
}

TEST(Normalizer, BadStatistics) {
  EXPECT_EQ(error_of([] { Normalizer("gaussian", {1}, {1, 2}, {}, {}); }).kind(), core::ErrorKind::data);
  EXPECT_EQ(error_of([] { Normalizer("gaussian", {std::nanf("")}, {1}, {}, {}); }).kind(),
            core::ErrorKind::data);
  EXPECT_EQ(error_of([] { Normalizer("gausian", {}, {}, {}, {}); }).kind(), core::ErrorKind::usage);
}

}  // namespace
}  // namespace windtunnel::datasets

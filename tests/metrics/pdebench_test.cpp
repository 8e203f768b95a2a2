#include "metrics/pdebench.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"

namespace windtunnel::metrics {
namespace {

core::Array filled(const core::Shape& shape, float value) {
  core::Array result(shape);
  for (auto& v : result.data) v = value;
  return result;
}

core::Array random_field(const core::Shape& shape, uint64_t seed) {
  core::PythonRandom random(seed);
  core::Array result(shape);
  for (auto& v : result.data) v = static_cast<float>(random.normal());
  return result;
}

TEST(Pdebench, ConstantErrorByHand) {
  for (const core::Shape& shape :
       {core::Shape{2, 8, 3, 1}, core::Shape{2, 8, 6, 3, 1}, core::Shape{2, 8, 6, 4, 3, 1}}) {
    const auto m =
        pdebench_metrics(filled(shape, 2.5f), filled(shape, 2), {.initial_step = 1, .low = 1, .high = 2});
    const auto mean = pdebench_means(m);
    EXPECT_DOUBLE_EQ(mean.rmse, 0.5);
    EXPECT_DOUBLE_EQ(mean.nrmse, 0.25);
    EXPECT_DOUBLE_EQ(mean.conserved, 0.5);
    EXPECT_DOUBLE_EQ(mean.maximum, 0.5);
    EXPECT_DOUBLE_EQ(mean.boundary, 0.5);
    EXPECT_NEAR(mean.bands[0], 0.5, 1e-12);  // all energy in the mean mode
    EXPECT_NEAR(mean.bands[1], 0, 1e-12);
  }
}

TEST(Pdebench, ThreeDimensionalBoundaryPerChannelOrSummed) {
  const core::Shape shape = {2, 5, 4, 6, 2, 2};
  const auto p = random_field(shape, 1), y = random_field(shape, 2);
  PdebenchOptions options{.initial_step = 0, .low = 1, .high = 2, .per_channel_boundary = false};
  const auto published = pdebench_metrics(p, y, options);
  EXPECT_EQ(published.boundary.shape, (core::Shape{2, 2}));  // (b,t)
  options.per_channel_boundary = true;
  const auto corrected = pdebench_metrics(p, y, options);
  EXPECT_EQ(corrected.boundary.shape, (core::Shape{2, 2}));  // (c,t)
  // Equal channels: the published form is larger by sqrt(c).
  core::Array twice_p(shape), twice_y(shape);
  for (size_t i = 0; i < p.data.size(); i += 2) {
    twice_p.data[i] = twice_p.data[i + 1] = p.data[i];
    twice_y.data[i] = twice_y.data[i + 1] = y.data[i];
  }
  const double per_channel = pdebench_means(pdebench_metrics(twice_p, twice_y, options)).boundary;
  options.per_channel_boundary = false;
  EXPECT_NEAR(pdebench_means(pdebench_metrics(twice_p, twice_y, options)).boundary,
              std::sqrt(2.0) * per_channel, 1e-12);
}

TEST(Pdebench, EmptyBandsAndZeroTargets) {
  const core::Shape shape = {1, 8, 2, 1};
  const auto m = pdebench_means(pdebench_metrics(filled(shape, 1), filled(shape, 0), {.initial_step = 1}));
  EXPECT_TRUE(std::isnan(m.bands[2]));  // bins 0..4, the high band starts at 12
  EXPECT_TRUE(std::isinf(m.nrmse));
}

TEST(Pdebench, AveragesOfBatches) {
  PdebenchMeans one, three;
  one.rmse = 1;
  three.rmse = 3;
  EXPECT_DOUBLE_EQ(pdebench_average({one, three}, false).rmse, 2);
  EXPECT_DOUBLE_EQ(pdebench_average({one, three}, true).rmse, 4);
  EXPECT_TRUE(std::isinf(pdebench_average({one}, true).rmse));
}

TEST(Pdebench, RefusesWrongInput) {
  EXPECT_THROW(pdebench_metrics(filled({1, 8, 2, 1}, 1), filled({1, 8, 3, 1}, 1)), Error);
  EXPECT_THROW(pdebench_metrics(filled({1, 8, 2, 1}, 1), filled({1, 8, 2, 1}, 1), {.initial_step = 2}),
               Error);
  EXPECT_THROW(pdebench_metrics(filled({8, 2, 1}, 1), filled({8, 2, 1}, 1)), Error);
}

}  // namespace
}  // namespace windtunnel::metrics

#include "metrics/update_ratio.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/error.h"

namespace windtunnel::metrics {
namespace {

TEST(UpdateRatio, ByHand) {
  const auto ratio = update_ratio({0.5, 0.3, 0.2, 0.25}, {0.4, 0.2, 0.19, 0.3}, 10);
  EXPECT_EQ(ratio.best_rmse, 0.2);
  EXPECT_EQ(ratio.n2, 30);
  EXPECT_EQ(ratio.n1_crossing, 20);
  EXPECT_DOUBLE_EQ(*ratio.by_crossing, 2.0 / 3.0);
  EXPECT_EQ(ratio.n1_best, 30);
  EXPECT_DOUBLE_EQ(ratio.by_best, 1.0);
}

TEST(UpdateRatio, NotReached) {
  const auto ratio = update_ratio({0.5, 0.1}, {0.4, 0.2, 0.11}, 100);
  EXPECT_FALSE(ratio.n1_crossing);
  EXPECT_FALSE(ratio.by_crossing);
  EXPECT_EQ(ratio.table_value(), 1.0);
  EXPECT_EQ(ratio.n1_best, 300);
}

TEST(UpdateRatio, TiesTakeTheFirstAndNanNeverWins) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto ratio = update_ratio({nan, 0.2, 0.2}, {nan, 0.2, 0.1, 0.1}, 5);
  EXPECT_EQ(ratio.n2, 10);
  EXPECT_EQ(ratio.n1_crossing, 10);
  EXPECT_EQ(ratio.n1_best, 15);
}

TEST(UpdateRatio, EmptyOrDivergedCurvesAreErrors) {
  EXPECT_THROW(update_ratio({}, {0.1}, 10), Error);
  EXPECT_THROW(update_ratio({0.1}, {std::numeric_limits<double>::quiet_NaN()}, 10), Error);
  EXPECT_THROW(update_ratio({0.1}, {0.1}, 0), Error);
}

}  // namespace
}  // namespace windtunnel::metrics

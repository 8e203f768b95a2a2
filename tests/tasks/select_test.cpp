#include "tasks/select.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/error.h"

namespace windtunnel::tasks {
namespace {

TEST(Cadence, FiftyPoints) {
  const auto cadence = validation_cadence(10000);
  EXPECT_EQ(cadence.interval, 200);
  EXPECT_EQ(cadence.points(), 50);
  EXPECT_FALSE(cadence.due(0));
  EXPECT_FALSE(cadence.due(199));
  EXPECT_TRUE(cadence.due(200));
  EXPECT_TRUE(cadence.due(10000));
}

TEST(Cadence, SmallRunsValidateEveryUpdate) {
  EXPECT_EQ(validation_cadence(7).interval, 1);
  EXPECT_EQ(validation_cadence(99).interval, 1);
  EXPECT_EQ(validation_cadence(149).interval, 2);
  EXPECT_THROW(validation_cadence(0), Error);
}

TEST(BestCheckpoint, StrictlySmallestAndNeverNan) {
  BestCheckpoint best;
  EXPECT_FALSE(best.offer(10, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_EQ(best.update, 0);
  EXPECT_TRUE(best.offer(20, 0.5));
  EXPECT_FALSE(best.offer(30, 0.5));
  EXPECT_TRUE(best.offer(40, 0.4));
  EXPECT_EQ(best.update, 40);
}

TEST(EarlyStop, OnlyOnRequest) {
  EarlyStop never;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(never.observe(false));
  EarlyStop stop{.patience = 2};
  EXPECT_FALSE(stop.observe(false));
  EXPECT_FALSE(stop.observe(true));
  EXPECT_FALSE(stop.observe(false));
  EXPECT_TRUE(stop.observe(false));
}

}  // namespace
}  // namespace windtunnel::tasks

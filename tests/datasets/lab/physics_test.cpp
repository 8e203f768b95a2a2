#include "datasets/lab/physics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "datasets/lab/kernel.h"
#include "datasets/lab/taylor_green.h"

namespace windtunnel::datasets::lab {
namespace {

TEST(LabPhysics, SolverIsOfSecondOrderAndConserves) {
  const TaylorGreen coarse = taylor_green(16), fine = taylor_green(32);
  EXPECT_NEAR(std::log2(coarse.error / fine.error), 2, 0.1);
  EXPECT_LT(fine.error, 0.03);
  EXPECT_LT(fine.mass_drift, 1e-6);
  EXPECT_LT(fine.momentum_drift, 1e-5);
  EXPECT_NEAR(taylor_green(16, "reference").error / coarse.error, 1, 1e-3);
}

TEST(LabPhysics, ImageVelocimetryAndFlameLieWithinTheirTolerances) {
  int rows = 0;
  for (const auto& group : physics_groups()) {
    EXPECT_GT(group.work, 0) << group.name;
    if (group.name != "piv" && group.name != "flame") continue;
    group.run(
        [&](const PhysicsRow& row) {
          ++rows;
          EXPECT_TRUE(row.good()) << physics_line(row);
        },
        nullptr);
  }
  EXPECT_EQ(rows, 21);
}

TEST(LabPhysics, ARowOutsideItsToleranceSaysSo) {
  PhysicsRow row{"case", "drag", 2, 1, 1.5, 1.3, "book"};
  EXPECT_NE(physics_line(row).find("OUTSIDE"), std::string::npos);
  row.value = 1.2;
  EXPECT_EQ(physics_line(row).find("OUTSIDE"), std::string::npos);
  EXPECT_NE(physics_line(row).find("1 to 1.5"), std::string::npos);
}

}  // namespace
}  // namespace windtunnel::datasets::lab

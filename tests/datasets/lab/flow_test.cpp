#include "datasets/lab/flow.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "datasets/lab/verification.h"

namespace windtunnel::datasets::lab {
namespace {

FlowOptions small_box() {
  FlowOptions options;
  options.length = 6;
  options.height = 4;
  options.upstream = 2;
  options.cells = 10;
  return options;
}

Body circle(Vec2 place = {}) { return {std::make_shared<Circle>(1.0), place, nullptr}; }

TEST(LabFlow, AnUndisturbedStreamStaysUniform) {
  Flow flow(small_box(), {});
  FlowFields fields;
  flow.fields(fields);
  fields.u.assign(fields.u.size(), 1.0f);
  fields.v.assign(fields.v.size(), 0.0f);
  fields.p.assign(fields.p.size(), 0.0f);
  flow.start_from(fields, 3.0);
  for (int i = 0; i < 300; ++i) flow.step();
  EXPECT_NEAR(flow.time(), 3.0 + 300 * 0.08 / 10, 1e-9);
  flow.fields(fields);
  for (const float u : fields.u) ASSERT_NEAR(u, 1.0f, 2e-5);
  for (const float v : fields.v) ASSERT_NEAR(v, 0.0f, 2e-5);
}

TEST(LabFlow, StartFromAnotherGridKeepsTheFields) {
  Flow coarse(small_box(), {circle()});
  coarse.start();
  for (int i = 0; i < 400; ++i) coarse.step();
  FlowFields from, to;
  coarse.fields(from);
  FlowOptions fine = small_box();
  fine.cells = 20;
  Flow flow(fine, {circle()});
  flow.start_from(from);
  flow.fields(to);
  // The centre of four fine cells is the centre of a coarse one.
  double worst = 0;
  for (int y = 1; y < from.height - 1; ++y)
    for (int x = 1; x < from.width - 1; ++x) {
      const auto at = [&](int j, int i) {
        return to.u[static_cast<size_t>(2 * y + j) * to.width + 2 * x + i];
      };
      const float mean = 0.25f * (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1));
      worst = std::max(worst, std::abs(double{mean} - from.u[static_cast<size_t>(y) * from.width + x]));
    }
  EXPECT_LT(worst, 0.2);  // smoothing of the wall layer
  EXPECT_GT(worst, 0);
}

TEST(LabFlow, ASymmetricFlowHasNoLiftAndExactWallAndSmearedWallAgree) {
  FlowOptions options = small_box();
  options.reynolds = 20;
  options.length = 12;
  options.height = 10;
  options.upstream = 5;
  double drag[2];
  for (const bool exact : {false, true}) {
    options.wall = exact ? "bouzidi" : "penalised";
    Flow flow(options, {circle()});
    FlowFields uniform;
    flow.fields(uniform);
    uniform.u.assign(uniform.u.size(), 1.0f);
    uniform.v.assign(uniform.v.size(), 0.0f);
    uniform.p.assign(uniform.p.size(), 0.0f);
    flow.start_from(uniform);
    for (int i = 0; i < 1500; ++i) flow.step();
    EXPECT_NEAR(flow.force().y, 0, 1e-3);
    drag[exact] = 2 * flow.force().x;
  }
  EXPECT_GT(drag[1], 2.0);  // 2.0 to 2.1 in an unbounded stream, more between walls
  EXPECT_LT(drag[1], 2.8);
  EXPECT_NEAR(drag[0], drag[1], 0.12 * drag[1]);
}

TEST(LabFlow, TheForceBalancesTheMomentumDeficitOfTheWake) {
  FlowOptions options = small_box();
  options.reynolds = 40;
  options.length = 10;
  options.height = 8;
  Flow flow(options, {circle()});
  flow.start();
  for (int i = 0; i < 6000; ++i) flow.step();
  FlowFields f;
  flow.fields(f);
  const auto flux = [&](double x) {  // of streamwise momentum and pressure through the column at x
    const int i = static_cast<int>(std::lround((x - f.first.x) * f.cells));
    double sum = 0;
    for (int y = 12; y < f.height - 12; ++y) {
      const size_t k = static_cast<size_t>(y) * f.width + i;
      sum += (double{f.u[k]} * f.u[k] + f.p[k]) / f.cells;
    }
    return sum;
  };
  const auto side = [&](int y) {  // of streamwise momentum through a row, along +y
    double sum = 0;
    for (int x = static_cast<int>(std::lround((-0.9 - f.first.x) * f.cells));
         x < static_cast<int>(std::lround((4.0 - f.first.x) * f.cells)); ++x) {
      const size_t k = static_cast<size_t>(y) * f.width + x;
      sum += double{f.u[k]} * f.v[k] / f.cells;
    }
    return sum;
  };
  const double force = flux(-0.9) - flux(4.0) + side(12) - side(f.height - 12);
  EXPECT_NEAR(flow.force().x, force, 0.06 * force);
}

TEST(LabFlow, WrongOptionsAreUsageErrors) {
  FlowOptions options = small_box();
  options.reynolds = 0;
  EXPECT_THROW(Flow(options, {}), Error);
  options = small_box();
  options.wall = "magic";
  EXPECT_THROW(Flow(options, {circle()}), Error);
  options.wall = "bouzidi";
  Body moving = circle();
  moving.motion = std::make_shared<Heave>(0.1, 0.1);
  EXPECT_THROW(Flow(options, {moving}), Error);
}

TEST(LabVerification, CylinderAtReducedCost) {
  const auto cases = verification_cases("reduced");
  std::vector<VerificationResult> results;
  for (const auto& test : cases) {
    results.push_back(verify(test));
    for (const auto& failure : results.back().failures) ADD_FAILURE() << test.name << ": " << failure;
  }
  ASSERT_EQ(results.size(), 2u);
  EXPECT_GT(results[1].statistics.strouhal, results[0].statistics.strouhal);  // St rises with Re here
  EXPECT_GT(results[1].statistics.lift_amplitude, results[0].statistics.lift_amplitude);
  EXPECT_THROW(verification_cases("aeroplanes"), Error);
}

TEST(LabVerification, AResultOutsideItsBandIsReported) {
  VerificationCase test = verification_cases("reduced")[0];
  test.settle = 2;
  test.average = 1;
  test.bands = {{"drag", 100, 101, 0, ""}};
  EXPECT_EQ(verify(test).failures.size(), 1u);
  const std::atomic<bool> stop{true};
  EXPECT_THROW(verify(test, &stop), Error);
}

TEST(LabStatistics, FrequencyAndCoefficientsOfAKnownSignal) {
  std::vector<Vec2> forces;
  for (int i = 0; i < 6000; ++i) {
    const double t = 0.01 * i;
    forces.push_back({0.7 + 0.05 * std::cos(4 * M_PI * 0.2137 * t), 0.25 * std::sin(2 * M_PI * 0.2137 * t)});
  }
  const WakeStatistics s = wake_statistics(forces, 0.01);
  EXPECT_NEAR(s.drag, 1.4, 0.01);
  EXPECT_NEAR(s.strouhal, 0.2137, 0.0005);
  EXPECT_NEAR(s.lift_amplitude, 0.5, 1e-3);
  EXPECT_NEAR(s.lift_rms, 0.5 / std::sqrt(2), 0.01);
  EXPECT_EQ(dominant_frequency(std::vector<double>(100, 3.0), 0.1, 1.0), 0);
}

}  // namespace
}  // namespace windtunnel::datasets::lab

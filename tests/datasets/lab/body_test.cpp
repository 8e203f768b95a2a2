#include "datasets/lab/body.h"

#include <gtest/gtest.h>

#include <cmath>

#include "datasets/lab/bouzidi.h"
#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {
namespace {

TEST(LabBody, CircleDistance) {
  const Circle circle(1.0);
  EXPECT_DOUBLE_EQ(circle.distance({2, 0}), 1.5);
  EXPECT_DOUBLE_EQ(circle.distance({0, 0}), -0.5);
  const Body body{std::make_shared<Circle>(1.0), {1, 1}, nullptr};
  EXPECT_NEAR(body.distance({1, 2}), 0.5, 1e-12);
}

TEST(LabBody, FoilOutline) {
  const NacaFoil foil(0.12, 0);
  // The largest half thickness of a NACA 0012 is 6 % of the chord at 30 %.
  EXPECT_NEAR(foil.distance({0.3, 0.06}), 0, 1e-3);
  EXPECT_LT(foil.distance({0.3, 0.03}), 0);
  EXPECT_NEAR(foil.distance({-0.5, 0}), 0.5, 1e-12);
  EXPECT_NEAR(foil.distance({1.5, 0}), 0.5, 1e-12);
  EXPECT_DOUBLE_EQ(foil.distance({0.4, 0.1}), foil.distance({0.4, -0.1}));
}

TEST(LabBody, AngleOfAttackTurnsTheTrailingEdgeDown) {
  const NacaFoil foil(0.12, 20);
  EXPECT_LT(foil.distance({0.9 * std::cos(20 * M_PI / 180), -0.9 * std::sin(20 * M_PI / 180)}), 0);
  EXPECT_GT(foil.distance({0.9 * std::cos(20 * M_PI / 180), 0.9 * std::sin(20 * M_PI / 180)}), 0.1);
  EXPECT_LE(foil.low().y, -std::sin(20 * M_PI / 180));
  EXPECT_GE(foil.high().x, std::cos(20 * M_PI / 180));
}

TEST(LabBody, HeaveVelocityIsTheDerivativeOfItsPlace) {
  Heave heave(0.25, 0.2);
  for (const double t : {1.0, 7.3, 30.0}) {
    heave.advance(t + 1e-6, 0, {});
    const double after = heave.offset.y;
    heave.advance(t - 1e-6, 0, {});
    const double before = heave.offset.y;
    heave.advance(t, 0, {});
    EXPECT_NEAR(heave.velocity.y, (after - before) / 2e-6, 1e-5);
  }
}

TEST(LabBody, AnElasticMountWithoutFlowSwingsAtItsFrequency) {
  // Without added-mass memory of the flow the mount obeys (m - m_d) y'' + k y = F; here F = 0 after one push.
  ElasticMount mount(10, 5, 0, 0);
  const double step = 0.001;
  std::vector<double> y;
  for (int i = 0; i < 40000; ++i) {
    mount.advance(i * step, step, {0, i < 100 ? 1.0 : 0.0});
    y.push_back(mount.offset.y);
  }
  int crossings = 0;
  for (size_t i = 1001; i < y.size(); ++i) crossings += y[i - 1] < 0 && y[i] >= 0;
  const double frequency = std::sqrt(10.0 / 9.0) / 5;
  EXPECT_NEAR(crossings, frequency * 39, 1.01);
}

TEST(LabBody, ExactWallTakesTheSameMomentumFromMirroredStreams) {
  Lattice lattice(20, 20);
  const auto distance = [](double x, double y) { return std::hypot(x - 9.5, y - 9.5) - 4; };
  BouzidiWall wall(lattice, distance);
  const auto push = [&](double sign) {
    for (int q = 0; q < kDirections; ++q)
      for (int y = 0; y < 20; ++y)
        for (int x = 0; x < 20; ++x)
          lattice.row(q, y)[x] = static_cast<float>(kWeight[q] * 3 * sign * 0.1 * kCx[q]);
    return wall.apply(lattice);
  };
  const Vec2 right = push(1), left = push(-1);
  EXPECT_GT(right.x, 0.1);
  EXPECT_NEAR(right.x, -left.x, 1e-6);
  EXPECT_NEAR(right.y, 0, 1e-6);
}

TEST(LabBody, ExactWallIsTightWhereItIsThinnerThanACell) {
  Lattice lattice(20, 20);
  // A plate 0.3 cells thick between the rows 9 and 10; no cell centre lies in it.
  BouzidiWall wall(lattice, [](double, double y) { return std::abs(y - 9.7) - 0.15; });
  for (int y = 10; y < 20; ++y)
    for (int x = 0; x < 20; ++x) lattice.row(4, y)[x] = 1;  // moves down, above the plate only
  const Vec2 push = wall.apply(lattice);
  for (int x = 1; x < 19; ++x) {
    EXPECT_NEAR(lattice.row(2, 9)[x], 1, 1e-6) << x;   // what row 10 pulls: thrown back
    EXPECT_NEAR(lattice.row(4, 10)[x], 0, 1e-6) << x;  // what row 9 pulls: nothing came from below
  }
  EXPECT_NEAR(push.y, -2 * 18, 1e-5);
  EXPECT_NEAR(push.x, 0, 1e-5);
}

TEST(LabMath, AgreesWithTheLibrary) {
  for (double x = -3; x < 3; x += 0.0371) {
    EXPECT_NEAR(sin_turns(x), std::sin(2 * M_PI * x), 4e-15 + 1e-14);
    EXPECT_NEAR(cos_turns(x), std::cos(2 * M_PI * x), 1.4e-14);
    EXPECT_NEAR(exp_of(10 * x), std::exp(10 * x), 4e-15 * std::exp(10 * x));
    EXPECT_NEAR(log_of(std::exp(9 * x)), 9 * x, 4e-15 * std::max(1.0, std::abs(9 * x)) + 4e-15);
    EXPECT_NEAR(error_function(x), std::erf(x), 2e-7);
  }
  EXPECT_NEAR(power(2.5, -4.0 / 3), std::pow(2.5, -4.0 / 3), 1e-14);
}

TEST(LabMath, NormalsHaveUnitVariance) {
  NormalStream random(5);
  double sum = 0, squares = 0, fourth = 0;
  const int n = 100000;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / n, 0, 0.02);
  EXPECT_NEAR(squares / n, 1, 0.02);
  EXPECT_NEAR(fourth / n, 3, 0.15);
}

}  // namespace
}  // namespace windtunnel::datasets::lab

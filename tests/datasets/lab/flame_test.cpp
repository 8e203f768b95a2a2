#include "datasets/lab/flame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "datasets/lab/binning.h"
#include "datasets/lab/light.h"
#include "datasets/lab/mixture.h"
#include "datasets/lab/scalars.h"

namespace windtunnel::datasets::lab {
namespace {

TEST(LabScalars, FlatFlameHasTheSpeedOfTheModel) {
  ReactionOptions o;
  EXPECT_NEAR(planar_flame_speed(o), 0.890, 0.01);
  o.beta = 10;
  EXPECT_NEAR(planar_flame_speed(o), 0.899, 0.01);
  // Half the cell: nearly the same speed.
  o.beta = 8;
  o.thickness = 6;
  EXPECT_NEAR(planar_flame_speed(o), 0.890, 0.02);
}

TEST(LabScalars, ClosedBoxKeepsThePassiveScalarAndTurnsFuelIntoHeat) {
  const int n = 40;
  ReactionOptions o;
  o.lewis = 0.7;
  Scalars s(n, n, o);
  std::vector<float> u(static_cast<size_t>(n) * n), v(u), closed(n, 0.0f);
  // Stream function sin^2 sin^2: no flow through the edges.
  const auto psi = [&](int r, int c) {
    const double a = std::sin(3.14159265 * r / n), b = std::sin(3.14159265 * c / n);
    return 0.08 * a * a * b * b;  // weak enough not to put the flame out
  };
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < n; ++c) {
      u[static_cast<size_t>(r) * n + c] =
          static_cast<float>((psi(r + 1, c) + psi(r + 1, c + 1) - psi(r, c) - psi(r, c + 1)) / 2);
      v[static_cast<size_t>(r) * n + c] =
          static_cast<float>(-(psi(r, c + 1) + psi(r + 1, c + 1) - psi(r, c) - psi(r + 1, c)) / 2);
      s.row(Scalars::kTemperature, r)[c] = c > 25 ? 1 : 0;
      s.row(Scalars::kFuel, r)[c] = c > 25 ? 0 : 1;
      s.row(Scalars::kPassive, r)[c] = r > 10 && r < 20 ? 1 : 0;
    }
  const auto total = [&](Scalars::Kind kind) {
    double sum = 0;
    for (int r = 0; r < n; ++r)
      for (int c = 0; c < n; ++c) sum += s.row(kind, r)[c];
    return sum;
  };
  const double passive = total(Scalars::kPassive),
               energy = total(Scalars::kTemperature) + total(Scalars::kFuel), fuel = total(Scalars::kFuel);
  for (int i = 0; i < 200; ++i) s.advance(u, v, closed, 4);
  // The cell velocities are free of divergence to second order only; c div u is taken off, so sums drift a
  // little while a constant stays one.
  EXPECT_NEAR(total(Scalars::kPassive) / passive, 1, 0.02);
  EXPECT_NEAR((total(Scalars::kTemperature) + total(Scalars::kFuel)) / energy, 1, 0.02);
  EXPECT_LT(total(Scalars::kFuel), 0.95 * fuel);
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < n; ++c) {
      ASSERT_GE(s.row(Scalars::kPassive, r)[c], -1e-5);
      ASSERT_LE(s.row(Scalars::kPassive, r)[c], 1 + 1e-5);
    }
}

FlameOptions small() {
  FlameOptions o;
  o.cells = 10;
  return o;
}

TEST(LabFlame, TemperatureAndFuelAddUpToOneForEqualDiffusivities) {
  Flame flame(small(), 3);
  while (flame.time() < 12) flame.step();
  double worst = 0, heat = 0;
  for (int y = 0; y < flame.height(); ++y)
    for (int x = 0; x < flame.width(); ++x)
      worst = std::max(worst, std::abs(double{flame.scalars().row(Scalars::kTemperature, y)[x]} +
                                       flame.scalars().row(Scalars::kFuel, y)[x] - 1));
  for (const float w : flame.scalars().rate()) heat += w;
  EXPECT_LT(worst, 2e-5);
  EXPECT_GT(heat, 0);
  // Fresh in the slots, burnt far downstream on the axis, flow through the slots only.
  const int row = flame.height() / 2 + 11;
  EXPECT_LT(flame.scalars().row(Scalars::kTemperature, row)[1], 0.1);
  EXPECT_GT(flame.scalars().row(Scalars::kTemperature, row)[flame.width() - 2], 0.8);
  std::vector<float> u, v, p;
  flame.fields(u, v, p);
  EXPECT_GT(u[static_cast<size_t>(row) * flame.width()], 0.5);
  EXPECT_NEAR(u[static_cast<size_t>(flame.height() / 2) * flame.width()], 0, 0.05);
}

TEST(LabFlame, ScalarsStayBoundedWhenTheFlowIsFast) {
  FlameOptions o = small();
  o.flow = 1.8;
  o.modulation = 0.3;
  Flame flame(o, 3);
  float low = 0, high = 1;
  while (flame.time() < 20) {
    flame.step();
    for (int x = 0; x < flame.width(); ++x) {
      low = std::min(low, flame.scalars().row(Scalars::kTemperature, flame.height() / 2 + 8)[x]);
      high = std::max(high, flame.scalars().row(Scalars::kTemperature, flame.height() / 2 + 8)[x]);
    }
  }
  EXPECT_GE(low, -1e-4);
  EXPECT_LE(high, 1 + 1e-4);
}

TEST(LabFlame, KernelsAgreeAndSeedsDiffer) {
  FlameOptions fast = small(), reference = small();
  reference.kernels = "reference";
  Flame a(fast, 3), b(reference, 3), c(fast, 4);
  for (int i = 0; i < 400; ++i) {
    a.step();
    b.step();
    c.step();
  }
  double near = 0, far = 0;
  const size_t n = a.scalars().rate().size();
  for (size_t k = 0; k < n; ++k) {
    const int y = static_cast<int>(k) / a.width(), x = static_cast<int>(k) % a.width();
    const double t = a.scalars().row(Scalars::kTemperature, y)[x];
    near = std::max(near, std::abs(t - b.scalars().row(Scalars::kTemperature, y)[x]));
    far = std::max(far, std::abs(t - c.scalars().row(Scalars::kTemperature, y)[x]));
  }
  EXPECT_LT(near, 1e-3);
  EXPECT_GT(far, 1e-2);
  FlameOptions tiny = small();
  tiny.cells = 3;
  EXPECT_THROW(Flame(tiny, 0), Error);
}

TEST(LabMixture, CompleteCombustion) {
  const Mixture methane = make_mixture(0, 1);
  EXPECT_NEAR(methane.fresh_ch4, 1 / (1 + 4.76 * 2), 1e-12);
  EXPECT_NEAR(methane.burnt_co2, 1 / (1 + 2 + 3.76 * 2), 1e-12);
  EXPECT_NEAR(methane.burnt_h2o, 2 * methane.burnt_co2, 1e-12);
  EXPECT_EQ(methane.fresh_nh3, 0);
  EXPECT_NEAR(make_mixture(0, 1.05).flame_speed, 1, 1e-12);
  EXPECT_LT(make_mixture(0.8, 1.05).flame_speed, 0.4);
  EXPECT_LT(make_mixture(0, 0.75).flame_speed, make_mixture(0, 1).flame_speed);
  // Rich: what the oxygen cannot burn stays.
  const Mixture rich = make_mixture(0.4, 1.25), even = make_mixture(0.4, 1);
  EXPECT_LT(rich.burnt_co2, even.burnt_co2);
  EXPECT_NEAR(make_mixture(0.4, 0.8).lewis, 0.96, 1e-12);
}

TEST(LabLight, LineOfSightOfACylinderIsItsChord) {
  const int n = 101, width = 5;
  std::vector<float> emission(static_cast<size_t>(n) * width), image;
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < width; ++c)
      emission[static_cast<size_t>(r) * width + c] = std::abs(r - 50) <= 30 ? 2 : 0;
  line_of_sight(emission, n, width, image);
  for (const int y : {0, 10, 20, 25})
    for (const int sign : {-1, 1})
      EXPECT_NEAR(image[static_cast<size_t>(50 + sign * y) * width + 2],
                  2 * 2 * std::sqrt(30.5 * 30.5 - y * y), 4);
  EXPECT_EQ(image[static_cast<size_t>(85) * width], 0);
  // Only the upper half shines: the lower half of the picture is darker.
  for (int r = 0; r < 50; ++r)
    for (int c = 0; c < width; ++c) emission[static_cast<size_t>(r) * width + c] = 0;
  line_of_sight(emission, n, width, image);
  EXPECT_GT(image[static_cast<size_t>(70) * width], 2 * image[static_cast<size_t>(30) * width]);
}

TEST(LabLight, CameraHasTheNoiseOfAnIntensifier) {
  const int n = 200;
  std::vector<float> image(static_cast<size_t>(n) * n, 0.5f);
  IntensifiedCamera camera;
  NormalStream random(5);
  camera.expose(image, n, n, 1, random);
  double sum = 0, squares = 0;
  int count = 0;
  for (int r = 20; r < 180; ++r)
    for (int c = 40; c < n; ++c, ++count) {
      const double v = 255 * image[static_cast<size_t>(r) * n + c];
      ASSERT_EQ(v, std::round(v));
      sum += v;
      squares += v * v;
    }
  const double mean = sum / count;
  EXPECT_NEAR(mean, 30.2, 0.3);
  EXPECT_NEAR(squares / count - mean * mean, 2 * 30.2, 2);  // twice that of the photons
  EXPECT_EQ(image[100 * n + 10], 0);                        // outside the window
  EXPECT_EQ(image[5 * n + 100], 0);
}

TEST(LabBinning, AveragesCellsAndCentresTheFrame) {
  std::vector<float> grid;
  for (int r = 0; r < 12; ++r)
    for (int c = 0; c < 12; ++c) grid.push_back(static_cast<float>(r * 100 + c));
  const Binning binning(4, 3, 1, 12, 12, 2.5);  // pixels of 2.5 x 2.5 cells
  std::vector<float> image;
  binning.average(grid.data(), 12, image);
  ASSERT_EQ(image.size(), 12u);
  EXPECT_NEAR(image[0], 100 * (1 + 2 + 3 * 0.5) / 2.5 + (0 + 1 + 2 * 0.5) / 2.5, 1e-3);
  // Rows 1 to 10 are seen, columns 0 to 7.5.
  double sum = 0;
  for (const float v : image) sum += v / 12;
  EXPECT_NEAR(sum, 100 * 5.5 + (21 + 7 * 0.5) / 7.5, 1e-3);
  EXPECT_THROW(Binning(10, 3, 1, 12, 12, 2.5), Error);
}

}  // namespace
}  // namespace windtunnel::datasets::lab

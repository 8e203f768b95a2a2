#include "datasets/lab/periodic/gray_scott.h"

#include <gtest/gtest.h>

#include <cmath>

namespace windtunnel::datasets::lab {
namespace {

GrayScottOptions small(double step) {
  GrayScottOptions o;
  o.height = o.width = 16;
  o.length_x = o.length_y = 0.25;
  o.frame_interval = 16;
  o.step = step;
  o.blobs = {2, 3};
  o.blob_width = {0.01, 0.02};
  return o;
}

/// State after one frame from a smooth start.
std::vector<double> after_frame(double step) {
  GrayScott system(small(step), {0.03, 0.062});
  std::vector<double> a(256), b(256);
  for (size_t p = 0; p < 256; ++p) {
    const double x = 2 * M_PI * static_cast<double>(p / 16) / 16,
                 y = 2 * M_PI * static_cast<double>(p % 16) / 16;
    a[p] = 0.6 + 0.2 * std::cos(x) + 0.1 * std::sin(y);
    b[p] = 0.3 + 0.1 * std::sin(x + y);
  }
  system.start_from(a, b);
  system.advance();
  auto [u, v] = system.state();
  u.insert(u.end(), v.begin(), v.end());
  return u;
}

double distance(const std::vector<double>& x, const std::vector<double>& y) {
  double largest = 0;
  for (size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::abs(x[i] - y[i]));
  return largest;
}

TEST(GrayScott, TimeSteppingConvergesWithOrderFour) {
  const auto exact = after_frame(0.125);
  const double coarse = distance(after_frame(2), exact), middle = distance(after_frame(1), exact),
               fine = distance(after_frame(0.5), exact);  // the default step is 1
  EXPECT_NEAR(std::log2(coarse / middle), 4, 0.4);
  EXPECT_NEAR(std::log2(middle / fine), 4, 0.2);
  EXPECT_LT(middle, 1e-4);
}

/// Without gradients the equations are two ordinary ones, solved here by many small classical Runge-Kutta
/// steps.
TEST(GrayScott, UniformStateFollowsTheReaction) {
  const double feed = 0.03, kill = 0.062;
  double a = 0.5, b = 0.4;
  const auto slope = [&](double u, double v) {
    return std::pair{-u * v * v + feed * (1 - u), u * v * v - (feed + kill) * v};
  };
  const double h = 16.0 / 4096;
  for (int s = 0; s < 4096; ++s) {
    const auto [a1, b1] = slope(a, b);
    const auto [a2, b2] = slope(a + h / 2 * a1, b + h / 2 * b1);
    const auto [a3, b3] = slope(a + h / 2 * a2, b + h / 2 * b2);
    const auto [a4, b4] = slope(a + h * a3, b + h * b3);
    a += h / 6 * (a1 + 2 * a2 + 2 * a3 + a4);
    b += h / 6 * (b1 + 2 * b2 + 2 * b3 + b4);
  }
  GrayScott system(small(0.5), {feed, kill});
  system.start_from(std::vector<double>(256, 0.5), std::vector<double>(256, 0.4));
  system.advance();
  const auto [u, v] = system.state();
  EXPECT_LT(distance(u, std::vector<double>(256, a)), 1e-7);
  EXPECT_LT(distance(v, std::vector<double>(256, b)), 1e-7);
}

/// B = 0: the deviation of A from 1 obeys a linear equation, mode by mode.
TEST(GrayScott, DiffusionAndFeedAreExact) {
  GrayScott system(small(16), {0.03, 0.062});
  std::vector<double> a(256), expected(256);
  const double k = 2 * M_PI / 0.25, decay = std::exp(-(2e-5 * k * k + 0.03) * 16);
  for (size_t p = 0; p < 256; ++p) {
    const double wave = 0.2 * std::cos(2 * M_PI * static_cast<double>(p % 16) / 16);
    a[p] = 1 + wave;
    expected[p] = 1 + wave * decay;
  }
  system.start_from(a, std::vector<double>(256, 0.0));
  system.advance();
  EXPECT_LT(distance(system.state().first, expected), 1e-12);
}

TEST(GrayScott, StartsAreReproducibleAndDiffer) {
  const auto fields = [](uint64_t seed, int64_t number) {
    GrayScott system(small(1), {0.03, 0.062});
    system.start(seed, number);
    return system.fields();
  };
  for (const int64_t number : {0, 1}) {
    EXPECT_EQ(fields(3, number), fields(3, number));
    EXPECT_NE(fields(3, number), fields(4, number));
    for (const auto& field : fields(3, number))
      for (const float value : field) EXPECT_TRUE(value > -0.2F && value < 1.2F) << value;
  }
}

}  // namespace
}  // namespace windtunnel::datasets::lab

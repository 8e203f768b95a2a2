#include "datasets/noise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"

namespace windtunnel::datasets {
namespace {

TEST(StreamDraws, NormalsFollowTheNormalDistribution) {
  constexpr int64_t n = 400000;
  std::vector<float> g(n);
  stream_draws(7)->normal(g.data(), n);
  double sum = 0, second = 0, fourth = 0;
  for (const double x : g) {
    sum += x;
    second += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / n, 0, 0.008);
  EXPECT_NEAR(second / n, 1, 0.012);
  EXPECT_NEAR(fourth / n, 3, 0.1);
  std::sort(g.begin(), g.end());
  double distance = 0;  // Kolmogorov-Smirnov
  for (int64_t i = 0; i < n; ++i)
    distance = std::max(distance, std::abs(0.5 * std::erfc(-g[static_cast<size_t>(i)] / std::sqrt(2.0)) -
                                           (static_cast<double>(i) + 0.5) / n));
  EXPECT_LT(distance, 1.95 / std::sqrt(static_cast<double>(n)));  // 0.1 % of true normals fail
  EXPECT_GT(std::max(-g.front(), g.back()), 4.0f);                // the tail is drawn too
}

TEST(StreamDraws, SeedsGiveTheirOwnNumbers) {
  std::vector<float> a(50), b(50), c(50);
  stream_draws(1)->normal(a.data(), 50);
  stream_draws(1)->normal(b.data(), 50);
  stream_draws(2)->normal(c.data(), 50);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
}

TEST(AddNoise, GaussianRoundsEachOperation) {
  std::vector<float> z = {1.5f, -2.25f, 0.0f, 1e-3f}, g(4);
  stream_draws(3)->normal(g.data(), 4);
  const auto before = z;
  add_noise({.scale = 0.1}, *stream_draws(3), z.data(), 1, 2, 2, 1);
  for (size_t i = 0; i < 4; ++i) {
    const float product = before[i] * g[i], scaled = product * 0.1f;
    EXPECT_EQ(z[i], before[i] + scaled);
  }
  EXPECT_EQ(z[2], 0.0f);
}

TEST(AddNoise, PoissonHasItsMeanAndVariance) {
  for (const float rate : {0.5f, 4.0f, 25.0f, 300.0f}) {
    constexpr int64_t n = 40000;
    std::vector<float> z(n, rate);
    add_noise({.scale = 1, .type = "poisson"}, *stream_draws(5), z.data(), 1, 1, n, 1);
    double sum = 0, squares = 0;
    for (const double v : z) {
      sum += v - rate;
      squares += (v - rate) * (v - rate);
    }
    const double mean = sum / n, variance = squares / n - mean * mean;
    EXPECT_NEAR(mean, rate, 5 * std::sqrt(rate / n));
    EXPECT_NEAR(variance / rate, 1, 0.05);
  }
  std::vector<float> negative = {-1};
  EXPECT_THROW(add_noise({.scale = 1, .type = "poisson"}, *stream_draws(5), negative.data(), 1, 1, 1, 1),
               core::Error);
}

TEST(AddNoise, OpticalBlursEachChannelAndFrame) {
  constexpr int64_t t = 2, h = 9, w = 8, c = 2;
  std::vector<float> z(t * h * w * c, 0);
  const auto at = [&](int64_t frame, int64_t y, int64_t x, int64_t channel) -> float& {
    return z[static_cast<size_t>(((frame * h + y) * w + x) * c + channel)];
  };
  for (int64_t k = 0; k < h * w; ++k) at(1, k / w, k % w, 1) = 3;  // a constant plane stays
  at(0, 4, 4, 0) = 1;
  add_noise({.scale = 1, .type = "optical", .optical_kernel = 3}, *stream_draws(0), z.data(), t, h, w, c);
  double sum = 0;
  for (int64_t k = 0; k < h * w; ++k) {
    sum += at(0, k / w, k % w, 0);
    EXPECT_NEAR(at(1, k / w, k % w, 1), 3, 1e-6);
    EXPECT_EQ(at(1, k / w, k % w, 0), 0);
  }
  EXPECT_NEAR(sum, 1, 1e-6);
  const double e = std::exp(-0.5), centre = 1 / (1 + 2 * e);
  EXPECT_NEAR(at(0, 4, 4, 0), centre * centre, 1e-7);
  EXPECT_NEAR(at(0, 3, 4, 0), e * centre * centre, 1e-7);
  EXPECT_EQ(at(0, 4, 4, 0), std::max({at(0, 4, 4, 0), at(0, 4, 5, 0), at(0, 5, 4, 0)}));
}

}  // namespace
}  // namespace windtunnel::datasets

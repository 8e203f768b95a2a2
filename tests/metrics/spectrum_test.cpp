#include "metrics/spectrum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace windtunnel::metrics {
namespace {

TEST(IntegerSqrt, IsExact) {
  for (int64_t r = 0; r < 2000; ++r) {
    EXPECT_EQ(integer_sqrt(r * r), r);
    EXPECT_EQ(integer_sqrt(r * r + 2 * r), r);
  }
  EXPECT_EQ(integer_sqrt(int64_t{3037000499} * 3037000499 - 1), 3037000498);
}

TEST(ModeBins, PublishedCounts) {
  // Number of accumulated modes of the published scenarios (H=64, W=128).
  const std::pair<int64_t, int64_t> cases[] = {{10, 90}, {20, 639}, {40, 4653}, {60, 15192}, {200, 18358}};
  for (const auto& [frames, count] : cases)
    EXPECT_EQ(static_cast<int64_t>(mode_bins(frames, 64, 128)->modes.size()), count) << frames;
}

TEST(ModeBins, BandLimits) {
  const int64_t expected[][3] = {{1, 0, 1},  {2, 1, 1},   {3, 1, 2},    {4, 1, 3},   {5, 2, 3},
                                 {10, 3, 7}, {20, 7, 13}, {30, 10, 20}, {32, 11, 21}};
  for (const auto& [bins, low, high] : expected) {
    const auto list = mode_bins(2 * bins, 128, 128);
    EXPECT_EQ(list->bins, bins);
    EXPECT_EQ(list->low, low) << bins;
    EXPECT_EQ(list->high, high) << bins;
  }
}

TEST(ModeBins, MatchesTheDefinition) {
  for (const auto& [t, h, w] : {std::array<int64_t, 3>{7, 9, 11}, {10, 12, 16}, {6, 5, 4}, {1, 8, 8}}) {
    const auto list = mode_bins(t, h, w);
    size_t at = 0;
    for (int64_t i = 0; i < t / 2; ++i)
      for (int64_t j = 0; j < h / 2; ++j)
        for (int64_t k = 0; k < w / 2; ++k) {
          const auto radius = static_cast<int64_t>(std::sqrt(static_cast<double>(i * i + j * j + k * k)));
          if (radius > std::min({t / 2, h / 2, w / 2}) - 1) continue;
          ASSERT_LT(at, list->modes.size());
          const auto& mode = list->modes[at++];
          EXPECT_TRUE(mode.i == i && mode.j == j && mode.k == k && mode.bin == radius);
        }
    EXPECT_EQ(at, list->modes.size());
    EXPECT_EQ(std::accumulate(list->counts.begin(), list->counts.end(), int64_t{0}),
              static_cast<int64_t>(at));
  }
}

}  // namespace
}  // namespace windtunnel::metrics

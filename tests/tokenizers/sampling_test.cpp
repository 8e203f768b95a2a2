#include "tokenizers/transformer/sampling.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

namespace windtunnel::tokenizers {
namespace {

std::vector<float> random_logits(size_t n, uint64_t seed, bool ties) {
  core::PythonRandom random(seed);
  std::vector<float> logits(n);
  for (float& x : logits) {
    x = static_cast<float>(4 * random.normal());
    if (ties) x = std::round(x);
  }
  return logits;
}

SamplingOptions sampling(double temperature, double top_p, int64_t top_k, int64_t seed = 0) {
  SamplingOptions o;
  o.temperature = temperature;
  o.top_p = top_p;
  o.top_k = top_k;
  o.seed = seed;
  return o;
}

TEST(Sampling, ThresholdSearchKeepsWhatSortingKeeps) {
  for (const size_t n : {size_t{1}, size_t{7}, size_t{500}, size_t{9000}})
    for (const bool ties : {false, true})
      for (const double temperature : {0.2, 1.0, 7.0})
        for (const auto& [p, k] : std::vector<std::pair<double, int64_t>>{{0.0, 0},
                                                                          {1e-6, 0},
                                                                          {0.5, 0},
                                                                          {0.8, 0},
                                                                          {0.999, 0},
                                                                          {1.0, 0},
                                                                          {0.0, 1},
                                                                          {0.0, 5},
                                                                          {0.0, 100000}}) {
          const auto logits = random_logits(n, n + ties, ties);
          const auto options = sampling(temperature, p, k);
          EXPECT_EQ(kept_probabilities(logits, options), kept_probabilities(logits, options, true))
              << n << " logits, ties " << ties << ", T " << temperature << ", p " << p << ", k " << k;
        }
}

TEST(Sampling, KeepsEntriesUntilTheSumBeforeThemExceedsP) {
  const std::vector<float> logits = {std::log(0.1f), std::log(0.5f), std::log(0.15f), std::log(0.25f)};
  const auto p =
      kept_probabilities(logits, sampling(1, 0.6, 0));  // 0.5 before the second, 0.75 before the third
  EXPECT_EQ(p[0], 0);
  EXPECT_EQ(p[2], 0);
  EXPECT_NEAR(p[1], 2.0 / 3, 1e-6);
  EXPECT_NEAR(p[3], 1.0 / 3, 1e-6);
}

TEST(Sampling, TopKKeepsTies) {
  const auto p = kept_probabilities(std::vector<float>{1, 3, 3, 2}, sampling(1, 0, 1));
  EXPECT_EQ(p, (std::vector<float>{0, 0.5f, 0.5f, 0}));
}

TEST(Sampling, DrawsFollowTheProbabilities) {
  const std::vector<float> logits = {std::log(0.2f), std::log(0.7f), std::log(0.1f)};
  Sampler sampler(sampling(1, 0, 0, 3));
  std::vector<double> share(3);
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) share[static_cast<size_t>(sampler(logits))] += 1.0 / kDraws;
  EXPECT_NEAR(share[0], 0.2, 0.015);
  EXPECT_NEAR(share[1], 0.7, 0.015);
  EXPECT_NEAR(share[2], 0.1, 0.015);
}

TEST(Sampling, SeedAndStreamDecideTheTokens) {
  const auto logits = random_logits(300, 1, false);
  const auto draw = [&](int64_t seed, uint64_t stream) {
    Sampler sampler(sampling(1.5, 0, 0, seed), stream);
    std::vector<int64_t> tokens;
    for (int i = 0; i < 20; ++i) tokens.push_back(sampler(logits));
    return tokens;
  };
  EXPECT_EQ(draw(1, 2), draw(1, 2));
  EXPECT_NE(draw(1, 2), draw(1, 3));
  EXPECT_NE(draw(1, 2), draw(2, 2));
}

TEST(Sampling, RefusesTwoCutsAndBrokenLogits) {
  EXPECT_THROW(Sampler(sampling(1, 0.5, 3)), Error);
  EXPECT_THROW(largest(std::vector<float>{1, NAN}), Error);
}

}  // namespace
}  // namespace windtunnel::tokenizers

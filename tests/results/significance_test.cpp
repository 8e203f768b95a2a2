#include "results/significance.h"

#include <gtest/gtest.h>

#include <cmath>

#include "results/distributions.h"

namespace windtunnel::results {
namespace {

TEST(Distributions, KnownValues) {
  EXPECT_NEAR(student_cdf(2.776445105, 4), 0.975, 1e-8);  // two-sided 5 % of four degrees
  EXPECT_NEAR(student_cdf(-1.0, 1), 0.25, 1e-12);         // Cauchy
  EXPECT_NEAR(chi_squared_tail(3.841458821, 1), 0.05, 1e-9);
  EXPECT_NEAR(chi_squared_tail(1.0, 2), std::exp(-0.5), 1e-12);
  EXPECT_NEAR(chi_squared_tail(40.0, 10), 1.694e-5, 1e-8);
  // Demsar 2006, table 5: Nemenyi q at 5 % is the range's quantile over sqrt 2.
  EXPECT_NEAR(range_quantile(0.05, 2) / std::sqrt(2.0), 1.960, 5e-4);
  EXPECT_NEAR(range_quantile(0.05, 5) / std::sqrt(2.0), 2.728, 5e-4);
  EXPECT_NEAR(range_quantile(0.05, 10) / std::sqrt(2.0), 3.164, 5e-4);
}

TEST(Distributions, AFurtherValueOfASmallSample) {
  EXPECT_NEAR(probability_below(3, {1, 2, 3, 4, 5}), 0.5, 1e-12);
  // t = -2 / (sqrt(2.5) sqrt(1.2)) with four degrees.
  EXPECT_NEAR(probability_below(1, {1, 2, 3, 4, 5}), student_cdf(-2 / std::sqrt(3.0), 4), 1e-12);
  EXPECT_EQ(probability_below(1, {2, 2}), 0);
}

TEST(Blocks, AreTrajectories) {
  size_t count = 0;
  EXPECT_EQ(trajectory_blocks({"a.h5@0", "b.h5@0", "a.h5@20", "c/1", "alone"}, &count),
            (std::vector<size_t>{0, 1, 0, 2, 3}));
  EXPECT_EQ(count, 4u);
}

TEST(PairedBootstrap, SeesADifferenceThatTheSpreadHides) {
  // Samples differ by far more than the models; the pairing removes it.
  std::vector<double> a, b, same;
  std::vector<size_t> blocks;
  for (size_t i = 0; i < 60; ++i) {
    const double level = 1 + static_cast<double>(i % 13);
    a.push_back(level + 0.1 + 0.05 * std::sin(static_cast<double>(3 * i)));
    b.push_back(level);
    same.push_back(level + 0.05 * std::sin(static_cast<double>(i)));
    blocks.push_back(i / 3);
  }
  const Comparison found = paired_bootstrap(a, b, blocks, 1);
  EXPECT_NEAR(found.difference, 0.1, 0.01);
  EXPECT_LT(found.low, found.difference);
  EXPECT_GT(found.high, found.difference);
  EXPECT_GT(found.low, 0);
  EXPECT_LT(found.p, 0.01);
  EXPECT_EQ(found.blocks, 20);
  EXPECT_GT(paired_bootstrap(same, b, blocks, 1).p, 0.2);
  EXPECT_EQ(paired_bootstrap(a, b, blocks, 1).low, found.low);  // the seed decides
  EXPECT_EQ(paired_bootstrap(a, b, std::vector<size_t>(60, 0), 1).p, 1);
}

TEST(PairedBootstrap, RepeatedWindowsOfOneTrajectoryAddNoConfidence) {
  std::vector<double> once = {0.311, -0.107, 0.203, 0.0513, -0.1571, 0.2539}, zero(6, 0), many, zeros;
  std::vector<size_t> blocks = {0, 1, 2, 3, 4, 5}, repeated;
  for (size_t i = 0; i < 6; ++i)
    for (int k = 0; k < 50; ++k) many.push_back(once[i]), zeros.push_back(0), repeated.push_back(i);
  const Comparison few = paired_bootstrap(once, zero, blocks, 3),
                   lots = paired_bootstrap(many, zeros, repeated, 3);
  EXPECT_NEAR(lots.low, few.low, 1e-12);
  EXPECT_NEAR(lots.p, few.p, 1e-12);
}

TEST(RankAnalysis, ByHand) {
  // Three models over four blocks: ranks 1,2,3 always except one exchange.
  const RankAnalysis ranks = rank_analysis({{1, 1, 1, 2}, {2, 2, 2, 1}, {3, 3, 3, 3}}, false);
  EXPECT_EQ(ranks.mean_rank, (std::vector<double>{1.25, 1.75, 3}));
  EXPECT_EQ(ranks.order, (std::vector<size_t>{0, 1, 2}));
  // 12*4/(3*4) * ((0.75)^2 + (0.25)^2 + 1) = 6.5
  EXPECT_NEAR(ranks.friedman_p, std::exp(-6.5 / 2), 1e-12);
  EXPECT_NEAR(ranks.critical_difference, 2.343 * std::sqrt(12.0 / 24), 1e-3);  // 1.657
  ASSERT_EQ(ranks.cliques.size(), 2u);
  EXPECT_EQ(ranks.cliques[0], (std::pair<size_t, size_t>(0, 1)));
  EXPECT_EQ(ranks.cliques[1], (std::pair<size_t, size_t>(1, 2)));
}

TEST(RankAnalysis, TiesShareAndDirectionTurns) {
  const RankAnalysis tied = rank_analysis({{1, 1}, {1, 1}}, false);
  EXPECT_EQ(tied.mean_rank, (std::vector<double>{1.5, 1.5}));
  EXPECT_EQ(tied.friedman_p, 1);
  EXPECT_EQ(rank_analysis({{0.1, 0.1}, {0.9, 0.9}}, true).order, (std::vector<size_t>{1, 0}));
  EXPECT_TRUE(rank_analysis({{1, 2}}, false).mean_rank.empty());
}

}  // namespace
}  // namespace windtunnel::results

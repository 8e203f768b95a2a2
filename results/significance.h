#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace windtunnel::results {

/// Windows of one trajectory resemble each other; they are drawn together. Number of the trajectory of each
/// sample id, the part before the last '@' (or '/'; without either each sample is its own).
std::vector<size_t> trajectory_blocks(const std::vector<std::string>& sample_ids, size_t* count = nullptr);

/// Difference of two models on the same samples.
struct Comparison {
  double difference = 0;     ///< mean of a - b over samples
  double low = 0, high = 0;  ///< 95 % interval (percentiles)
  double p = 1;              ///< two-sided, of no difference
  int64_t samples = 0, blocks = 0;
};

/// Paired bootstrap over whole blocks: `resamples` draws of as many blocks as there are, with replacement;
/// p = 2 min(share of means <= 0, share >= 0), at least 2 / (resamples + 1). Deterministic for a seed. With
/// one block nothing can be said: p = 1.
Comparison paired_bootstrap(const std::vector<double>& a, const std::vector<double>& b,
                            const std::vector<size_t>& blocks, uint64_t seed, int64_t resamples = 2000);

/// Friedman's test and Nemenyi's critical difference (Demsar, JMLR 7, 2006) of k models over n blocks.
struct RankAnalysis {
  std::vector<double> mean_rank;  ///< per model, 1 = best
  int64_t blocks = 0;
  double friedman_p = 1;
  double critical_difference = 0;                  ///< mean ranks nearer than this do not differ at 5 %
  std::vector<size_t> order;                       ///< models by mean rank
  std::vector<std::pair<size_t, size_t>> cliques;  ///< first and last position in `order` of maximal groups
};

/// `values[model][block]`; ties share their mean rank. Needs two models and two blocks, else empty.
RankAnalysis rank_analysis(const std::vector<std::vector<double>>& values, bool higher_is_better);

}  // namespace windtunnel::results

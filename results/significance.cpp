#include "results/significance.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/random.h"
#include "results/distributions.h"

namespace windtunnel::results {

std::vector<size_t> trajectory_blocks(const std::vector<std::string>& sample_ids, size_t* count) {
  std::map<std::string, size_t> number;
  std::vector<size_t> blocks;
  for (const auto& id : sample_ids) {
    size_t end = id.rfind('@');
    if (end == std::string::npos) end = id.rfind('/');
    blocks.push_back(number.emplace(id.substr(0, end), number.size()).first->second);
  }
  if (count) *count = number.size();
  return blocks;
}

Comparison paired_bootstrap(const std::vector<double>& a, const std::vector<double>& b,
                            const std::vector<size_t>& blocks, uint64_t seed, int64_t resamples) {
  Comparison result;
  result.samples = static_cast<int64_t>(a.size());
  const size_t n = blocks.empty() ? 0 : *std::max_element(blocks.begin(), blocks.end()) + 1;
  result.blocks = static_cast<int64_t>(n);
  std::vector<double> sums(n, 0), sizes(n, 0);
  for (size_t i = 0; i < a.size(); ++i) {
    sums[blocks[i]] += a[i] - b[i];
    sizes[blocks[i]] += 1;
    result.difference += (a[i] - b[i]) / static_cast<double>(a.size());
  }
  result.low = result.high = result.difference;
  if (n < 2) return result;
  core::PythonRandom random(seed);
  std::vector<double> means;
  means.reserve(static_cast<size_t>(resamples));
  double below = 0, above = 0;
  for (int64_t r = 0; r < resamples; ++r) {
    double sum = 0, size = 0;
    for (size_t i = 0; i < n; ++i) {
      const auto drawn = static_cast<size_t>(random.random() * static_cast<double>(n));
      sum += sums[drawn];
      size += sizes[drawn];
    }
    means.push_back(sum / size);
    below += means.back() <= 0;
    above += means.back() >= 0;
  }
  std::sort(means.begin(), means.end());
  const auto at = [&](double share) {
    return means[static_cast<size_t>(std::lround(share * static_cast<double>(means.size() - 1)))];
  };
  result.low = at(0.025);
  result.high = at(0.975);
  const auto draws = static_cast<double>(resamples);
  result.p = std::clamp(2 * std::min(below, above) / draws, 2 / (draws + 1), 1.0);
  return result;
}

RankAnalysis rank_analysis(const std::vector<std::vector<double>>& values, bool higher_is_better) {
  RankAnalysis result;
  const size_t k = values.size();
  const size_t n = k ? values[0].size() : 0;
  if (k < 2 || n < 2) return result;
  result.blocks = static_cast<int64_t>(n);
  result.mean_rank.assign(k, 0);
  double ties = 0;
  std::vector<size_t> order(k);
  for (size_t b = 0; b < n; ++b) {
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t i, size_t j) {
      return higher_is_better ? values[i][b] > values[j][b] : values[i][b] < values[j][b];
    });
    for (size_t i = 0; i < k;) {
      size_t j = i;
      while (j < k && values[order[j]][b] == values[order[i]][b]) ++j;
      const auto t = static_cast<double>(j - i);
      for (size_t m = i; m < j; ++m)
        result.mean_rank[order[m]] += static_cast<double>(i + j + 1) / 2 / static_cast<double>(n);
      ties += t * t * t - t;
      i = j;
    }
  }
  const auto kd = static_cast<double>(k), nd = static_cast<double>(n);
  double squares = 0;
  for (double rank : result.mean_rank) squares += (rank - (kd + 1) / 2) * (rank - (kd + 1) / 2);
  const double correction = 1 - ties / (nd * (kd * kd * kd - kd));
  result.friedman_p =
      correction > 0 ? chi_squared_tail(12 * nd / (kd * (kd + 1)) * squares / correction, kd - 1) : 1;
  result.critical_difference =
      range_quantile(0.05, static_cast<int64_t>(k)) / std::sqrt(2.0) * std::sqrt(kd * (kd + 1) / (6 * nd));
  result.order.resize(k);
  std::iota(result.order.begin(), result.order.end(), size_t{0});
  std::stable_sort(result.order.begin(), result.order.end(),
                   [&](size_t i, size_t j) { return result.mean_rank[i] < result.mean_rank[j]; });
  size_t reached = 0;
  for (size_t i = 0; i < k; ++i) {
    size_t j = i;
    while (j + 1 < k && result.mean_rank[result.order[j + 1]] - result.mean_rank[result.order[i]] <
                            result.critical_difference)
      ++j;
    if (j > i && j > reached) result.cliques.emplace_back(i, j);
    reached = std::max(reached, j);
  }
  return result;
}

}  // namespace windtunnel::results

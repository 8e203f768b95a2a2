#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "core/error.h"
#include "core/sha256.h"
#include "results/leaderboard.h"
#include "results/run_folder.h"

namespace windtunnel::results {
namespace {

constexpr double kSignificant = 0.05;

bool in_subset(const std::string& row, const std::string& wanted) {
  return wanted == "all" || row == wanted || (wanted == "unseen" && row != "seen");
}

/// The per-sample files beside the records; empty where there is none or it cannot be read (checks say so).
class Tables {
 public:
  explicit Tables(const Leaderboard& board) : board_(board), tables_(board.records.size()) {}

  const PerSampleTable& at(size_t record) {
    auto& table = tables_[record];
    if (!table) {
      table.emplace();
      const RecordFile& file = board_.records[record];
      const core::Json& block = file.record.at("per_sample");
      if (block.is_object()) try {
          *table = read_per_sample(file.path.parent_path() / block.at("file").get<std::string>());
        } catch (const Error&) {
          *table = {};
        }
    }
    return *table;
  }

 private:
  const Leaderboard& board_;
  std::vector<std::optional<PerSampleTable>> tables_;
};

/// Sample id -> mean over the row's seeds of one column; empty unless every seed has every sample.
std::unordered_map<std::string, double> samples_of(Tables& tables, const Row& row, const View& view,
                                                   const std::string& column) {
  std::unordered_map<std::string, double> sums;
  std::unordered_map<std::string, size_t> counts;
  for (size_t record : row.records) {
    const PerSampleTable& table = tables.at(record);
    const auto at = std::find(table.metrics.begin(), table.metrics.end(), column);
    if (at == table.metrics.end()) return {};
    const auto c = static_cast<size_t>(at - table.metrics.begin());
    for (const auto& line : table.rows)
      if (line.rounds == view.rounds && in_subset(line.subset, view.subset) &&
          std::isfinite(line.values[c])) {
        sums[line.sample_id] += line.values[c];
        ++counts[line.sample_id];
      }
  }
  for (auto it = sums.begin(); it != sums.end();) {
    if (counts[it->first] != row.records.size()) {
      it = sums.erase(it);
    } else {
      it->second /= static_cast<double>(row.records.size());
      ++it;
    }
  }
  return sums;
}

void analyse(Tables& tables, View& view, const MetricInfo& metric) {
  const std::string column = metric.aggregation == "mean" ? metric.id : metric.aggregation.substr(5);
  std::vector<size_t> rows;
  std::vector<std::unordered_map<std::string, double>> values;
  for (size_t r = 0; r < view.rows.size(); ++r) {
    if (!view.rows[r].metrics.count(metric.id)) continue;
    auto samples = samples_of(tables, view.rows[r], view, column);
    if (samples.empty()) continue;
    rows.push_back(r);
    values.push_back(std::move(samples));
  }
  if (rows.size() < 2) return;
  std::vector<std::string> ids;
  for (const auto& [id, unused] : values[0])
    if (std::all_of(values.begin(), values.end(), [&, &id = id](const auto& v) { return v.count(id) != 0; }))
      ids.push_back(id);
  if (ids.empty()) return;
  std::sort(ids.begin(), ids.end());
  size_t trajectories = 0;
  const std::vector<size_t> blocks = trajectory_blocks(ids, &trajectories);
  std::vector<std::vector<double>> samples(rows.size()), means(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    std::vector<double> sizes(trajectories, 0);
    means[i].assign(trajectories, 0);
    for (size_t s = 0; s < ids.size(); ++s) {
      samples[i].push_back(values[i].at(ids[s]));
      means[i][blocks[s]] += samples[i].back();
      sizes[blocks[s]] += 1;
    }
    for (size_t b = 0; b < trajectories; ++b) means[i][b] /= sizes[b];
  }
  std::vector<size_t> order(rows.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const double sign = metric.higher_is_better ? -1 : 1;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return sign * view.rows[rows[a]].metrics.at(metric.id).mean <
           sign * view.rows[rows[b]].metrics.at(metric.id).mean;
  });
  const uint64_t seed = core::stream_seed(0, "bootstrap/" + metric.id);
  size_t leader = order[0];
  int64_t group = 1;
  for (size_t i : order) {
    Row& row = view.rows[rows[i]];
    row.to_best[metric.id] = paired_bootstrap(samples[i], samples[order[0]], blocks, seed);
    if (i != leader) {
      const double p = leader == order[0] ? row.to_best[metric.id].p
                                          : paired_bootstrap(samples[i], samples[leader], blocks, seed).p;
      if (p < kSignificant) leader = i, ++group;
    }
    row.group[metric.id] = group;
  }
  View::Ranking ranking{rows, rank_analysis(means, metric.higher_is_better)};
  if (!ranking.analysis.mean_rank.empty()) view.rankings[metric.id] = std::move(ranking);
}

}  // namespace

void add_statistics(Leaderboard& board) {
  Tables tables(board);
  for (auto& view : board.views)
    for (const auto& metric : metric_catalogue())
      if (is_headline(metric.id) && metric.aggregation != "set" && !metric.aggregation.empty())
        analyse(tables, view, metric);
}

}  // namespace windtunnel::results

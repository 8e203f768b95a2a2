#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::metrics {

/// How the total of a metric follows from the per-sample rows of one evaluation.
enum class Aggregation {
  mean,  ///< plain mean of the metric's column
  root,  ///< square root of the mean of the column named `from`
  set,   ///< defined on the whole set only; rows carry the value of each sample alone, or nothing
};

/// What a reader must know about one metric. All cards are data (metrics/cards.yaml); records, `windtunnel ls
/// metrics` and the leaderboard take names, units and directions from here and nowhere else.
struct MetricCard {
  std::string id;         ///< stable key in records: "rel_l2"
  int64_t version = 1;    ///< rises when the formula changes
  std::string family;     ///< "realpdebench", "the_well", "physix", "pdebench"
  std::string name;       ///< for people: "Rel L2"
  std::string formula;    ///< with axes (B,T,H,W,C); P prediction, Y target
  std::string corrected;  ///< what the corrected variant computes instead; empty: the same
  std::string unit;       ///< "field unit", "(field unit)^2" or "1"
  bool higher_is_better = false;
  int64_t decimals = 5;              ///< shown in tables
  std::string aggregation = "mean";  ///< "mean", "root <column>" or "set"
  std::string needs;                 ///< preconditions: "two velocity channels", "probes inside the grid"
  bool batch_mean = false;           ///< the published protocol takes the mean over batches, not samples
  std::string undefined;             ///< why a total may have no finite value
  std::string reference;             ///< publication

  Aggregation how() const;
  /// The column of the rows that `mean` and `root` aggregate; empty for `set`.
  std::string column() const;
  core::Json json() const;
};

/// Every card, in the order of tables.
const std::vector<MetricCard>& catalogue();

/// Usage error with the nearest known id if there is no such card.
const MetricCard& card(const std::string& id);
bool has_card(const std::string& id);

/// One number of an evaluation. `value` is NaN or infinite when the metric has no finite value; `reason` then
/// says why.
struct Score {
  std::string id;
  double value = 0;
  std::string reason;
  std::string field = "all";  ///< one field's name, or all evaluated fields together

  /// {"value": 0.1} or {"value": null, "reason": "..."}.
  core::Json json() const;
};

/// The score with this id, or nullptr.
const Score* find(const std::vector<Score>& scores, const std::string& id);

}  // namespace windtunnel::metrics

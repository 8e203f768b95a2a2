#pragma once

#include <map>
#include <string>
#include <vector>

#include "results/leaderboard.h"

namespace windtunnel::results {

/// Value, rank and bar of one row in one metric, among the rows it is shown with.
struct Cell {
  std::optional<double> value;
  double deviation = 0, bar = 0;
  int64_t n = 0, rank = 0;
};

/// Metric id -> one cell per row, in the board's order of metrics (only those that a row has).
std::vector<std::pair<MetricInfo, std::vector<Cell>>> cells(const Leaderboard& board,
                                                            const std::vector<Row>& rows);

/// "0.0728 ± 0.0012", or an en dash.
std::string cell_text(const MetricInfo& metric, const Cell& cell);

/// The unit as pages show it; empty for pure numbers and the unresolved units of the papers.
std::string shown_unit(const View& view, const std::string& metric);

/// "level 2: predictions recomputed" as a mark with its meaning.
std::string level_badge(Level level);

/// HTML of the runs of a view: headline metrics, then all others folded; and of its published rows with
/// footnotes.
std::string run_table(const Leaderboard& board, const View& view);
std::string published_table(const Leaderboard& board, const View& view);

}  // namespace windtunnel::results

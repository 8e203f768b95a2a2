#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "results/catalogue.h"
#include "results/levels.h"
#include "results/significance.h"

namespace windtunnel::results {

/// A record found on disk.
struct RecordFile {
  std::filesystem::path path;
  core::Json record;
  bool has_report = false;  ///< report.html lies beside it
  Level level = Level::reported;
  std::string next = {};  ///< why no higher level holds
};

/// Equal for runs that differ only in their seeds: model, options, plug-in, preset and configuration.
std::string row_key(const core::Json& record);

/// Every record under a folder (files record.json and <64 hex digits>.json), sorted by path, without the ones
/// that another record supersedes, which go to `replaced`. A bad file is an error, or with `skipped` is
/// listed there with the reason.
std::vector<RecordFile> find_records(const std::filesystem::path& folder,
                                     std::vector<std::string>* skipped = nullptr,
                                     std::vector<RecordFile>* replaced = nullptr);

/// Scores of one metric over the seeds of a row.
struct Aggregate {
  int64_t n = 0;  ///< seeds with a finite value
  double mean = 0;
  double deviation = 0;  ///< sample standard deviation (divisor n-1); 0 for n = 1
};

/// A known defect of a published figure.
struct Flag {
  std::vector<std::string> metrics;  ///< affected; empty: the whole row
  std::string reason;
};

/// One model in one view: all its seeds together.
struct Row {
  std::string model, label;  ///< registry name; shown name
  std::string preset;
  double parameters = 0;     ///< real numbers; 0: none
  double train_seconds = 0;  ///< mean over seeds, wall time; 0: unknown
  double frame_seconds = 0;  ///< mean over seeds, inference per forecast frame; 0: unknown
  double operations = 0;     ///< of one forecast; 0: unknown, or nothing that counts
  double latency_ms = 0;     ///< mean over seeds of the median time of one sample alone; 0: unknown
  double latency_p95_ms = 0;
  bool trained = true;  ///< false: nothing is learned, the row stands under every setting
  int64_t failed = 0;   ///< runs that diverged or are partial
  std::map<std::string, Aggregate> metrics;
  std::map<std::string, double> skill;         ///< against persistence, of the means
  std::map<std::string, std::string> reasons;  ///< why a metric has no value
  std::vector<size_t> records;                 ///< indices into Leaderboard::records
  std::string source;                          ///< published rows: where the figures are from
  std::vector<Flag> flags;
  Level level = Level::reported;              ///< the lowest of its records
  std::map<std::string, Comparison> to_best;  ///< per metric with rows per sample: this row minus the best
  std::map<std::string, int64_t> group;       ///< per metric: 1 = does not differ from the best at 5 %, 2 ...
};

/// Rows that may be compared: same scenario, data, protocol, subset, rounds and setting. `rows` are runs and
/// are ranked among themselves; `published` are figures of papers, ranked among themselves and never with
/// runs; they stand beside runs only where protocol is "published" and the data are measured, else in views
/// of their own.
struct View {
  std::string scenario, title, dataset, protocol, subset, setting;  ///< `title`: the scenario's shown name
  std::string data_hash, protocol_hash;
  int64_t rounds = 1;
  std::string synthetic;  ///< how the data were made; empty: measured
  std::vector<Row> rows, published;
  std::map<std::string, std::string> units;
  /// Per metric with rows per sample: ranks over test trajectories; models are `ranked` indices into `rows`.
  struct Ranking {
    std::vector<size_t> ranked;
    RankAnalysis analysis;
  };
  std::map<std::string, Ranking> rankings;

  /// Equal for the views that differ only in the setting.
  std::string group() const;
};

struct Leaderboard {
  std::vector<RecordFile> records;   ///< that count
  std::vector<RecordFile> replaced;  ///< superseded ones and re-runs that confirm others: history, no rows
  std::vector<std::string> refused;  ///< files that did not pass the checks, with the reason
  std::vector<View> views;
  std::vector<MetricInfo> metrics;  ///< that occur, in display order
  std::vector<std::string> notes;   ///< on the published figures
  std::string updated;              ///< time of the newest record
};

/// `records` that repeat the same run count once (the newest).
Leaderboard make_leaderboard(std::vector<RecordFile> records, bool with_published = true);

/// Fills Row::to_best, Row::group and View::rankings from the per-sample files beside the records: for every
/// headline metric that is a mean or root mean over samples, the paired bootstrap over trajectories against
/// the best row (of the mean squares where the metric is a root), groups from the top (a row that differs
/// from the first of its group at 5 % opens the next), and Friedman ranks. Seeds are averaged per sample
/// first.
void add_statistics(Leaderboard& board);

/// The views of the papers' figures (results/published).
std::vector<View> published_views(std::vector<std::string>* notes = nullptr);

/// Rank of each value, 1 = best; ties keep their order; a missing value has rank 0.
std::vector<int64_t> ranks(const std::vector<std::optional<double>>& values, bool higher_is_better);

/// Bar lengths: (max-v)/(max-min), or (v-min)/(max-min) where higher is better; 1 if max = min.
std::vector<std::optional<double>> bars(const std::vector<std::optional<double>>& values,
                                        bool higher_is_better);

/// Radar of a view over the axes of assets/catalogue.yaml (correlation, accuracy, physics, update efficiency,
/// parameter efficiency); each the mean of the bars of its metrics. A metric needs two values, an axis one
/// metric, the chart three axes; rows without every axis are left out; best mean first.
struct Radar {
  std::vector<std::string> axes;
  struct Shape {
    size_t row = 0;
    std::vector<double> values;  ///< one per axis, 0..1
    double mean = 0;
  };
  std::vector<Shape> shapes;
};
Radar radar(const std::vector<Row>& rows);

/// The page (one HTML file with style, script and data inside; loads nothing) and the same figures as text.
std::string leaderboard_page(const Leaderboard& board, const std::string& title);
/// Everything of one model over all views; everything of one record.
std::string model_page(const Leaderboard& board, const std::string& model);
std::string record_page(const Leaderboard& board, const RecordFile& file);
/// Atom feed of the newest records (no links to the network; ids are record ids).
std::string leaderboard_feed(const Leaderboard& board, const std::string& title);
std::string leaderboard_csv(const Leaderboard& board);
core::Json leaderboard_json(const Leaderboard& board);
std::string leaderboard_markdown(const Leaderboard& board);
/// For the terminal: one table per scenario, models x settings for each of the given metrics.
std::string leaderboard_text(const Leaderboard& board,
                             const std::vector<std::string>& metrics = {"rel_l2", "rmse"});

struct LeaderboardOptions {
  std::string title = "Windtunnel leaderboard";
  bool published = true;     ///< add the figures of the papers
  CheckOptions checks = {};  ///< for the verification levels
};

/// Reads and verifies every record under `folder`: those with an error are refused and listed, confirming
/// ones raise the level of what they confirm.
Leaderboard read_leaderboard(const std::filesystem::path& folder, const LeaderboardOptions& options = {},
                             const std::filesystem::path& except = {});

/// Writes SITE/index.html, models/<model>.html, runs/<id>.html, leaderboard.csv, .json, .md, feed.xml,
/// records/<id>.json and reports/<id>.html from the records under `folder`; returns the page's path.
std::filesystem::path build_leaderboard(const std::filesystem::path& folder,
                                        const std::filesystem::path& site,
                                        const LeaderboardOptions& options = {});

}  // namespace windtunnel::results

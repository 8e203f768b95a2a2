#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::results {

/// A record found on disk.
struct RecordFile {
  std::filesystem::path path;
  core::Json record;
  bool has_report = false;  ///< report.html lies beside it
};

/// Every record under a folder (files record.json and <64 hex digits>.json), sorted by path, without the ones that
/// another record supersedes. A bad file is an error, or with `skipped` is listed there with the reason.
std::vector<RecordFile> find_records(const std::filesystem::path& folder, std::vector<std::string>* skipped = nullptr);

/// Scores of one metric over the seeds of a row.
struct Aggregate {
  int64_t n = 0;        ///< seeds with a finite value
  double mean = 0;
  double deviation = 0; ///< sample standard deviation (divisor n-1); 0 for n = 1
};

/// One model in one view: all its seeds together.
struct Row {
  std::string model, label;  ///< registry name; shown name
  double parameters = 0;     ///< real numbers; 0: none
  std::map<std::string, Aggregate> metrics;
  std::map<std::string, double> skill;  ///< against persistence, of the means
  std::vector<size_t> records;          ///< indices into Leaderboard::records
  bool synthetic = false;
  bool published = false;               ///< figure of a paper: shown as reference, never ranked with runs
  std::vector<std::string> flags;       ///< known inconsistencies of a published row
  std::string source;
};

/// Rows that may be compared: same scenario, data, protocol, subset, rounds and setting.
struct View {
  std::string scenario, dataset, protocol, subset, setting;  ///< `dataset`: id, revision and split
  int64_t rounds = 1;
  bool synthetic = false;
  std::vector<Row> rows;
  std::vector<Row> published;  ///< reference rows; only where protocol is "published"
};

struct Leaderboard {
  std::vector<RecordFile> records;
  std::vector<View> views;
  std::map<std::string, core::Json> metrics;  ///< id -> {label, unit, higher_is_better, decimals, description}
};

Leaderboard make_leaderboard(std::vector<RecordFile> records, bool with_published = true);

/// Rank of each value, 1 = best; ties keep their order; a missing value has rank 0.
std::vector<int64_t> ranks(const std::vector<std::optional<double>>& values, bool higher_is_better);

/// Bar lengths: (max-v)/(max-min), or (v-min)/(max-min) where higher is better; 1 if max = min.
std::vector<std::optional<double>> bars(const std::vector<std::optional<double>>& values, bool higher_is_better);

/// Radar of a view: axes correlation {r2}, accuracy {rmse, mae, rel_l2}, physics {frmse, fe, ke, mvpe}, update efficiency
/// {update_ratio}, parameter efficiency {parameters, lower is better}; each the mean of the bars of its metrics. A
/// metric needs two values, an axis one metric, the chart three axes; rows without every axis are left out; best mean
/// first.
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
std::string leaderboard_csv(const Leaderboard& board);
core::Json leaderboard_json(const Leaderboard& board);
std::string leaderboard_markdown(const Leaderboard& board);
/// For the terminal: one table per scenario, models x settings for each of the given metrics.
std::string leaderboard_text(const Leaderboard& board, const std::vector<std::string>& metrics = {"rel_l2", "rmse"});

struct LeaderboardOptions {
  std::string title = "Windtunnel leaderboard";
  bool published = true;  ///< add the figures of the papers
};

/// Writes SITE/index.html, leaderboard.csv, .json, .md, records/<id>.json and reports/<id>.html from the records under
/// `folder`; returns the page's path.
std::filesystem::path build_leaderboard(const std::filesystem::path& folder, const std::filesystem::path& site,
                                        const LeaderboardOptions& options = {});

}  // namespace windtunnel::results

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::results {

/// Names inside a run's folder.
struct RunFolder {
  std::filesystem::path root;

  std::filesystem::path config() const { return root / "config.yaml"; }  ///< effective configuration
  std::filesystem::path journal() const { return root / "journal.jsonl"; }
  std::filesystem::path checkpoint() const { return root / "checkpoint"; }  ///< folder
  std::filesystem::path record() const { return root / "record.json"; }
  std::filesystem::path per_sample() const { return root / "per_sample.csv"; }
  std::filesystem::path figures() const { return root / "figures.safetensors"; }  ///< arrays of the pictures
  std::filesystem::path pictures() const { return root / "figures"; }             ///< folder of PNG files
  std::filesystem::path report() const { return root / "report.html"; }

  /// Creates the folder, its checkpoint/ and figures/.
  void create() const;
};

/// Scores per sample. CSV: header "sample_id,subset,rounds,<metric ids>"; one line per sample and number of
/// rounds; values in the shortest decimal form that reads back to the same double; "nan", "inf", "-inf" where
/// not finite; text with comma, quote or line break in double quotes.
struct PerSampleTable {
  struct Row {
    std::string sample_id;
    std::string subset =
        "seen";  ///< seen | in_dist | out_dist; the test subset "unseen" is the last two together
    int64_t rounds = 1;
    std::vector<double> values;  ///< one per entry of `metrics`
  };
  std::vector<std::string> metrics;
  std::vector<Row> rows;
};

void write_per_sample(const std::filesystem::path& path, const PerSampleTable& table);
/// A data error names file, line and column of the first problem; a sample twice is one.
PerSampleTable read_per_sample(const std::filesystem::path& path);

/// The record's block `per_sample` for a written file: {file, sha256, rows, columns}.
core::Json per_sample_block(const std::filesystem::path& path);

/// Rows of a table in RFC 4180 form.
std::vector<std::vector<std::string>> parse_csv(const std::string& text, const std::string& origin);
std::string csv_cell(const std::string& text);

}  // namespace windtunnel::results

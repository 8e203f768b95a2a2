#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "results/leaderboard.h"

namespace windtunnel::results {

/// What records can be exported to: model-index (YAML front matter of a model card), mlflow (a file store
/// below a folder), csv (one line per score), croissant (description of the data that the scores are on).
const std::vector<std::string>& export_targets();

/// Writes `records` in the form of `target`: a file, or for mlflow a folder. Returns what was written. Usage
/// error for an unknown target.
///   model-index  one YAML document per model: model-index[].results[] with task, dataset, metrics, source
///   mlflow       OUT/<experiment>/<run>/{meta.yaml,metrics/,params/,tags/,artifacts/}; experiment = scenario
///   csv          record_id, task, model, seed, metric, value, interval ...
///   croissant    JSON-LD Dataset with the records' data hashes and the per-sample columns as a record set
std::filesystem::path export_records(const std::vector<RecordFile>& records, const std::string& target,
                                     const std::filesystem::path& out);

}  // namespace windtunnel::results

#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::results {

/// Version of the record's form; its schema is results/schema/record.schema.json, documented field by field.
inline constexpr const char* kRecordSchema = "windtunnel-record/1.0";

/// One score. Ids, versions, directions and aggregations are those of the metric cards (metrics/cards.yaml).
struct MetricValue {
  std::string id;
  double value = std::numeric_limits<double>::quiet_NaN();  ///< not finite: stored as null with the reason
  std::string unit = "1";  ///< "1" for a pure number, else resolved: "m/s", "m2/s2"
  bool higher_is_better = false;
  /// How `value` follows from the per-sample file: "mean" of the column of the same id, "root <column>" =
  /// square root of the mean of that column, or "set" when it is no such function (R2, spectra; chunked
  /// values of `published`).
  std::string aggregation = "set";
  int64_t version = 1;         ///< of the metric's definition
  std::string field = "all";   ///< one field's name, or "all" measured fields together
  std::string subset = "all";  ///< all | seen | unseen | in_dist | out_dist
  int64_t rounds = 1;          ///< autoregressive rounds of this score
  int64_t n = 0;               ///< samples
  std::optional<double> standard_error;
  std::string method;          ///< of the standard error; empty when there is none
  std::string plugin;          ///< "name version" of the plug-in that defines the metric; empty: built in
  std::string label, formula;  ///< of a plug-in's metric: its name in tables and its documentation
  std::string reason;  ///< why `value` is not finite, if more is known than "nan"; for example "not reached"

  core::Json json() const;
};

/// What a run leaves to be published. Blocks are objects whose keys the schema documents; an unknown key is
/// refused with the nearest known one. What depends on the machine or the moment (times, memory, energy,
/// resume count) belongs into the sub-object `measured` of training and inference, and nowhere else: see
/// comparable().
struct RecordDraft {
  std::string created_utc;  ///< "2025-01-31T12:00:00Z"; empty: now
  std::string command;      ///< the exact command line that repeats the run
  std::string notes;
  std::vector<std::string> supersedes;  ///< record ids that this one replaces
  std::vector<std::string> confirms;    ///< record ids that this one is a successful re-run of
  std::string
      synthetic_label;  ///< not empty: measured data are made; for example "virtual laboratory, seed 3"
  core::Json submission, harness, task, dataset, model, training, inference, environment, per_sample,
      predictions, conformance, checks;
  std::vector<MetricValue> metrics;
  std::map<std::string, std::vector<MetricValue>>
      baselines;                    ///< trivial forecasts on the same test: persistence, mean
  std::string status = "complete";  ///< complete | diverged | partial
  std::string status_reason;
  int64_t n_failed = 0;
};

/// The record: blocks put together, created_utc filled in, validated against the schema, record_id set.
core::Json make_record(const RecordDraft& draft);

/// SHA-256 of the canonical form without `record_id` and `signature`.
std::string record_id(const core::Json& record);

/// The record without what may differ between two runs of the same thing: record_id, signature, created_utc,
/// environment, and every object named `measured`. Equal runs have equal comparable() forms.
core::Json comparable(core::Json record);

/// Canonical JSON and a final newline, written atomically.
void write_record(const std::filesystem::path& path, const core::Json& record);

/// Reads, validates against the schema and checks the id; a data error names file and place of the first
/// problem.
core::Json read_record(const std::filesystem::path& path);

/// The entry of `metrics` (or of a baselines list) with this id, field "all", and the task's subset and
/// rounds.
const core::Json* find_metric(const core::Json& record, const std::string& id,
                              const std::string& baseline = "");

/// 1 - value/reference for errors, (value - reference)/(1 - reference) for scores whose best value is 1; NaN
/// if either is missing. Positive: better than the reference forecast.
double skill(double value, double reference, bool higher_is_better);

/// "2025-01-31T12:00:00Z"
std::string utc_now();

}  // namespace windtunnel::results

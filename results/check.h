#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "results/run_folder.h"

namespace windtunnel::results {

enum class Severity { error, warning, note };
const char* to_string(Severity severity);

/// One result of a check. `code` is stable ("id", "schema", "hash", "recompute", "plausible",
/// "duplicate_weights"; docs/leaderboard.md lists them); `reason` says what was found and what was expected.
struct Finding {
  Severity severity = Severity::error;
  std::string code, place, reason;
};

/// Recomputes the per-sample rows of the samples in a stored probe file; empty text: they agree.
using PredictionCheck = std::function<std::string(
    const core::Json& record, const std::filesystem::path& probe, const PerSampleTable& rows)>;

/// What this folder cannot know by itself.
struct CheckOptions {
  std::map<std::string, std::string> protocols;  ///< name -> hash of this program's; empty: not compared
  PredictionCheck predictions;                   ///< absent: stored predictions are only hashed
  /// Phases in which the model of a configuration is trained; empty: in one piece. Absent: not compared.
  std::function<std::vector<std::string>(const core::Json& config)> phases;
  std::string now;     ///< "2025-01-31T12:00:00Z"; empty: not compared
  bool board = false;  ///< folders must agree with the content: <scenario>/<setting>/<model>/<id>/<id>.json
};

/// Checks one record file: schema; id against content (and against a file name that is an id); configuration,
/// command and protocol against the task; hashes of the side files beside it; the rows against the test
/// windows; scores recomputed from the rows where they are means or root mean squares (1e-6 relative); rows
/// recomputed from stored predictions; plausibility (signs, ranges, bands against the whole, counts, better
/// than any trivial forecast by far).
std::vector<Finding> check_record(const std::filesystem::path& path, const CheckOptions& options = {});
/// The same, appending; returns the record if it has the form of one.
std::optional<core::Json> check_record(const std::filesystem::path& path, const CheckOptions& options,
                                       std::vector<Finding>& findings);

/// check_record of every record under `folder`, and checks across them: one id twice, the same run or the
/// same rows under two names, the same weights under two tasks, one protocol or test set told in two ways,
/// trivial forecasts that differ on one test set, parameter counts, seeds used twice, a score far better than
/// the other seeds', `supersedes` and `confirms` of other tasks.
std::vector<Finding> check_folder(const std::filesystem::path& folder, const CheckOptions& options = {});

bool passed(const std::vector<Finding>& findings);  ///< no error among them
std::string describe(const std::vector<Finding>& findings);

/// 64 lower-case hexadecimal digits.
bool is_record_id(const std::string& text);
/// A name as a folder: letters, digits, '.', '_' and '-', others become '_'.
std::string board_name(const std::string& name);

}  // namespace windtunnel::results

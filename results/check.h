#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::results {

enum class Severity { error, warning, note };
const char* to_string(Severity severity);

/// One result of a check. `code` is stable ("id", "schema", "hash", "recompute", "plausible",
/// "duplicate_weights"); `reason` says what was found and what was expected.
struct Finding {
  Severity severity = Severity::error;
  std::string code, place, reason;
};

/// Checks one record file: schema; id against content (and against a file name that is an id); hashes of the
/// side files beside it; scores recomputed from the per-sample rows where they are means or root mean squares
/// (1e-6 relative); plausibility (signs, ranges, bands against the whole, counts, better than any trivial
/// forecast by far).
std::vector<Finding> check_record(const std::filesystem::path& path);

/// check_record of every record under `folder`, and checks across them: one id twice, the same run under two
/// ids, the same weights under two tasks, `supersedes` of an unknown record.
std::vector<Finding> check_folder(const std::filesystem::path& folder);

bool passed(const std::vector<Finding>& findings);  ///< no error among them
std::string describe(const std::vector<Finding>& findings);

}  // namespace windtunnel::results

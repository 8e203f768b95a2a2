#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "results/check.h"

namespace windtunnel::results {

/// How far a record has been verified. Every level includes those below it.
enum class Level {
  none = -1,        ///< a check found an error
  reported = 0,     ///< self-reported: nothing could be recomputed
  rows = 1,         ///< scores recomputed from the per-sample rows
  predictions = 2,  ///< rows recomputed from stored predictions
  maintainers = 3,  ///< re-run by the maintainers: a record of theirs confirms this one
  third_party = 4,  ///< re-run by others on other hardware
};
/// "self-reported", "rows recomputed", "predictions recomputed", "re-run by maintainers", "re-run
/// independently"
std::string level_name(Level level);
/// What the level means, for a page.
std::string level_note(Level level);

struct Verification {
  Level level = Level::reported;
  std::vector<Finding> findings;
  std::string next;  ///< why no higher level holds
};

/// Levels 0 to 2 of one record file, from check_record.
Verification verify_record(const std::filesystem::path& path, const CheckOptions& options = {});

/// Levels 3 and 4: `confirming` are records that name this one in `confirms`.
Level confirmed_level(Level level, const core::Json& record,
                      const std::vector<const core::Json*>& confirming);

/// Why `again`, a re-run of `record`, does not confirm it: another test or a score that differs by more than
/// `tolerance` relative (other processors round otherwise; training amplifies that). Empty: it does.
std::string disagreement(const core::Json& record, const core::Json& again, double tolerance = 0.02);

}  // namespace windtunnel::results

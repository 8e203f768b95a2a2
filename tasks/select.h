#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace windtunnel::tasks {

/// Validation happens after updates v, 2v, ... with v = max(1, floor(updates / points)).
struct Cadence {
  int64_t interval = 1, updates = 0;
  bool due(int64_t update) const { return update > 0 && update % interval == 0; }
  int64_t points() const { return updates / interval; }
};
/// Usage error for updates < 1 or points < 1.
Cadence validation_cadence(int64_t updates, int64_t points = 50);

/// Keeps the checkpoint with the strictly smallest value; NaN never wins. State is three numbers, so that a
/// resumed run continues it.
struct BestCheckpoint {
  int64_t update = 0;  ///< 0: none yet
  double value = std::numeric_limits<double>::infinity();

  /// True if this validation is the new best.
  bool offer(int64_t at_update, double new_value);
};

/// Optional: stop after `patience` validations in a row without a new best value. patience 0: never.
struct EarlyStop {
  int64_t patience = 0;
  int64_t without_progress = 0;

  /// Call once per validation with the answer of BestCheckpoint::offer; true: stop now.
  bool observe(bool improved);
};

}  // namespace windtunnel::tasks

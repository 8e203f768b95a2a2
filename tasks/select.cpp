#include "tasks/select.h"

#include <algorithm>

#include "core/error.h"

namespace windtunnel::tasks {

Cadence validation_cadence(int64_t updates, int64_t points) {
  if (updates < 1 || points < 1)
    throw core::usage_error(
        std::to_string(updates) + " updates with " + std::to_string(points) + " validations",
        "at least one of each");
  return {std::max<int64_t>(1, updates / points), updates};
}

bool BestCheckpoint::offer(int64_t at_update, double new_value) {
  if (!(new_value < value)) return false;
  value = new_value;
  update = at_update;
  return true;
}

bool EarlyStop::observe(bool improved) {
  without_progress = improved ? 0 : without_progress + 1;
  return patience > 0 && without_progress >= patience;
}

}  // namespace windtunnel::tasks

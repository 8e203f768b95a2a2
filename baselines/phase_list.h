#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/registry.h"

namespace windtunnel::baselines {

/// Names of the phases of a phased baseline's training (phased.h), in order, as far as its options decide
/// them: known without building the model, for checks of records.
struct PhaseList {
  std::string name;  ///< of the baseline
  std::function<std::vector<std::string>(const core::Options&)> phases;
  std::string origin = "built in";
};

core::Registry<PhaseList>& phase_lists();

struct PhaseListRegistration {
  explicit PhaseListRegistration(PhaseList list) { phase_lists().add(std::move(list)); }
};

}  // namespace windtunnel::baselines

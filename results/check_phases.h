#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::results {

/// Updates that the configuration allows the last stage: `updates`, or in a model trained in phases that many
/// times <phase>_updates of the model's options for each phase of the stage.
double allowed_updates(const core::Json& training, const core::Json& config, double updates);

/// What is wrong with the phases of a record, "<stage>/<phase>" in the order of training, if the configured
/// model is trained in `expected` (none: in one piece): empty if every stage has exactly these, in this
/// order.
std::string phases_at_fault(const core::Json& training, const std::vector<std::string>& expected);

}  // namespace windtunnel::results

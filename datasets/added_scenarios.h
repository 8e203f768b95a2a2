#pragma once

#include <string>
#include <vector>

#include "core/embedded.h"

namespace windtunnel::datasets {

/// A scenario that is not built in (a plug-in's), as the text of a scenario file; it is found by the name in
/// the text. A usage error if the name is taken or the text is no scenario.
void add_scenario(const std::string& yaml, const std::string& origin);

/// Those added, in order; `name` is the origin's, "<scenario>.yaml".
const std::vector<core::EmbeddedFile>& added_scenarios();

}  // namespace windtunnel::datasets

#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::baselines {

/// Settings of a model for a scenario: {"model": {...}, "training": {...}, "data": {...}, "evaluation":
/// {...}}. From baselines/presets/<model>.yaml: presets.<preset>.all merged with presets.<preset>.<scenario>.
/// A scenario without a section of its own (a user's data) gets `all`, or the section named by `default` in
/// the file. Unknown model or preset is a usage error with the nearest valid name.
core::Json preset(const std::string& model, const std::string& preset_name, const std::string& scenario);

/// Preset names of a model ("published", "small", "tiny").
std::vector<std::string> preset_names(const std::string& model);

/// Settings of a model that is not built in, as the text of a presets file.
void add_presets(const std::string& model, const std::string& yaml);

}  // namespace windtunnel::baselines

#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::tokenizers {

/// Model options of a size ("toy", "28m", "4b"), from tokenizers/presets/transformer.yaml. Unknown name: a
/// usage error with the nearest one.
core::Json transformer_preset(const std::string& size);
std::vector<std::string> transformer_presets();

}  // namespace windtunnel::tokenizers

#pragma once

#include <filesystem>
#include <vector>

#include "core/json.h"

namespace windtunnel::datasets::lab {

/// Contents of stats.yaml of The Well: mean, std, rms -> field -> number, or list over the components; the
/// same of differences of successive frames as mean_delta, std_delta, rms_delta. Over all files, runs, frames
/// and points.
core::Json well_statistics(const std::vector<std::filesystem::path>& files);

}  // namespace windtunnel::datasets::lab

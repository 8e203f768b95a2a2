#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "datasets/scenario.h"

namespace windtunnel::datasets {

/// What is there: scenario, format, per side the trajectories with parameters and frames, per field unit and
/// range (from 16 frames of each trajectory; not read if `ranges` is false), sizes of the splits and groups.
/// A side whose folder is absent is null; if both are, that is a data error.
core::Json describe(const std::filesystem::path& root, const Scenario& scenario, bool ranges = true);

/// True if there is a folder for this side.
bool is_there(const Scenario& scenario, const std::filesystem::path& root, Side side);

/// One thing that verify() noticed.
struct Finding {
  std::string severity;  ///< "error": the data must not be used; "warning": read on
  std::string place;     ///< file or split
  std::string message;
};

/// Checks structure, finite and physically possible values, wrong scales, known faults of the published data,
/// pairing of the two sides (names, parameters, delivered grid), repeated trajectories and windows, windows
/// outside their trajectory, frames shared between splits, and the hashes of manifest.json and
/// fetch-manifest.json where they are. The trajectories are read once, by `threads` threads (0: all
/// processors); the findings do not depend on it. Empty = all is well.
std::vector<Finding> verify(const std::filesystem::path& root, const Scenario& scenario, int64_t threads = 0);

}  // namespace windtunnel::datasets

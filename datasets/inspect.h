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

/// One thing that verify() noticed.
struct Finding {
  std::string severity;  ///< "error": the data must not be used; "warning": read on
  std::string place;     ///< file or split
  std::string message;
};

/// Checks structure, finite values, pairing of the two sides, repeated trajectories and windows, windows
/// outside their trajectory, frames shared between splits, and the hashes of manifest.json if there is one.
/// Empty = all is well.
std::vector<Finding> verify(const std::filesystem::path& root, const Scenario& scenario);

}  // namespace windtunnel::datasets

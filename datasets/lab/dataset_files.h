#pragma once

#include <filesystem>

#include "datasets/lab/lab.h"
#include "datasets/lab/settings.h"
#include "datasets/scenario.h"

namespace windtunnel::datasets::lab {

/// The scenario of the made data in HDF5: the built-in one with origin, frames, window, strides, geometry and
/// step of the options.
Scenario made_scenario(const LabOptions& options, const LabSettings& settings);

/// scenario.yaml: for HDF5 what differs from the built-in scenario, for another format the whole of
/// `written`.
void write_scenario(const LabOptions& options, const LabSettings& settings, const Scenario& written);

/// Index and parameter files of both sides: a leak-free split by options.seed, the same in every format.
/// Needs no data; check_index() throws what write_index() would (too few frames for three splits) without
/// writing.
void check_index(const LabOptions& options, const LabSettings& settings);
void write_index(const LabOptions& options, const LabSettings& settings, const Scenario& written);

/// manifest.json: {"origin", "options", "seed", "version", "files": {path below the folder: {"bytes",
/// "sha256"}}}. Returns the bytes of all files.
int64_t write_manifest(const LabOptions& options);
/// The same for any folder of made data; `options`: those that the data depend on.
int64_t write_manifest(const std::filesystem::path& folder, const core::Json& options);

/// The options on which the data depend: without folder and threads.
core::Json data_options(const LabOptions& options);

/// Grows when the same options give other bytes than before.
inline constexpr const char* kLabVersion = "virtual-lab 2";

}  // namespace windtunnel::datasets::lab

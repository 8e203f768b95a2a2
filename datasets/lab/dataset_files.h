#pragma once

#include <filesystem>

#include "datasets/lab/lab.h"
#include "datasets/lab/settings.h"

namespace windtunnel::datasets::lab {

/// scenario.yaml: what differs from the built-in scenario (origin, frames, window, strides, geometry, step).
void write_scenario(const LabOptions& options, const LabSettings& settings);

/// Index and parameter files of both sides: a leak-free split by options.seed. Needs scenario.yaml, not the
/// data; check_index() throws what write_index() would (too few frames for three splits) without writing.
void check_index(const LabOptions& options, const LabSettings& settings);
void write_index(const LabOptions& options, const LabSettings& settings);

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

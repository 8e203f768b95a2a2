#pragma once

#include <filesystem>
#include <string>

#include "core/json.h"
#include "runners/run_config.h"

namespace windtunnel::runners {

/// How far a run goes.
enum class RunUntil { trained, recorded };

/// Carries out one run in its folder: normalizer, training stages of the setting (unless --weights or a model
/// without training), test with rollout and metrics, the trivial forecasts on the same windows, per-sample
/// rows, pictures, record.json and report.html. Started again in the same folder it goes on where it stopped;
/// a finished run returns its record at once. A folder that holds another configuration, or in which another
/// process works, is an error. `command` is the command line that repeats the run. Returns the record (null
/// when `until` is trained).
core::Json run(const RunRequest& request, RunUntil until, const std::string& command);

}  // namespace windtunnel::runners

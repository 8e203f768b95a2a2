#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "runners/conformance/suite.h"

namespace windtunnel::runners {

using Report = std::function<void(const CaseResult&)>;

/// Everything of one scenario of `folder`/realpdebench that depends on reading trajectories in `format`:
/// windows of every mode and subset, samples, masks, noise, statistics, pre- and post-processing.
void check_realpdebench(const std::filesystem::path& folder, const std::string& scenario,
                        const std::string& format, const Report& report);

/// The scenarios of `folder`/realpdebench/expected, sorted.
std::vector<std::string> realpdebench_scenarios(const std::filesystem::path& folder);

}  // namespace windtunnel::runners

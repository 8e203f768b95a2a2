#pragma once

#include <filesystem>
#include <string>

#include "runners/conformance/model_case.h"

namespace windtunnel::runners {

/// A trained network: checkpoint facts, evaluation, training mode, gradients, three optimiser steps.
void check_network(CaseResult& result, const std::string& baseline, const std::filesystem::path& json);
/// A network of published size whose weights, input and target follow from the fill rule.
void check_filled_network(CaseResult& result, const std::string& baseline, const std::filesystem::path& json);
/// Dynamic mode decomposition: fit and both ways of propagation.
void check_dmd(CaseResult& result, const std::filesystem::path& json);
/// Values right after seeded construction against one entry of init_fingerprints-a.json.
void check_fingerprint(CaseResult& result, const std::string& baseline, const core::Json& expected);
/// Size of a published configuration ("cylinder/fno") against one entry of params-a.json.
void check_size(CaseResult& result, const std::string& key, const core::Json& expected);

/// Options of `baseline` in a golden configuration: its keys less those that describe shapes.
core::Json golden_options(const std::string& baseline, const core::Json& config);

}  // namespace windtunnel::runners

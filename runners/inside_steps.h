#pragma once

#include <filesystem>

#include "baselines/baseline.h"
#include "datasets/normalizer.h"
#include "datasets/scenario.h"
#include "tasks/evaluate.h"

namespace windtunnel::runners {

/// For the report: what a model that shows its steps (baselines::Illustrated) makes of the first captured
/// sample, in physical units, as `run`/inside.safetensors. Other models leave nothing.
void write_inside(const std::filesystem::path& run, baselines::Baseline& model,
                  const tasks::Evaluation& evaluation, const datasets::Normalizer& normalizer,
                  const datasets::Scenario& scenario);

}  // namespace windtunnel::runners

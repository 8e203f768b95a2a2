#pragma once

#include <memory>
#include <string>

#include "baselines/baseline.h"
#include "datasets/dataset.h"
#include "datasets/normalizer.h"
#include "runners/run_config.h"
#include "tasks/evaluate.h"
#include "tasks/protocol.h"

namespace windtunnel::runners {

/// A model as predictor: eval mode, no gradients, float32. `seed` seeds models whose prediction is random.
tasks::Predictor predictor(const std::shared_ptr<baselines::Baseline>& model, uint64_t seed);

/// The same predictor asked in physical units: a forecast that copies or averages fields must not see input
/// and target statistics that differ.
tasks::Predictor in_physical_units(const tasks::Predictor& predict, const datasets::Normalizer& normalizer);

/// Streams `dataset` through rollout and metrics. `validation` switches to the rules of validation during
/// training. `capture` sample ids are kept for pictures. Ctrl-C is obeyed between batches.
tasks::Evaluation evaluate_model(const tasks::Predictor& predict, const datasets::WindowDataset& dataset,
                                 const datasets::Normalizer& normalizer, const tasks::Protocol& protocol,
                                 const RunConfig& config, bool validation,
                                 const std::vector<std::string>& capture = {}, bool progress = false);

}  // namespace windtunnel::runners

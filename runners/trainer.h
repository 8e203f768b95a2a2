#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "baselines/baseline.h"
#include "datasets/dataset.h"
#include "datasets/normalizer.h"
#include "results/journal.h"
#include "runners/run_config.h"
#include "runners/training_state.h"
#include "tasks/protocol.h"
#include "tasks/setting.h"

namespace windtunnel::runners {

/// What one training stage leaves.
struct StageResult {
  baselines::StateDict weights;  ///< of the best validation
  int64_t updates = 0;           ///< done; fewer than asked for if training stopped early
  int64_t best_update = 0;
  double best_value = 0;  ///< the protocol's selection metric there
  int64_t samples_seen = 0;
  double epochs = 0;
  double stall_seconds = 0;  ///< waiting for data, this process
};

/// One stage: Adam, cosine or step schedule, clipping, validation at the protocol's cadence, best checkpoint,
/// optional early stop. The whole state is saved at every validation and at least once a minute; a stage that
/// finds a saved state of its own goes on from it to the bit.
struct StageTrainer {
  const RunConfig& config;
  const tasks::Stage& stage;
  const tasks::Protocol& protocol;
  const datasets::WindowDataset& train;
  const datasets::WindowDataset& validation;
  const datasets::Normalizer& normalizer;
  results::Journal& journal;
  std::filesystem::path state_path;
  bool recompute = false;  ///< inner values of the model's blocks are computed twice, to save memory

  /// Trains `model` from its present weights, or from the saved state. A loss that is not finite is a model
  /// error; the last saved state stays. Ctrl-C saves and throws Error(interrupted).
  StageResult run(const std::shared_ptr<baselines::Baseline>& model) const;
};

/// Learning rate of update `update` = 1..updates: cosine lr/2 (1 + cos(pi (update-1)/updates)), or
/// step lr 0.5^floor((update-1)/step_size).
double learning_rate(const TrainingOptions& options, int64_t update);

}  // namespace windtunnel::runners

#pragma once

#include "baselines/phased.h"
#include "runners/trainer.h"

namespace windtunnel::runners {

/// One training stage of a model that is trained in phases: the phases one after another, each from the best
/// weights of those before. Journal entries of phase p carry the stage name "<stage>/<p>". Validation at the
/// protocol's cadence by the phase's own scores; the state is saved as in StageTrainer and a stage that finds
/// it goes on to the bit. Intermediate results lie in the folder `cache`.
struct PhaseTrainer {
  const StageTrainer& stage;
  std::filesystem::path cache;

  StageResult run(const std::shared_ptr<baselines::Baseline>& model, baselines::PhasedTraining& phased) const;
};

}  // namespace windtunnel::runners

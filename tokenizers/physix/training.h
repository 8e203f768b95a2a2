#pragma once

#include <map>
#include <memory>
#include <string>

#include "baselines/phased.h"
#include "tokenizers/stage.h"

namespace windtunnel::tokenizers {

class Physix;

/// One phase of the training of a Physix model: "tokenizer" reconstructs random windows; "transformer"
/// predicts the tokens of windows, encoded once with the trained tokenizer; "refiner" corrects windows that
/// the two have generated, made once. What is made once lies in the setting's cache folder and is found there
/// again as long as the weights it came from are the same.
class PhysixTraining {
 public:
  virtual ~PhysixTraining() = default;
  virtual double update() = 0;  ///< returns the loss
  /// "selection" and what is worth knowing: reconstruction VRMSE, share of the codebook used and its
  /// perplexity; loss per token; VRMSE of the generated frames before and after correction.
  virtual std::map<std::string, double> validate() = 0;
  StageOptimiser& optimiser() { return *optimiser_; }

 protected:
  std::unique_ptr<StageOptimiser> optimiser_;
};

/// Unknown phase: a usage error. The model must outlive the result.
std::unique_ptr<PhysixTraining> make_physix_training(Physix& model, const std::string& phase,
                                                     const baselines::PhaseSetting& setting);

}  // namespace windtunnel::tokenizers

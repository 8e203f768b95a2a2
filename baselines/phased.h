#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "baselines/baseline.h"

namespace windtunnel::baselines {

/// Windows in any order, normalised: x (T,H,W,C_in), y (T',H,W,C_out).
struct SampleSource {
  int64_t size = 0;
  std::function<std::pair<at::Tensor, at::Tensor>(int64_t index)> sample;
};

/// What a phase of training gets to work with.
struct PhaseSetting {
  SampleSource train, validation;
  std::filesystem::path cache;  ///< folder of this training stage for intermediate results
  int64_t updates = 1, batch_size = 1;
  double learning_rate = 1e-3;
  uint64_t seed = 0;
  std::function<void()> breathe;  ///< called in long work without updates; throws if the user interrupts
};

/// A model that is trained in several phases, one part after another, each with its own loss, optimiser and
/// order of samples. Update k of a phase depends only on the weights, the optimiser's state, k and the seed.
class PhasedTraining {
 public:
  virtual ~PhasedTraining() = default;

  virtual std::vector<std::string> phases() const = 0;

  /// How fields enter and leave: field = normalised * scale + shift, one entry per channel.
  virtual void set_field_scaling(const std::vector<float>& input_shift, const std::vector<float>& input_scale,
                                 const std::vector<float>& target_shift,
                                 const std::vector<float>& target_scale) = 0;

  /// Makes the phase's optimiser and what it needs from earlier phases (kept in setting.cache and found there
  /// again). The weights are those of the phase's start or of a saved state.
  virtual void begin_phase(const std::string& phase, const PhaseSetting& setting) = 0;
  virtual int64_t phase_updates() const = 0;
  virtual int64_t phase_done() const = 0;
  /// One update; returns its loss.
  virtual double phase_update() = 0;
  virtual double phase_learning_rate() const = 0;  ///< of the next update
  /// Scores on the validation samples; "selection", smaller is better, chooses the weights to keep.
  virtual std::map<std::string, double> phase_validation() = 0;

  virtual StateDict optimizer_state() const = 0;
  virtual void load_optimizer_state(const StateDict& state, const std::string& origin) = 0;
};

}  // namespace windtunnel::baselines

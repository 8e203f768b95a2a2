#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace windtunnel::datasets {

/// Paired short clips, simulated fields beside the measured intensity, from which a model learns to derive a
/// measured-like intensity for simulated trajectories (combustion).
///   HDF5   <scenario>/{real,numerical}_surrogate_train/<id>: trajectory (F,H,W), measured_data (F,H,W,C)
///   Arrow  <scenario>/hf_dataset/surrogate_train: rows of pre-cut windows, beside
///   surrogate_train_sim_ids.txt and
///          surrogate_train_meta.json; row number = clip * (F - step) + first frame
/// A window has input (step,H,W,C + parameters), the simulated fields and a constant plane per parameter, and
/// target (step,H,W,1). Data errors name file and place. Reading is thread safe.
class SurrogateClips {
 public:
  enum class Flavour { any, hdf5, arrow };
  /// `step` 0: the stored one, or 20. Arrow clips are cut already: another step is a usage error.
  static std::unique_ptr<SurrogateClips> open(const Scenario& scenario, const std::filesystem::path& root,
                                              int64_t step = 0, Flavour flavour = Flavour::any);
  virtual ~SurrogateClips() = default;

  /// HDF5: sorted; Arrow: as listed.
  const std::vector<std::string>& ids() const { return ids_; }
  int64_t frames() const { return frames_; }
  int64_t step() const { return step_; }
  /// First frames at which a window exists: 0 .. starts() - 1.
  int64_t starts() const { return starts_; }
  virtual Sample window(const std::string& id, int64_t time) const = 0;

 protected:
  std::vector<std::string> ids_;
  int64_t frames_ = 0, step_ = 0, starts_ = 0;
};

/// The published loader's lengths: train n * frames; test int(n * frames / 0.8 * (1 - 0.8)) in double
/// precision.
int64_t surrogate_length(int64_t clips, int64_t frames, bool test);

/// The scenario's fields that only the simulated side has: the surrogate's input.
Scenario simulated_part(const Scenario& scenario);

/// Intensity of a whole simulated trajectory, (T,H,W), from windows of `step` frames one after another; the
/// remainder is taken from the last whole window. `predict`: (step,H,W,C + parameters) -> (step,H,W,1).
core::Array derive_intensity(const Trajectory& trajectory, const Scenario& simulated, int64_t step,
                             const std::function<core::Array(const core::Array&)>& predict);

/// Writes <scenario>/surrogate/<id>: measured_data (T,H,W) and the axes that the simulated file has.
void write_surrogate(const Scenario& scenario, const std::filesystem::path& root, const std::string& id,
                     const core::Array& intensity);

}  // namespace windtunnel::datasets

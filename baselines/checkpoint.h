#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "baselines/baseline.h"

namespace windtunnel::baselines {

/// Facts of the training that a published checkpoint stores beside the weights.
struct TrainingFacts {
  std::vector<double> train_losses;                       ///< one per update
  std::map<std::string, std::vector<double>> val_losses;  ///< metric name -> one value per validation
  int64_t iteration = 0, best_iteration = 0;
  double best_val_loss = 0;
};

/// Weights of a file by published name, in the file's order. The tensors share the mapped file's memory;
/// writing to them does not change it.
struct Weights {
  StateDict state;
  /// Text facts: a safetensors file's metadata; from a torch file the numbers beside the weights (iteration
  /// ...).
  std::map<std::string, std::string> metadata;
  /// Present if a torch file has all five entries of a published checkpoint.
  std::optional<TrainingFacts> training;
};

/// Reads .safetensors, or else any torch file: a state dictionary, a checkpoint that holds one as
/// `model_state_dict`, `state_dict` or `model`, or a whole pickled module; the device labels in it do not
/// matter. A data error names the file and entry.
Weights load_weights(const std::filesystem::path& path);

/// Writes `state` atomically, in the format of the file name's ending: .pth as a checkpoint that Python's
/// torch.load(weights_only=True) opens ({"model_state_dict": ..., numeric metadata as numbers}), anything
/// else as safetensors (complex weights as C64, metadata as text).
void save_weights(const std::filesystem::path& path, const StateDict& state,
                  const std::map<std::string, std::string>& metadata = {});

}  // namespace windtunnel::baselines

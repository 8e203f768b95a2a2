#pragma once

#include <filesystem>
#include <string>

#include "baselines/baseline.h"
#include "core/json.h"

namespace windtunnel::runners {

/// Everything a training run needs to go on to the bit after a stop; one safetensors file in the run's
/// checkpoint folder, replaced atomically:
///   model/<name>, best/<name>   weights now and at the best validation (published names)
///   optimizer/<name>            Adam's moments
///   random                      LibTorch's generator
///   metadata "state"            JSON: stage, update, loader position, best validation, early stop, counters
struct TrainingState {
  baselines::StateDict model, best, optimizer;
  at::Tensor random;
  core::Json progress = core::Json::object();
};

void save_training_state(const std::filesystem::path& path, const TrainingState& state);
/// A data error if the file is not whole or not such a state.
TrainingState load_training_state(const std::filesystem::path& path);

/// State is saved at least this often, s.
inline constexpr double kSecondsBetweenSaves = 60;
inline constexpr const char* kContinueHint = "run the same command again to continue";

/// With tensors of its own.
baselines::StateDict copied(const baselines::StateDict& state);

/// LibTorch's default CPU generator: get, set, seed.
at::Tensor random_state();
void set_random_state(const at::Tensor& state);
void seed_everything(uint64_t seed);

/// SHA-256 over names, shapes and values in order.
std::string weights_sha256(const baselines::StateDict& state);

}  // namespace windtunnel::runners

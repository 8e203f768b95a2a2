#include "runners/training_state.h"

#include <ATen/CPUGeneratorImpl.h>

#include <mutex>

#include "baselines/tensor_bridge.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "core/sha256.h"

namespace windtunnel::runners {
namespace {

constexpr const char* kFormat = "windtunnel-training-state/1";

void append(std::vector<std::pair<std::string, core::TensorView>>& list, std::vector<at::Tensor>& keep,
            const std::string& prefix, const baselines::StateDict& state) {
  for (const auto& [name, tensor] : state) {
    keep.push_back(tensor.contiguous());
    list.emplace_back(prefix + name, baselines::view_of(keep.back()));
  }
}

}  // namespace

void save_training_state(const std::filesystem::path& path, const TrainingState& state) {
  std::vector<std::pair<std::string, core::TensorView>> list;
  std::vector<at::Tensor> keep;  // owns the memory that the views look at
  append(list, keep, "model/", state.model);
  append(list, keep, "best/", state.best);
  append(list, keep, "optimizer/", state.optimizer);
  append(list, keep, "", {{"random", state.random}});
  // The file's own order is by item size; the state dictionaries' order travels beside it.
  core::Json order = core::Json::array();
  for (const auto& entry : list) order.push_back(entry.first);
  core::write_safetensors(
      path, list,
      {{"format", kFormat}, {"state", core::canonical(state.progress)}, {"order", core::canonical(order)}});
}

TrainingState load_training_state(const std::filesystem::path& path) {
  const core::SafetensorsFile file(path);
  const auto& metadata = file.metadata();
  if (!metadata.count("format") || metadata.at("format") != kFormat || !metadata.count("state") ||
      !metadata.count("order"))
    throw data_error(path.string() + ": not a training state", std::string("format ") + kFormat,
                     "remove the run's checkpoint folder to start the run again");
  TrainingState state;
  state.progress = core::parse_json(metadata.at("state"), path.string());
  for (const auto& item : core::parse_json(metadata.at("order"), path.string())) {
    const std::string name = item.get<std::string>();
    const at::Tensor tensor = baselines::to_tensor(file.at(name)).clone();
    const size_t slash = name.find('/');
    const std::string block = name.substr(0, slash);
    if (name == "random")
      state.random = tensor;
    else if (block == "model")
      state.model.emplace_back(name.substr(slash + 1), tensor);
    else if (block == "best")
      state.best.emplace_back(name.substr(slash + 1), tensor);
    else
      state.optimizer.emplace_back(name.substr(slash + 1), tensor);
  }
  return state;
}

at::Tensor random_state() {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return generator.get_state();
}

void set_random_state(const at::Tensor& state) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
}

void seed_everything(uint64_t seed) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(seed);
}

baselines::StateDict copied(const baselines::StateDict& state) {
  baselines::StateDict copy;
  for (const auto& [name, tensor] : state) copy.emplace_back(name, tensor.clone());
  return copy;
}

std::string weights_sha256(const baselines::StateDict& state) {
  core::Sha256 hash;
  for (const auto& [name, tensor] : state) {
    const at::Tensor dense = tensor.detach().contiguous();
    const std::string head = name + core::to_string(dense.sizes().vec()) + c10::toString(dense.scalar_type());
    hash.update(head.data(), head.size());
    hash.update(dense.const_data_ptr(), dense.nbytes());
  }
  return hash.hex();
}

}  // namespace windtunnel::runners

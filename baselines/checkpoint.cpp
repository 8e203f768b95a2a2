#include "baselines/checkpoint.h"

#include <charconv>

#include "baselines/tensor_bridge.h"
#include "core/error.h"
#include "core/text.h"

namespace windtunnel::baselines {
namespace {

bool is_safetensors(const std::filesystem::path& path) { return path.extension() == ".safetensors"; }
bool is_torch(const std::filesystem::path& path) {
  return path.extension() == ".pth" || path.extension() == ".pt";
}

Weights load_safetensors(const std::filesystem::path& path) {
  const core::SafetensorsFile file(path);
  Weights weights;
  weights.metadata = file.metadata();
  for (const auto& name : file.names())
    weights.state.emplace_back(name, to_tensor(file.at(name), file.mapping()));
  return weights;
}

/// Adds the file's name to errors about its content.
template <class Read>
auto named(const std::string& path, const std::string& key, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw data_error(path + ": entry '" + key + "': " + error.found(), error.expected(), error.hint());
  }
}

std::optional<TrainingFacts> training_facts(const core::TorchFile& file) {
  const core::PickleValue& root = file.root();
  for (const char* key : {"train_losses", "val_losses", "iteration", "best_iteration", "best_val_loss"})
    if (!root.find(key)) return std::nullopt;
  const auto numbers = [](const core::PickleValue& value) {
    std::vector<double> list;
    for (const auto& item : value.list().items) list.push_back(item->real());
    return list;
  };
  TrainingFacts facts;
  named(file.path(), "train_losses",
        [&] { return facts.train_losses = numbers(*root.find("train_losses")); });
  named(file.path(), "val_losses", [&] {
    for (const auto& [name, values] : root.find("val_losses")->dict().items)
      facts.val_losses[name->text()] = numbers(*values);
    return true;
  });
  named(file.path(), "iteration", [&] { return facts.iteration = root.find("iteration")->integer(); });
  named(file.path(), "best_iteration",
        [&] { return facts.best_iteration = root.find("best_iteration")->integer(); });
  named(file.path(), "best_val_loss",
        [&] { return facts.best_val_loss = root.find("best_val_loss")->real(); });
  return facts;
}

/// Numbers that stand beside the weights, as text.
std::map<std::string, std::string> numeric_entries(const core::PickleValue& root) {
  std::map<std::string, std::string> entries;
  const auto* dict = std::get_if<core::PickleDict>(&root.value);
  if (!dict) return entries;
  for (const auto& [key, value] : dict->items) {
    const auto* name = std::get_if<std::string>(&key->value);
    if (!name) continue;
    if (const auto* integer = std::get_if<int64_t>(&value->value)) entries[*name] = std::to_string(*integer);
    if (const auto* real = std::get_if<double>(&value->value)) entries[*name] = core::number(*real);
  }
  return entries;
}

Weights load_torch(const std::filesystem::path& path) {
  const auto file = std::make_shared<const core::TorchFile>(path);
  Weights weights;
  for (const auto& [name, tensor] : core::state_dict(file->root(), file->path()))
    weights.state.emplace_back(name, to_tensor(tensor, file));
  weights.metadata = numeric_entries(file->root());
  weights.training = training_facts(*file);
  if (weights.training) weights.metadata["best_val_loss"] = core::number(weights.training->best_val_loss);
  return weights;
}

std::optional<double> as_number(const std::string& text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Weights load_weights(const std::filesystem::path& path) {
  return is_safetensors(path) ? load_safetensors(path) : load_torch(path);
}

void save_weights(const std::filesystem::path& path, const StateDict& state,
                  const std::map<std::string, std::string>& metadata) {
  StateDict dense;  // keeps the memory of the views
  std::vector<std::pair<std::string, core::TensorView>> views;
  for (const auto& [name, tensor] : state) {
    dense.emplace_back(name, flat(tensor));
    views.emplace_back(name, view_of(dense.back().second));
  }
  if (!is_torch(path)) return core::write_safetensors(path, views, metadata);
  std::vector<std::pair<std::string, double>> numbers;
  for (const auto& [key, text] : metadata)
    if (const auto value = as_number(text); value && key != "model_state_dict")
      numbers.emplace_back(key, *value);
  core::write_torch_state(path, views, numbers);
}

}  // namespace windtunnel::baselines

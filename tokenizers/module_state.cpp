#include "tokenizers/module_state.h"

#include <ATen/core/grad_mode.h>

#include <functional>
#include <map>
#include <set>

#include "core/array.h"
#include "core/error.h"

namespace windtunnel::tokenizers {

StateDict module_state(const torch::nn::Module& module) {
  StateDict entries;
  const std::function<void(const torch::nn::Module&, const std::string&)> visit =
      [&](const torch::nn::Module& part, const std::string& prefix) {
        for (const auto& item : part.named_parameters(false))
          entries.emplace_back(prefix + item.key(), item.value().detach());
        for (const auto& item : part.named_buffers(false))
          entries.emplace_back(prefix + item.key(), item.value());
        for (const auto& child : part.named_children()) visit(*child.value(), prefix + child.key() + ".");
      };
  visit(module, "");
  return entries;
}

void load_module_state(torch::nn::Module& module, const StateDict& state, const std::string& origin) {
  std::map<std::string, at::Tensor> given(state.begin(), state.end());
  std::vector<std::pair<at::Tensor, at::Tensor>> copies;
  std::vector<std::string> known;
  for (const auto& [name, target] : module_state(module)) {
    known.push_back(name);
    const auto it = given.find(name);
    if (it == given.end())
      throw model_error(origin + ": entry '" + name + "' is missing",
                        "every parameter and buffer of the model",
                        "check the model's options against those it was trained with");
    if (it->second.sizes() != target.sizes())
      throw model_error(
          origin + ": entry '" + name + "' has shape " + core::to_string(it->second.sizes().vec()),
          "shape " + core::to_string(target.sizes().vec()),
          "check the model's options against those it was trained with");
    copies.emplace_back(target, it->second);
    given.erase(it);
  }
  if (!given.empty())
    throw model_error(origin + ": unexpected entry '" + given.begin()->first + "'",
                      "only entries of the model", core::suggestion(given.begin()->first, known));
  const at::NoGradGuard guard;
  for (auto& [target, source] : copies) target.copy_(source);
}

StateDict with_prefix(const StateDict& state, const std::string& prefix) {
  StateDict part;
  for (const auto& [name, value] : state)
    if (name.starts_with(prefix)) part.emplace_back(name.substr(prefix.size()), value);
  return part;
}

std::vector<at::Tensor> trainable(const torch::nn::Module& module) {
  std::vector<at::Tensor> list;
  std::set<const void*> seen;
  for (const auto& parameter : module.parameters())
    if (parameter.requires_grad() && seen.insert(parameter.unsafeGetTensorImpl()).second)
      list.push_back(parameter);
  return list;
}

}  // namespace windtunnel::tokenizers

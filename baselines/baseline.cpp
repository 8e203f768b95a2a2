#include "baselines/baseline.h"

#include <ATen/ops/mse_loss.h>

#include <map>
#include <set>

#include "core/array.h"
#include "core/error.h"

namespace windtunnel::baselines {

at::Tensor Baseline::in_loss(const at::Tensor& field) const {
  return loss_channels_ > 0 && loss_channels_ < field.size(-1) ? field.narrow(-1, 0, loss_channels_) : field;
}

at::Tensor Baseline::loss(const at::Tensor& x, const at::Tensor& y) {
  return at::mse_loss(in_loss(forward(x)), in_loss(y));
}

StateDict Baseline::state() const {
  StateDict entries;
  const std::function<void(const torch::nn::Module&, const std::string&)> visit =
      [&](const torch::nn::Module& module, const std::string& prefix) {
        for (const auto& item : module.named_parameters(false))
          entries.emplace_back(prefix + item.key(), to_published(prefix + item.key(), item.value().detach()));
        for (const auto& item : module.named_buffers(false))
          entries.emplace_back(prefix + item.key(), to_published(prefix + item.key(), item.value()));
        for (const auto& child : module.named_children()) visit(*child.value(), prefix + child.key() + ".");
      };
  visit(*this, "");
  return entries;
}

void Baseline::load_state(const StateDict& state, const std::string& origin) {
  std::map<std::string, at::Tensor> given(state.begin(), state.end());
  std::vector<std::pair<at::Tensor, at::Tensor>> copies;  // all checked before the first is made
  std::vector<std::string> known;
  const auto stage = [&](const std::string& name, const at::Tensor& target) {
    known.push_back(name);
    const auto it = given.find(name);
    if (it == given.end())
      throw model_error(origin + ": entry '" + name + "' is missing",
                        "every parameter and buffer of the model",
                        "check the model's options against those it was trained with");
    const auto expected = to_published(name, target).sizes();
    if (it->second.sizes() != expected)
      throw model_error(
          origin + ": entry '" + name + "' has shape " + core::to_string(it->second.sizes().vec()),
          "shape " + core::to_string(expected.vec()),
          "check the model's options and the scenario against those it was trained with");
    copies.emplace_back(target, from_published(name, it->second));
    given.erase(it);
  };
  at::NoGradGuard guard;
  for (auto& item : named_parameters()) stage(item.key(), item.value());
  for (auto& item : named_buffers()) stage(item.key(), item.value());
  if (!given.empty())
    throw model_error(origin + ": unexpected entry '" + given.begin()->first + "'",
                      "only entries of the model", core::suggestion(given.begin()->first, known));
  for (auto& [target, source] : copies) target.copy_(source);
}

std::vector<at::Tensor> Baseline::trainable_parameters() const {
  std::vector<at::Tensor> list;
  std::set<const void*> seen;
  for (const auto& parameter : parameters())
    if (parameter.requires_grad() && seen.insert(parameter.unsafeGetTensorImpl()).second)
      list.push_back(parameter);
  return list;
}

int64_t Baseline::parameter_count() const {
  int64_t count = 0;
  std::set<const void*> seen;
  for (const auto& item : named_parameters())
    if (seen.insert(item.value().unsafeGetTensorImpl()).second)
      count += to_published(item.key(), item.value()).numel();
  return count;
}

core::Registry<BaselineInfo>& registry() {
  static core::Registry<BaselineInfo> instance("baseline");
  return instance;
}

std::shared_ptr<Baseline> make_baseline(const std::string& name, const ModelContext& context,
                                        const core::Json& values, const std::string& where) {
  const BaselineInfo& info = registry().at(name);
  auto options = info.options();
  core::read_options(*options, values, where);
  return info.create(context, *options);
}

}  // namespace windtunnel::baselines

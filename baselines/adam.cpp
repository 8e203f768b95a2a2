#include "baselines/adam.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/array.h"
#include "core/error.h"

namespace windtunnel::baselines {
namespace {

std::string indexed(const char* name, size_t i) { return std::string(name) + "." + std::to_string(i); }

}  // namespace

Adam::Adam(std::vector<at::Tensor> parameters, AdamSettings settings)
    : parameters_(std::move(parameters)), settings_(settings) {
  for (const auto& parameter : parameters_) {
    if (!parameter.is_floating_point() || !parameter.is_contiguous())
      throw model_error("adam: a parameter of shape " + core::to_string(parameter.sizes().vec()) +
                            " is complex, integer or not contiguous",
                        "contiguous real leaves (complex weights as real pairs)");
    exp_avg_.push_back(at::zeros_like(parameter));
    exp_avg_sq_.push_back(at::zeros_like(parameter));
    steps_.push_back(at::zeros({}, parameter.options().dtype(at::kFloat).requires_grad(false)));
  }
}

void Adam::zero_grad() {
  for (auto& parameter : parameters_) parameter.mutable_grad() = at::Tensor();
}

double Adam::gradient_norm() const {
  double sum = 0;
  for (const auto& parameter : parameters_)
    if (parameter.grad().defined()) {
      const double norm = at::linalg_vector_norm(parameter.grad(), 2, {}, false, at::kDouble).item<double>();
      sum += norm * norm;
    }
  return std::sqrt(sum);
}

double Adam::clip_gradients(double max_norm) {
  const at::NoGradGuard guard;
  const double norm = gradient_norm();
  const double factor = std::min(1.0, max_norm / (norm + 1e-6));
  if (max_norm > 0 && factor < 1)
    for (auto& parameter : parameters_)
      if (parameter.grad().defined()) parameter.mutable_grad().mul_(factor);
  return norm;
}

void Adam::step() {
  const at::NoGradGuard guard;
  const auto& s = settings_;
  for (const bool decayed : {false, true}) {
    std::vector<at::Tensor> values, gradients, averages, squares, steps;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const bool decays = s.weight_decay != 0 && (s.decay_vectors || parameters_[i].dim() > 1);
      if (!parameters_[i].grad().defined() || decays != decayed) continue;
      values.push_back(parameters_[i]);
      gradients.push_back(parameters_[i].grad().contiguous());
      averages.push_back(exp_avg_[i]);
      squares.push_back(exp_avg_sq_[i]);
      steps.push_back(steps_[i].add_(1));
    }
    if (values.empty()) continue;
    if (decayed)
      at::_fused_adamw_(values, gradients, averages, squares, {}, steps, s.learning_rate, s.beta1, s.beta2,
                        s.weight_decay, s.epsilon, false, false);
    else
      at::_fused_adam_(values, gradients, averages, squares, {}, steps, s.learning_rate, s.beta1, s.beta2,
                       0.0, s.epsilon, false, false);
  }
}

StateDict Adam::state() const {
  std::vector<int64_t> counts;
  StateDict entries;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    counts.push_back(static_cast<int64_t>(steps_[i].item<float>()));
    entries.emplace_back(indexed("exp_avg", i), exp_avg_[i]);
    entries.emplace_back(indexed("exp_avg_sq", i), exp_avg_sq_[i]);
  }
  entries.emplace_back("step", at::tensor(counts, at::kLong));
  return entries;
}

void Adam::load_state(const StateDict& state, const std::string& origin) {
  const std::map<std::string, at::Tensor> given(state.begin(), state.end());
  const auto find = [&](const std::string& name, at::IntArrayRef shape) {
    const auto it = given.find(name);
    if (it == given.end())
      throw data_error(origin + ": the optimiser's state lacks '" + name + "'",
                       "the state of a run of this model");
    if (it->second.sizes() != shape)
      throw data_error(origin + ": '" + name + "' has shape " + core::to_string(it->second.sizes().vec()),
                       "shape " + core::to_string(shape.vec()),
                       "resume with the options the run was started with");
    return it->second;
  };
  const auto count = static_cast<int64_t>(parameters_.size());
  const at::Tensor counts = find("step", {count}).to(at::kLong);
  for (size_t i = 0; i < parameters_.size(); ++i) {  // all checked before the first is changed
    find(indexed("exp_avg", i), parameters_[i].sizes());
    find(indexed("exp_avg_sq", i), parameters_[i].sizes());
  }
  for (size_t i = 0; i < parameters_.size(); ++i) {
    exp_avg_[i].copy_(find(indexed("exp_avg", i), parameters_[i].sizes()));
    exp_avg_sq_[i].copy_(find(indexed("exp_avg_sq", i), parameters_[i].sizes()));
    steps_[i].fill_(counts[static_cast<int64_t>(i)].item<int64_t>());
  }
}

}  // namespace windtunnel::baselines

#include "tokenizers/eval/losses.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/l1_loss.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/var.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::tokenizers {
namespace {

using Loss = at::Tensor (*)(const at::Tensor& x, const at::Tensor& y, double epsilon);

at::Tensor variance(const at::Tensor& y) {
  return at::var(y, at::IntArrayRef{-2, -1}, /*unbiased=*/true, true);
}

const std::map<std::string, Loss> kLosses = {
    {"l1", [](const at::Tensor& x, const at::Tensor& y, double) { return at::l1_loss(x, y); }},
    {"mse", [](const at::Tensor& x, const at::Tensor& y, double) { return at::mse_loss(x, y); }},
    {"nl1", [](const at::Tensor& x, const at::Tensor& y,
               double) { return ((x - y).abs() / (variance(y).sqrt() + 1e-3)).mean(); }},
    {"vrmse",
     [](const at::Tensor& x, const at::Tensor& y, double epsilon) {
       return ((x - y).square().mean({-2, -1}, true) / (variance(y) + epsilon)).sqrt().mean();
     }},
};

}  // namespace

at::Tensor field_loss(const std::string& name, const at::Tensor& x, const at::Tensor& y, double epsilon) {
  const auto it = kLosses.find(name);
  if (it == kLosses.end())
    throw usage_error("unknown loss '" + name + "'", "a known loss", core::suggestion(name, field_losses()));
  return it->second(x, y, epsilon);
}

std::vector<std::string> field_losses() {
  std::vector<std::string> names;
  for (const auto& [name, loss] : kLosses) names.push_back(name);
  return names;
}

at::Tensor without_channels(const at::Tensor& x, int64_t axis, const std::vector<int64_t>& left_out) {
  std::vector<int64_t> kept;
  for (int64_t c = 0; c < x.size(axis); ++c)
    if (std::find(left_out.begin(), left_out.end(), c) == left_out.end()) kept.push_back(c);
  return left_out.empty() ? x : at::index_select(x, axis, at::tensor(kept, at::kLong));
}

}  // namespace windtunnel::tokenizers

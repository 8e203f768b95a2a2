#include "runners/sanity.h"

#include <ATen/ops/isfinite.h>

#include <algorithm>

#include "core/error.h"
#include "runners/training_state.h"

namespace windtunnel::runners {

SanityReport check_model(const std::shared_ptr<baselines::Baseline>& model, const at::Tensor& x,
                         const at::Tensor& y) {
  const at::Tensor random = random_state();
  const baselines::StateDict before = copied(model->state());

  model->train();
  model->loss(x, y).backward();
  SanityReport report;
  const auto excused = model->zero_gradient_parameters();
  std::string broken;
  for (const auto& item : model->named_parameters()) {
    const at::Tensor& gradient = item.value().grad();
    if (gradient.defined() && !gradient.isfinite().all().item<bool>()) broken = item.key();
    const bool zero = !gradient.defined() || gradient.count_nonzero().item<int64_t>() == 0;
    if (item.value().requires_grad() && zero &&
        std::find(excused.begin(), excused.end(), item.key()) == excused.end())
      report.zero_gradient_parameters.push_back(item.key());
  }
  for (auto& parameter : model->parameters()) parameter.mutable_grad().reset();
  model->load_state(before, "the state before the check");
  set_random_state(random);
  if (!broken.empty())
    throw model_error("the gradient of parameter '" + broken + "' is not finite on the first batch",
                      "finite gradients",
                      "check the data with `windtunnel data verify` and the model's options");
  return report;
}

}  // namespace windtunnel::runners

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "baselines/baseline.h"

namespace windtunnel::runners {

/// What one forward and backward pass on real data says about a model.
struct SanityReport {
  std::vector<std::string> zero_gradient_parameters;  ///< without a gradient, or all zero
};

/// Runs the loss on one batch, normalised x (B,T,H,W,C_in) and y, and looks at every trainable parameter,
/// except those that the model declares. A gradient that is not finite is a model error. Weights, buffers,
/// gradients and the random stream are left as they were.
SanityReport check_model(const std::shared_ptr<baselines::Baseline>& model, const at::Tensor& x,
                         const at::Tensor& y);

}  // namespace windtunnel::runners

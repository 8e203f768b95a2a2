#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace windtunnel::tokenizers {

/// Loss by its published name on fields whose last two axes are space; y is the target:
///   l1, mse;
///   nl1:   mean of |x-y| / (s + 1e-3), s the unbiased deviation of y over space;
///   vrmse: mean over the leading axes of sqrt(mean over space of (x-y)^2 / (s^2 + epsilon)).
/// Unknown name: a usage error with the nearest one.
at::Tensor field_loss(const std::string& name, const at::Tensor& x, const at::Tensor& y,
                      double epsilon = 1e-7);
std::vector<std::string> field_losses();

/// x without the entries `left_out` of `axis` (constant channels).
at::Tensor without_channels(const at::Tensor& x, int64_t axis, const std::vector<int64_t>& left_out);

}  // namespace windtunnel::tokenizers

#pragma once

#include <ATen/core/Tensor.h>

namespace windtunnel::baselines {

/// dropout(relu(x), p) in one pass: y = x / (1-p) where x > 0 and the entry is kept, else 0. Overwrites the
/// memory of x, which must be a temporary whose own gradient does not need its value (a linear map, a
/// convolution). Only y is kept for the gradient: y > 0 tells what passed. Entries are drawn from a
/// counter-based stream whose seed comes from the default generator, so they do not depend on the number of
/// threads. p = 0 draws nothing.
at::Tensor relu_dropout(at::Tensor x, double p);

}  // namespace windtunnel::baselines

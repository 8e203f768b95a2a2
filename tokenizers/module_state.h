#pragma once

#include <string>

#include "baselines/baseline.h"

namespace windtunnel::tokenizers {

using baselines::StateDict;

/// Every parameter and buffer by its dotted name, in module order; the tensors share the module's memory.
StateDict module_state(const torch::nn::Module& module);

/// Copies `state` into the module. Strict: a missing, unexpected or mis-shaped entry is a model error naming
/// the entry and `origin`; then nothing has been changed.
void load_module_state(torch::nn::Module& module, const StateDict& state, const std::string& origin);

/// Entries whose names begin with `prefix`, without it ("transformer." of a file that holds several models).
StateDict with_prefix(const StateDict& state, const std::string& prefix);

/// Distinct leaves that require a gradient, in module order.
std::vector<at::Tensor> trainable(const torch::nn::Module& module);

}  // namespace windtunnel::tokenizers

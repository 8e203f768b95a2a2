#pragma once

#include <string>

#include "baselines/baseline.h"

namespace windtunnel::baselines {

/// Model error unless x is float (B,T,H,W,C) with the T,H,W,C of `shape`; `model` begins the message.
void check_field(const at::Tensor& x, const SampleShape& shape, const std::string& model);

/// T_out / T_in, or a model error if the input does not divide the output.
int64_t frame_ratio(const ModelContext& context, const std::string& model);

}  // namespace windtunnel::baselines

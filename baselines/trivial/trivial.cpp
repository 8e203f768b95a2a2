#include "baselines/trivial/trivial.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/mean.h>

#include <algorithm>

#include "core/array.h"
#include "core/error.h"

namespace windtunnel::baselines {
namespace {

/// One frame (B,H,W,C) as the answer for every output frame, in the target's channels.
at::Tensor repeated(const at::Tensor& frame, const SampleShape& output) {
  const int64_t used = std::min(frame.size(3), output.channels);
  at::Tensor channels = frame.narrow(3, 0, used);
  if (used < output.channels) channels = at::constant_pad_nd(channels, {0, output.channels - used});
  return channels.unsqueeze(1).repeat({1, output.frames, 1, 1, 1});
}

void check(const at::Tensor& x, const char* name) {
  if (x.dim() != 5 || x.size(1) < 1)
    throw model_error(std::string(name) + ": input of shape " + core::to_string(x.sizes().vec()),
                      "(B,T,H,W,C) with at least one frame");
}

}  // namespace

at::Tensor Persistence::forward(const at::Tensor& x) {
  check(x, "persistence");
  return repeated(x.select(1, x.size(1) - 1), output_);
}

at::Tensor Mean::forward(const at::Tensor& x) {
  check(x, "mean");
  return repeated(x.mean(1), output_);
}

WINDTUNNEL_REGISTER_BASELINE(Persistence, "persistence", false, "repeats the last input frame", "");
WINDTUNNEL_REGISTER_BASELINE(Mean, "mean", false, "time mean of the input window at each point", "");

}  // namespace windtunnel::baselines

#include "tokenizers/refinement/packing.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include "core/array.h"
#include "core/error.h"

namespace windtunnel::tokenizers {
namespace {

std::string shape(const at::Tensor& x) { return core::to_string(x.sizes().vec()); }

void check_target(const at::Tensor& frames, int64_t s, int64_t least) {
  if (frames.dim() != 5 || s < least || s >= frames.size(2))
    throw data_error("refinement: target frame " + std::to_string(s) + " of frames of shape " + shape(frames),
                     "(B,C,T,H,W) and a target from " + std::to_string(least) + " to T-1");
}

}  // namespace

at::Tensor refinement_input(const at::Tensor& context, const at::Tensor& decoded, int64_t s) {
  check_target(decoded, s, kGroundingFrames - 1);
  if (context.dim() != 5 || context.size(2) != kContextFrames || context.size(1) != decoded.size(1))
    throw data_error(
        "refinement: context of shape " + shape(context) + " for decoded frames of shape " + shape(decoded),
        "(B,C," + std::to_string(kContextFrames) + ",H,W) with the same B, C, H, W");
  return at::cat({context, decoded.narrow(2, s - kGroundingFrames + 1, kGroundingFrames)}, 2).flatten(1, 2);
}

WindowInputs refinement_inputs(const at::Tensor& context, const at::Tensor& decoded, int64_t first) {
  std::vector<at::Tensor> list;
  for (int64_t s = first; s < decoded.size(2); ++s) list.push_back(refinement_input(context, decoded, s));
  if (list.empty())
    throw data_error("refinement: a window of " + std::to_string(decoded.size(2)) + " frames",
                     "more than " + std::to_string(first));
  return {at::stack(list, 1).flatten(0, 1),
          at::arange(first, decoded.size(2), at::kLong).repeat({decoded.size(0)})};
}

at::Tensor history_input(const at::Tensor& frames, int64_t s, int64_t history) {
  check_target(frames, s, history);
  return frames.narrow(2, s - history, history).transpose(1, 2).flatten(1, 2);
}

}  // namespace windtunnel::tokenizers

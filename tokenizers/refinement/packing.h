#pragma once

#include <ATen/core/Tensor.h>

namespace windtunnel::tokenizers {

/// How frames become input channels of the refinement network: `context` frames, then the decoded frames s +
/// offset for s, the target frame (offsets -1 and 0).
inline constexpr int64_t kContextFrames = 5, kGroundingFrames = 2;

/// Input for target frame s: x[c*7 + k] = frame k of [g_0..g_4, d_{s-1}, d_s], channel c. context g
/// (B,C,5,H,W) in field space, decoded d (B,C,T,H,W) of the whole window, s >= 1. Result (B,7C,H,W).
at::Tensor refinement_input(const at::Tensor& context, const at::Tensor& decoded, int64_t s);

/// The inputs of the targets first..T-1 one after another, (B*(T-first), 7C, H, W), sample-major; and their
/// target indices (int64).
struct WindowInputs {
  at::Tensor x, targets;
};
WindowInputs refinement_inputs(const at::Tensor& context, const at::Tensor& decoded,
                               int64_t first = kContextFrames);

/// Input of a network that sees only earlier frames (The Well's): x[k*C + c] = frame s-4+k; frames
/// (B,C,T,H,W) whose first four are true and the rest decoded, s >= 4. Result (B,4C,H,W).
at::Tensor history_input(const at::Tensor& frames, int64_t s, int64_t history = 4);

}  // namespace windtunnel::tokenizers

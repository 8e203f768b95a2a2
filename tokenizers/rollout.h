#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "tokenizers/transformer/sampling.h"
#include "tokenizers/transformer/token_transformer.h"

namespace windtunnel::tokenizers {

/// The three networks as the windowed rollout sees them; all in normalised fields (B,C,T,H,W).
struct RolloutModels {
  /// Context frames -> tokens (B,P) of their latent frames, the prompt.
  std::function<at::Tensor(const at::Tensor& context)> encode;
  /// Tokens (B,N) of a whole window -> its frames.
  std::function<at::Tensor(const at::Tensor& tokens)> decode;
  const TokenTransformer* transformer = nullptr;
  /// Context and decoded window -> corrected window, whose first frames are the context; empty: no
  /// correction, the window is used as decoded.
  std::function<at::Tensor(const at::Tensor& context, const at::Tensor& decoded)> refine;
  LatentGrid grid;  ///< of one window
};

struct WindowResult {
  at::Tensor tokens, decoded, refined;  ///< (B,N), (B,C,T,H,W) twice
};

/// Predicts window after window: encode the context, generate the other tokens, decode, correct; the last
/// frames become the next context. context (B,C,c,H,W). Returns the first window and of each of the `further`
/// ones the frames after its context: c + (1 + further) (T - c) frames. Sample b of window w draws from
/// stream w * 2^32 + first_stream + b, so predictions do not depend on the batch they are in. `watch` sees
/// every window.
at::Tensor windowed_rollout(const RolloutModels& models, const at::Tensor& context, int64_t further,
                            const SamplingOptions& sampling, uint64_t first_stream = 0,
                            const std::function<void(const WindowResult&)>& watch = {});

}  // namespace windtunnel::tokenizers

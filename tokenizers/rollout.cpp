#include "tokenizers/rollout.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include "core/error.h"
#include "tokenizers/transformer/decoder.h"

namespace windtunnel::tokenizers {

at::Tensor windowed_rollout(const RolloutModels& models, const at::Tensor& first, int64_t further,
                            const SamplingOptions& sampling, uint64_t first_stream,
                            const std::function<void(const WindowResult&)>& watch) {
  const at::NoGradGuard guard;
  const int64_t frames = first.size(2);
  at::Tensor context = first;
  std::vector<at::Tensor> parts;
  for (int64_t w = 0; w <= further; ++w) {
    const at::Tensor prompt = models.encode(context);
    const at::Tensor rest = generate(*models.transformer, prompt, models.grid.positions() - prompt.size(1),
                                     models.grid, sampling, (static_cast<uint64_t>(w) << 32) + first_stream);
    WindowResult window;
    window.tokens = at::cat({prompt, rest}, 1);
    window.decoded = models.decode(window.tokens);
    window.refined = models.refine ? models.refine(context, window.decoded) : window.decoded;
    if (window.refined.size(2) <= frames)
      throw model_error("rollout: windows of " + std::to_string(window.refined.size(2)) + " frames after " +
                            std::to_string(frames) + " frames of context",
                        "windows longer than their context");
    if (watch) watch(window);
    const int64_t fresh = window.refined.size(2) - frames;
    parts.push_back(w == 0 ? window.refined : window.refined.narrow(2, frames, fresh));
    context = window.refined.narrow(2, window.refined.size(2) - frames, frames);
  }
  return at::cat(parts, 2);
}

}  // namespace windtunnel::tokenizers

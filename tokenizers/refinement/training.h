#pragma once

#include <string>
#include <vector>

#include "tokenizers/refinement/packing.h"
#include "tokenizers/refinement/unet.h"
#include "tokenizers/stage.h"

namespace windtunnel::tokenizers {

/// Loss of the refinement stage: a field_loss() by name, without the channels that are constant in time.
struct RefinementLoss {
  std::string name = "mse";
  std::vector<int64_t> left_out;
};

/// x (B,dim_in,H,W), targets (B) frame indices, y (B,dim_out,H,W).
struct RefinementBatch {
  at::Tensor x, targets, y;
};

/// One update; returns the loss.
double refinement_update(RefinementUnet& model, StageOptimiser& optimiser, const RefinementBatch& batch,
                         const RefinementLoss& loss);
double refinement_loss(const RefinementUnet& model, const RefinementBatch& batch, const RefinementLoss& loss);

/// Frames 5.. of a window corrected, in one batch; frames 0..4 are the context itself. context (B,C,5,H,W),
/// decoded (B,C,T,H,W); result (B,C,T,H,W). Inference.
at::Tensor refine_window(const RefinementUnet& model, const at::Tensor& context, const at::Tensor& decoded);

}  // namespace windtunnel::tokenizers

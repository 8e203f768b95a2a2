#include "tokenizers/refinement/training.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include "tokenizers/eval/losses.h"

namespace windtunnel::tokenizers {
namespace {

at::Tensor loss_of(const RefinementUnet& model, const RefinementBatch& batch, const RefinementLoss& loss) {
  const at::Tensor y = model.forward(batch.x, batch.targets);
  return field_loss(loss.name, without_channels(y, 1, loss.left_out),
                    without_channels(batch.y, 1, loss.left_out));
}

}  // namespace

double refinement_update(RefinementUnet& model, StageOptimiser& optimiser, const RefinementBatch& batch,
                         const RefinementLoss& loss) {
  optimiser.zero_grad();
  const at::Tensor value = loss_of(model, batch, loss);
  value.backward();
  optimiser.update();
  return value.item<double>();
}

double refinement_loss(const RefinementUnet& model, const RefinementBatch& batch,
                       const RefinementLoss& loss) {
  const at::NoGradGuard guard;
  return loss_of(model, batch, loss).item<double>();
}

at::Tensor refine_window(const RefinementUnet& model, const at::Tensor& context, const at::Tensor& decoded) {
  const at::NoGradGuard guard;
  const WindowInputs inputs = refinement_inputs(context, decoded);
  const at::Tensor y = model.forward(inputs.x, inputs.targets);
  const int64_t batch = context.size(0), corrected = decoded.size(2) - kContextFrames;
  return at::cat({context, y.view({batch, corrected, y.size(1), y.size(2), y.size(3)}).transpose(1, 2)}, 2);
}

}  // namespace windtunnel::tokenizers

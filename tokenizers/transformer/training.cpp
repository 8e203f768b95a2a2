#include "tokenizers/transformer/training.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "core/error.h"

namespace windtunnel::tokenizers {
namespace {

int64_t sequences(const std::vector<TokenBatch>& batches) {
  int64_t count = 0;
  for (const auto& batch : batches) count += batch.tokens.size(0);
  if (count == 0) throw data_error("a training step without sequences", "at least one");
  return count;
}

}  // namespace

double transformer_update(TokenTransformer& model, StageOptimiser& optimiser,
                          const std::vector<TokenBatch>& batches) {
  const auto total = static_cast<double>(sequences(batches));
  optimiser.zero_grad();
  double mean = 0;
  for (const auto& [tokens, grid] : batches) {
    const double share = static_cast<double>(tokens.size(0)) / total;
    const at::Tensor loss = model.loss(tokens, grid);
    mean += share * loss.item<double>();
    (share == 1 ? loss : loss * share).backward();
  }
  optimiser.update();
  return mean;
}

double transformer_loss(const TokenTransformer& model, const std::vector<TokenBatch>& batches) {
  const at::NoGradGuard guard;
  const auto total = static_cast<double>(sequences(batches));
  double mean = 0;
  for (const auto& [tokens, grid] : batches)
    mean += static_cast<double>(tokens.size(0)) / total * model.loss(tokens, grid).item<double>();
  return mean;
}

}  // namespace windtunnel::tokenizers

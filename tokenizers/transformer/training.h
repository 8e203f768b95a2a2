#pragma once

#include <vector>

#include "tokenizers/stage.h"
#include "tokenizers/transformer/token_transformer.h"

namespace windtunnel::tokenizers {

/// Windows of one data set in a batch: tokens (B,N) int64 over the whole grid.
struct TokenBatch {
  at::Tensor tokens;
  LatentGrid grid;
};

/// One update on the mean over all sequences of their losses; sequences may differ in length. Returns that
/// mean.
double transformer_update(TokenTransformer& model, StageOptimiser& optimiser,
                          const std::vector<TokenBatch>& batches);

/// Mean loss per sequence without an update.
double transformer_loss(const TokenTransformer& model, const std::vector<TokenBatch>& batches);

}  // namespace windtunnel::tokenizers

#pragma once

#include <cstdint>
#include <string>

#include "tokenizers/transformer/options.h"

namespace windtunnel::tokenizers {

/// Size and arithmetic of a token transformer, from its options alone.
struct TransformerCost {
  explicit TransformerCost(const TransformerOptions& options);
  int64_t parameters = 0;      ///< 2 V D + L (2 D h hd + 2 D kv hd + 3 D F + 2 D [+ 2 hd]) + D
  int64_t matrix_entries = 0;  ///< those a decoding step reads: without the embedding and the norms
  int64_t flop_per_token = 0;  ///< 2 * matrix_entries
  int64_t attention_flop = 0;  ///< per token and position of context: 4 L h hd
  int64_t cache_floats = 0;    ///< per position: 2 L kv hd
};

/// Bytes that decoding or training needs, before anything is allocated.
struct TransformerMemory {
  int64_t weights = 0, cache = 0, gradients = 0, optimiser = 0, activations = 0;
  int64_t total() const { return weights + cache + gradients + optimiser + activations; }

  /// Weights of `weight_bytes` each (4 float32, 2 bfloat16) and the float32 cache of `batch` windows.
  static TransformerMemory decoding(const TransformerOptions& options, const LatentGrid& grid, int64_t batch,
                                    int64_t weight_bytes = 4);
  /// Float32 weights, gradients and two moments; the arrays kept for the backward pass of `batch` windows.
  static TransformerMemory training(const TransformerOptions& options, const LatentGrid& grid, int64_t batch);

  /// "weights 16.1 GB + cache 0.5 GB = 16.6 GB"
  std::string text() const;
};

/// Bytes of main memory that can be had without swapping; 0 if the system does not say.
int64_t available_memory();

/// Environment error if `needed` exceeds what is available; `what` begins the message.
void require_memory(const TransformerMemory& needed, const std::string& what);

}  // namespace windtunnel::tokenizers

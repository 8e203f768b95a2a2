#pragma once

#include <cstdint>

namespace windtunnel::tokenizers {

/// Learning rate as a function of the optimizer step k = 0, 1, 2 ... (float64). With peak b, floor e, M steps
/// and w warm-up steps, and cosine(a, n) = e + (b - e) (1 + cos(pi a / n)) / 2; beyond step M the cosine goes
/// on.
struct Schedule {
  double peak = 5e-4, floor = 1e-8;
  int64_t steps = 1, warmup = 0;

  /// Tokenizer and refinement: k < w: start + k (b - start)/(w - 1); then cosine(k - w, M - w).
  double from_start(int64_t k, double start = 1e-8) const;
  /// Transformer on several data sets: k <= w: b (k + 1)/(w + 1); then cosine(k - w, M - w).
  double pretraining(int64_t k) const;
  /// Transformer on one data set: k <= w: b k/w; cosine(k - w, c) over c steps, then the floor.
  double with_hold(int64_t k, int64_t cosine_steps) const;
};

}  // namespace windtunnel::tokenizers

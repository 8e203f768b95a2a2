#include "tokenizers/schedule.h"

#include <cmath>
#include <numbers>

namespace windtunnel::tokenizers {
namespace {

double cosine(const Schedule& s, int64_t at, int64_t length) {
  if (length <= 0) return s.floor;
  const double phase = std::numbers::pi * static_cast<double>(at) / static_cast<double>(length);
  return s.floor + (s.peak - s.floor) * (1 + std::cos(phase)) / 2;
}

}  // namespace

double Schedule::from_start(int64_t k, double start) const {
  if (k >= warmup) return cosine(*this, k - warmup, steps - warmup);
  if (warmup == 1) return start;
  return start + static_cast<double>(k) * (peak - start) / static_cast<double>(warmup - 1);
}

double Schedule::pretraining(int64_t k) const {
  if (k <= warmup) return peak * static_cast<double>(k + 1) / static_cast<double>(warmup + 1);
  return cosine(*this, k - warmup, steps - warmup);
}

double Schedule::with_hold(int64_t k, int64_t cosine_steps) const {
  if (k <= warmup && warmup > 0) return peak * static_cast<double>(k) / static_cast<double>(warmup);
  return k - warmup < cosine_steps ? cosine(*this, k - warmup, cosine_steps) : floor;
}

}  // namespace windtunnel::tokenizers

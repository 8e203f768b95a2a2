#include "baselines/unet/position.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/stack.h>

#include <array>
#include <cstdlib>

#include "baselines/layers.h"

namespace windtunnel::baselines::unet {

namespace {

class Table : public torch::nn::Module {
 public:
  Table() { weight = register_parameter("weight", normal_values({32, kHeads}, 1)); }
  at::Tensor weight;
};

}  // namespace

int64_t position_bucket(int64_t delta) {
  // First distances of the buckets 8..15: the logarithmic rule as single precision evaluates it.
  static constexpr std::array<int64_t, 8> starts = {8, 10, 12, 14, 16, 20, 23, 27};
  const int64_t distance = std::abs(delta);
  int64_t bucket = distance;
  if (distance >= 8) {
    bucket = 15;
    while (starts[static_cast<size_t>(bucket - 8)] > distance) --bucket;
  }
  return bucket + (delta < 0 ? 16 : 0);
}

PositionBias::PositionBias() {
  table_ = register_module("relative_attention_bias", std::make_shared<Table>())->weight;
}

at::Tensor PositionBias::forward(int64_t frames) {
  if (!buckets_.defined() || buckets_.size(0) != frames || buckets_.device() != table_.device()) {
    at::Tensor buckets = at::empty({frames, frames}, at::kLong);
    auto* out = buckets.data_ptr<int64_t>();
    for (int64_t i = 0; i < frames; ++i)
      for (int64_t j = 0; j < frames; ++j) *out++ = position_bucket(i - j);
    buckets_ = buckets.to(table_.device());
  }
  return at::embedding(table_, buckets_).permute({2, 0, 1});
}

Rotary::Rotary() {
  const at::Tensor exponents = at::arange(0, kHeadSize, 2, at::kFloat) / kHeadSize;
  freqs_ = register_parameter("freqs", at::pow(10000.0, exponents).reciprocal(), false);
}

at::Tensor Rotary::forward(int64_t frames) const {
  const at::Tensor angles = at::arange(frames, freqs_.options()).unsqueeze(1) * freqs_;
  return at::stack({angles.cos(), angles.sin()}, -1);
}

}  // namespace windtunnel::baselines::unet

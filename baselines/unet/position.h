#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace windtunnel::baselines::unet {

inline constexpr int64_t kHeads = 4;
inline constexpr int64_t kHeadSize = 32;
inline constexpr int64_t kInner = kHeads * kHeadSize;

/// Bucket 0..31 of the frame distance delta = query - key: |delta| below 8, then 8 + floor(8 ln(|delta|/8) /
/// ln 4) capped at 15; plus 16 if delta < 0.
int64_t position_bucket(int64_t delta);

/// Learned bias of the temporal attentions by frame distance; table `relative_attention_bias.weight` (32,
/// heads), standard normal at first.
class PositionBias : public torch::nn::Module {
 public:
  PositionBias();
  /// (heads, frames, frames): [head,i,j] = table[bucket(i - j)][head].
  at::Tensor forward(int64_t frames);

 private:
  at::Tensor table_, buckets_;
};

/// Frozen frequencies 10000^(-2k/32), k = 0..15; one object serves every temporal attention.
class Rotary : public torch::nn::Module {
 public:
  Rotary();
  /// (frames, 16, 2): cos and sin of n * freqs[k].
  at::Tensor forward(int64_t frames) const;

 private:
  at::Tensor freqs_;
};

/// What the temporal attentions of one forward pass share.
struct Positions {
  at::Tensor rotation;  ///< (F,16,2)
  at::Tensor bias;      ///< (heads,F,F)
};

}  // namespace windtunnel::baselines::unet

#pragma once

#include <memory>

#include "baselines/unet/position.h"
#include "baselines/unet/weights.h"

// Residual attentions with channel normalisation in front. x is (B,F,H,W,C), contiguous, and so is every
// result. Heads are head-major: channel = head * 32 + component. No mask.
namespace windtunnel::baselines::unet {

/// Attention over the frames at each position: rotary q and k, scores q.k / sqrt(32) + bias[head,i,j],
/// softmax over j.
class TemporalAttention : public torch::nn::Module {
 public:
  TemporalAttention(int64_t channels, const std::shared_ptr<Rotary>& rotary, bool fast);
  at::Tensor forward(const at::Tensor& x, const Positions& positions) const;

 private:
  bool fast_;
  std::shared_ptr<Weights> to_qkv_, to_out_;
  std::shared_ptr<ChannelNorm> norm_;
};

/// Attention over all positions of each frame, without rotary and bias.
class SpatialAttention : public torch::nn::Module {
 public:
  explicit SpatialAttention(int64_t channels);
  at::Tensor forward(const at::Tensor& x) const;

 private:
  std::shared_ptr<Weights> to_qkv_, to_out_;
  std::shared_ptr<ChannelNorm> norm_;
};

/// Linear attention over the positions n of each frame: q <- softmax over components / sqrt(32), k <- softmax
/// over n, ctx[d,e] = sum_n k[d,n] v[e,n], out[e,n] = sum_d ctx[d,e] q[d,n].
class LinearAttention : public torch::nn::Module {
 public:
  LinearAttention(int64_t channels, bool fast);
  at::Tensor forward(const at::Tensor& x) const;

 private:
  bool fast_;
  std::shared_ptr<Weights> to_qkv_, to_out_;
  std::shared_ptr<ChannelNorm> norm_;
};

/// Core of the temporal attention. qkv (B,F,N,3*128) holds q, k, v by thirds; result (B,F,N,128).
at::Tensor attend_over_frames(const at::Tensor& qkv, const Positions& positions);

}  // namespace windtunnel::baselines::unet

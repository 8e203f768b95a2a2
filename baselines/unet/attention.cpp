#include "baselines/unet/attention.h"

#include <ATen/ops/bmm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include <cmath>

#include "baselines/unet/fast.h"

namespace windtunnel::baselines::unet {

namespace {

const double kScale = 1 / std::sqrt(static_cast<double>(kHeadSize));

/// Published nesting of an attention over tokens: residual.norm.reshape.attention.
struct TokenAttention {
  std::shared_ptr<Weights> to_qkv, to_out;
  std::shared_ptr<ChannelNorm> norm;

  TokenAttention(torch::nn::Module& owner, int64_t channels, const std::shared_ptr<Rotary>& rotary) {
    auto attention = std::make_shared<Children>();
    if (rotary) attention->add("rotary_emb", rotary);
    to_qkv = attention->add("to_qkv", std::make_shared<Weights>(at::IntArrayRef{3 * kInner, channels}, 0));
    to_out = attention->add("to_out", std::make_shared<Weights>(at::IntArrayRef{channels, kInner}, 0));
    auto reshape = std::make_shared<Children>();
    reshape->add("fn", attention);
    auto residual = std::make_shared<Children>();
    residual->add("fn", reshape);
    norm = residual->add("norm", std::make_shared<ChannelNorm>(channels));
    owner.register_module("fn", residual);
  }
};

/// Pairs (2k, 2k+1) of the last axis as complex numbers times cos + i sin: a cos - b sin, b cos + a sin.
at::Tensor rotate(const at::Tensor& x, const at::Tensor& rotation) {
  const at::Tensor pairs = at::view_as_complex(x.unflatten(-1, {kHeadSize / 2, 2}));
  return at::view_as_real(pairs * at::view_as_complex(rotation)).flatten(-2);
}

}  // namespace

at::Tensor attend_over_frames(const at::Tensor& qkv, const Positions& positions) {
  const int64_t frames = qkv.size(1), places = qkv.size(2);
  const at::Tensor heads = qkv.view({-1, frames, places, 3, kHeads, kHeadSize}).permute({3, 0, 2, 4, 1, 5});
  const at::Tensor turned =
      rotate(heads.narrow(0, 0, 2).contiguous(), positions.rotation);  // (2,B,N,heads,F,32)
  const at::Tensor scores = at::matmul(turned[0], turned[1].transpose(-1, -2)) * kScale + positions.bias;
  return at::matmul(at::softmax(scores, -1), heads[2])
      .permute({0, 3, 1, 2, 4})
      .reshape({-1, frames, places, kInner});
}

TemporalAttention::TemporalAttention(int64_t channels, const std::shared_ptr<Rotary>& rotary, bool fast)
    : fast_(fast) {
  const TokenAttention parts(*this, channels, rotary);
  to_qkv_ = parts.to_qkv, to_out_ = parts.to_out, norm_ = parts.norm;
}

at::Tensor TemporalAttention::forward(const at::Tensor& x, const Positions& positions) const {
  if (fast_ && fast::serves(x))
    return fast::temporal_attention(x, norm_->gamma.flatten(), to_qkv_->weight, to_out_->weight, positions);
  const at::Tensor qkv = linear(norm_->forward(x), *to_qkv_).flatten(2, 3);
  return linear_plus(x, attend_over_frames(qkv, positions), *to_out_);
}

SpatialAttention::SpatialAttention(int64_t channels) {
  const TokenAttention parts(*this, channels, nullptr);
  to_qkv_ = parts.to_qkv, to_out_ = parts.to_out, norm_ = parts.norm;
}

at::Tensor SpatialAttention::forward(const at::Tensor& x) const {
  const int64_t places = x.size(2) * x.size(3);
  const at::Tensor heads = linear(norm_->forward(x), *to_qkv_)
                               .view({-1, places, 3, kHeads, kHeadSize})
                               .permute({2, 0, 3, 1, 4});  // (3,B*F,heads,N,32)
  const at::Tensor mixed = at::scaled_dot_product_attention(heads[0], heads[1], heads[2]);
  return linear_plus(x, mixed.transpose(1, 2).reshape({-1, kInner}), *to_out_);
}

LinearAttention::LinearAttention(int64_t channels, bool fast) : fast_(fast) {
  auto attention = std::make_shared<Children>();
  to_qkv_ =
      attention->add("to_qkv", std::make_shared<Weights>(at::IntArrayRef{3 * kInner, channels, 1, 1}, 0));
  to_out_ =
      attention->add("to_out", std::make_shared<Weights>(at::IntArrayRef{channels, kInner, 1, 1}, channels));
  auto residual = std::make_shared<Children>();
  residual->add("fn", attention);
  norm_ = residual->add("norm", std::make_shared<ChannelNorm>(channels));
  register_module("fn", residual);
}

// v never appears as a field: with y the normalised input, k v^T = (k y^T) Wv^T, and the output map acts on
// the small matrix ctx instead of on every position. Costs N*C*512 multiplications per frame instead of
// N*(C*512 + 128*64).
at::Tensor LinearAttention::forward(const at::Tensor& x) const {
  if (fast_ && fast::serves(x))
    return fast::linear_attention(x, norm_->gamma.flatten(), to_qkv_->weight.flatten(1),
                                  to_out_->weight.flatten(1), to_out_->bias);
  const int64_t channels = x.size(-1), places = x.size(2) * x.size(3);
  const at::Tensor y = norm_->forward(x).view({-1, places, channels});  // (B*F,N,C)
  const at::Tensor weight = to_qkv_->weight.flatten(1);
  const at::Tensor qk = at::linear(y, weight.narrow(0, 0, 2 * kInner));
  const at::Tensor q =
      at::softmax(qk.narrow(-1, 0, kInner).unflatten(-1, {kHeads, kHeadSize}), -1).flatten(-2);
  const at::Tensor k = at::softmax(qk.narrow(-1, kInner, kInner), 1);
  const at::Tensor gathered =
      at::bmm(k.transpose(1, 2), y).view({-1, kHeads, kHeadSize, channels});  // (B*F,heads,32,C)
  const at::Tensor value = weight.narrow(0, 2 * kInner, kInner).view({kHeads, kHeadSize, channels});
  const at::Tensor context = at::matmul(gathered, value.transpose(1, 2));                     // [d,e]
  const at::Tensor out = to_out_->weight.flatten(1).t().view({kHeads, kHeadSize, channels});  // [e,c]
  const at::Tensor map = (at::matmul(context, out) * kScale).view({-1, kInner, channels});
  return (x.view({-1, places, channels}) + to_out_->bias).baddbmm(q, map).view(x.sizes());
}

}  // namespace windtunnel::baselines::unet

#pragma once

#include <ATen/core/Tensor.h>

// Layers of the video tokenizer on x (B,T,H,W,C), dense and channels last. Weights have the published layout
// (out,in,kt,kh,kw). Convolutions are causal: frames before the first equal the first. `reference` computes
// each as one convolution on a padded copy.
namespace windtunnel::tokenizers::video {

/// 1x3x3, zero padding 1.
at::Tensor spatial_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                               bool reference);
/// 1x3x3 with stride 2 after one zero column at the right and one zero row at the bottom.
at::Tensor spatial_halving(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                           bool reference);
/// 3x1x1: y[i] = sum_k w_k x[max(stride*i + k - 2, 0)] + b, i = 0 ... (T-1)/stride.
at::Tensor temporal_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                int64_t stride, bool reference);
/// 1x1x1.
at::Tensor pointwise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);
/// 3x3x3, zero padding 1 in space.
at::Tensor full_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);
/// 3x3x3 with stride 2 in all axes: two copies of the first frame in front, zeros at the right and bottom.
at::Tensor full_halving(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

/// Mean of 2x2 pixels with stride 2, after the padding of spatial_halving().
at::Tensor spatial_mean(const at::Tensor& x);
/// Mean of frames max(2i-1,0) and 2i.
at::Tensor temporal_mean(const at::Tensor& x);
/// Every frame `times` times, without the first times-1 frames.
at::Tensor repeat_frames(const at::Tensor& x, int64_t times);
at::Tensor repeat_pixels(const at::Tensor& x);  ///< nearest, x2 in H and W

/// Group normalisation, eps 1e-6, affine per channel, then silu if asked for. One group: statistics per frame
/// over C,H,W; more: per sample over T,H,W and the channels of the group.
at::Tensor group_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, int64_t groups,
                      bool silu);

/// One head of width C, scale C^-0.5, over the H*W positions of each frame.
at::Tensor spatial_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool reference);
/// The same over the frames of each position, causal.
at::Tensor temporal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool reference);

}  // namespace windtunnel::tokenizers::video

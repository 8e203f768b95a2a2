#pragma once

#include <ATen/core/Tensor.h>

#include "baselines/unet/position.h"

// Fused layers for float32 on the CPU, with gradients. Nothing but the input is kept for the backward pass:
// inner values are computed again, tile by tile, in buffers that stay in a core's cache. x is (B,F,H,W,C),
// contiguous.
namespace windtunnel::baselines::unet::fast {

bool serves(const at::Tensor& x);

/// residual + SiLU(group_norm(x) * weight + bias); weight, bias (1 or B, C); `residual` may be undefined.
at::Tensor group_norm_silu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                           const at::Tensor& residual);

/// x + to_out(attention over frames of to_qkv(channel_norm(x))); to_qkv (384,C), to_out (C,128), gamma (C).
at::Tensor temporal_attention(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& to_qkv,
                              const at::Tensor& to_out, const Positions& positions);

/// x + to_out(linear attention over positions of to_qkv(channel_norm(x))) + bias; bias (C).
at::Tensor linear_attention(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& to_qkv,
                            const at::Tensor& to_out, const at::Tensor& bias);

}  // namespace windtunnel::baselines::unet::fast

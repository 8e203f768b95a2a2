#pragma once

#include <ATen/core/Tensor.h>

namespace windtunnel::tokenizers::ops {

/// Layers of the token transformer with gradients, float32. Each does in one pass what the library does in
/// several.

/// x r w over the last axis, r = 1/sqrt(mean x^2 + eps).
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

/// x (B,N,heads*hd) -> (B,heads,N,hd): optional rms norm per head (weight (hd) or undefined), then rotation
/// of components i, i + hd/2 by the row of `cos`, `sin` (N,hd/2).
at::Tensor norm_rotate(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& cos,
                       const at::Tensor& sin, int64_t heads, double eps);

/// silu(a) * b.
at::Tensor swiglu(const at::Tensor& a, const at::Tensor& b);

/// Causal softmax(q k^T / sqrt(hd)) v: q (B,h,N,hd), k and v (B,kv,N,hd), h a multiple of kv; query head g
/// reads key/value head g / (h/kv). Result (B,N,h*hd). No scores and no repeated keys in memory.
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

/// Mean over rows of log-sum-exp(h W^T) minus the label's logit: hidden (M,D), weight (V,D), labels (M)
/// int64. Works through blocks of rows and keeps no logits: memory is block x V instead of M x V.
at::Tensor cross_entropy(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& labels);

}  // namespace windtunnel::tokenizers::ops

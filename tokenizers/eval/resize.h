#pragma once

#include <ATen/core/Tensor.h>

namespace windtunnel::tokenizers {

/// Fields (N,C,H,W) on a grid of height x width: enlarged or shrunk by max(height/H, width/W), antialiased
/// bilinear with pixel centres kept, then cut to the centre (offset half the surplus, rounded half to even).
/// Equal sizes: x itself.
at::Tensor resize_to_cover(const at::Tensor& x, int64_t height, int64_t width);

}  // namespace windtunnel::tokenizers

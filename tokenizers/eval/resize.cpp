#include "tokenizers/eval/resize.h"

#include <ATen/ops/_upsample_bilinear2d_aa.h>

#include <algorithm>
#include <cmath>

#include "core/array.h"
#include "core/error.h"

namespace windtunnel::tokenizers {
namespace {

int64_t centre_offset(int64_t size, int64_t wanted) {
  return static_cast<int64_t>(std::nearbyint(static_cast<double>(size - wanted) / 2));  // half to even
}

}  // namespace

at::Tensor resize_to_cover(const at::Tensor& x, int64_t height, int64_t width) {
  if (x.dim() != 4 || x.numel() == 0 || height < 1 || width < 1)
    throw data_error(
        "resize of shape " + core::to_string(x.sizes().vec()) + " to " + core::to_string({height, width}),
        "(N,C,H,W) and positive sizes");
  const int64_t h = x.size(2), w = x.size(3);
  if (h == height && w == width) return x;
  const double scale = std::max(static_cast<double>(height) / static_cast<double>(h),
                                static_cast<double>(width) / static_cast<double>(w));
  const auto scaled = [&](int64_t n) {
    return static_cast<int64_t>(std::ceil(scale * static_cast<double>(n)));
  };
  const int64_t tall = scaled(h), wide = scaled(w);
  const at::Tensor y =
      tall == h && wide == w ? x : at::_upsample_bilinear2d_aa(x, {tall, wide}, /*align_corners=*/false);
  return y.narrow(2, centre_offset(tall, height), height).narrow(3, centre_offset(wide, width), width);
}

}  // namespace windtunnel::tokenizers

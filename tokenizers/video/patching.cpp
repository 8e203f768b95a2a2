#include "tokenizers/video/patching.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/slice.h>
#include <ATen/ops/stack.h>

#include <vector>

#include "core/error.h"

namespace windtunnel::tokenizers {
namespace {

/// Axes of (B,T,H,W,C) in the order of their letters.
std::vector<int64_t> axes_of(const Patching& p) {
  return p.space_time == 3 ? std::vector<int64_t>{1, 2, 3} : std::vector<int64_t>{3, 2};
}

at::Tensor every_second(const at::Tensor& x, int64_t axis, int64_t first) {
  return at::slice(x, axis, first, std::nullopt, 2);
}

/// One packet level on (B,T,H,W,C) -> (B,T/2,H/2,W/2,8C), bands slow.
at::Tensor analyse(const at::Tensor& x, const std::vector<int64_t>& axes) {
  const int64_t channels = x.size(4);
  at::Tensor y = x.unsqueeze(4);  // (B,T,H,W,bands,C)
  for (const int64_t axis : axes) {
    if (y.size(axis) % 2 != 0) {
      if (y.size(axis) < 3)
        throw model_error("wavelet patching of an axis of length " + std::to_string(y.size(axis)),
                          "at least 3 samples where the length is odd", "larger fields or a smaller patch");
      y = at::cat({y, y.narrow(axis, y.size(axis) - 2, 1)}, axis);
    }
    const at::Tensor a = every_second(y, axis, 0), b = every_second(y, axis, 1);
    y = at::stack({(a + b) * 0.5, (a - b) * 0.5}, 5).flatten(4, 5);
  }
  return y.reshape({y.size(0), y.size(1), y.size(2), y.size(3), y.size(4) * channels});
}

at::Tensor synthesise(const at::Tensor& y, const std::vector<int64_t>& axes) {
  const auto bands = int64_t{1} << axes.size();
  at::Tensor x = y.reshape({y.size(0), y.size(1), y.size(2), y.size(3), bands, y.size(4) / bands});
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    const at::Tensor low = every_second(x, 4, 0), high = every_second(x, 4, 1);
    x = at::stack({low + high, low - high}, *axis + 1).flatten(*axis, *axis + 1);
  }
  return x.squeeze(4);
}

int levels_of(const Patching& p) {
  int levels = 0;
  for (int64_t size = p.size; size > 1; size /= 2) ++levels;
  if (p.size < 1 || int64_t{1} << levels != p.size)
    throw model_error("patch size " + std::to_string(p.size), "a power of two");
  return levels;
}

void check_divisible(const at::Tensor& x, int64_t axis, const Patching& p) {
  if (x.size(axis) % p.size != 0)
    throw model_error(
        "blocks of " + std::to_string(p.size) + " on an axis of length " + std::to_string(x.size(axis)),
        "a multiple of the patch size");
}

}  // namespace

int64_t Patching::block() const { return space_time == 3 ? size * size * size : size * size; }

at::Tensor patch(const at::Tensor& x, const Patching& p) {
  const int levels = levels_of(p);
  at::Tensor y = x;
  if (p.space_time == 3 && p.size > 1) {
    std::vector<at::Tensor> frames(static_cast<size_t>(p.size - 1), x.narrow(1, 0, 1));
    frames.push_back(x);
    y = at::cat(frames, 1);
  }
  if (p.method == "haar") {
    for (int level = 0; level < levels; ++level) y = analyse(y, axes_of(p));
    return y;
  }
  for (const int64_t axis : axes_of(p)) check_divisible(y, axis, p);
  const int64_t pt = p.space_time == 3 ? p.size : 1, ps = p.size;
  y = y.reshape({y.size(0), y.size(1) / pt, pt, y.size(2) / ps, ps, y.size(3) / ps, ps, y.size(4)});
  return y.permute({0, 1, 3, 5, 7, 2, 4, 6}).flatten(4, 7).contiguous();
}

at::Tensor unpatch(const at::Tensor& y, const Patching& p) {
  const int levels = levels_of(p);
  at::Tensor x = y;
  if (p.method == "haar") {
    for (int level = 0; level < levels; ++level) x = synthesise(x, axes_of(p));
  } else {
    const int64_t pt = p.space_time == 3 ? p.size : 1, ps = p.size;
    x = y.reshape({y.size(0), y.size(1), y.size(2), y.size(3), y.size(4) / p.block(), pt, ps, ps});
    x = x.permute({0, 1, 5, 2, 6, 3, 7, 4})
            .reshape({y.size(0), y.size(1) * pt, y.size(2) * ps, y.size(3) * ps, y.size(4) / p.block()});
  }
  return p.space_time == 3 ? x.narrow(1, p.size - 1, x.size(1) - p.size + 1) : x;
}

int64_t patched_channel(const Patching& p, int64_t band, int64_t c, int64_t channels) {
  return p.method == "haar" ? band * channels + c : c * p.block() + band;
}

}  // namespace windtunnel::tokenizers

#include "tokenizers/video/ops.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/upsample_nearest2d.h>

#include <array>
#include <cmath>
#include <vector>

namespace windtunnel::tokenizers::video {
namespace {

constexpr double kEpsilon = 1e-6;

/// (B,T,H,W,C) <-> (B*T,C,H,W) and (B,C,T,H,W), as views where the library allows.
at::Tensor images(const at::Tensor& x) {
  return x.reshape({x.size(0) * x.size(1), x.size(2), x.size(3), x.size(4)}).permute({0, 3, 1, 2});
}
at::Tensor from_images(const at::Tensor& y, int64_t batch) {
  const at::Tensor last = y.permute({0, 2, 3, 1}).contiguous();
  return last.view({batch, last.size(0) / batch, last.size(1), last.size(2), last.size(3)});
}
at::Tensor channels_first(const at::Tensor& x) { return x.permute({0, 4, 1, 2, 3}); }
at::Tensor channels_last(const at::Tensor& x) { return x.permute({0, 2, 3, 4, 1}).contiguous(); }

/// `copies` more of the first frame in front.
at::Tensor prepend_first(const at::Tensor& x, int64_t copies) {
  std::vector<at::Tensor> frames(static_cast<size_t>(copies), x.narrow(1, 0, 1));
  frames.push_back(x);
  return at::cat(frames, 1);
}

/// Frame max(i - shift, 0) at place i.
at::Tensor delayed(const at::Tensor& x, int64_t shift) {
  const int64_t n = x.size(1);
  std::vector<at::Tensor> frames(static_cast<size_t>(std::min(shift, n)), x.narrow(1, 0, 1));
  if (n > shift) frames.push_back(x.narrow(1, 0, n - shift));
  return at::cat(frames, 1);
}

/// Rows of x (N,in) times w^T (in,out), added to y in place.
void add_product(const at::Tensor& y, const at::Tensor& x, const at::Tensor& w) {
  y.flatten(0, -2).addmm_(x.flatten(0, -2), w);
}

/// Each output frame gathers three products; nothing is padded or copied.
at::Tensor temporal_inference(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor taps = weight.flatten(2).permute({2, 1, 0}).contiguous();  // (3,in,out)
  const at::Tensor y = at::linear(x, weight.select(2, 2).flatten(1), bias);
  const int64_t frames = x.size(1);
  for (int64_t b = 0; b < x.size(0); ++b)
    for (int64_t delay = 1; delay <= 2; ++delay) {
      const at::Tensor tap = taps[2 - delay];
      for (int64_t t = 0; t < std::min(delay, frames); ++t) add_product(y[b][t], x[b][0], tap);
      if (frames > delay)
        add_product(y[b].narrow(0, delay, frames - delay), x[b].narrow(0, 0, frames - delay), tap);
    }
  return y;
}

at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal) {
  at::Tensor scores = at::matmul(q, k.transpose(-2, -1)) / std::sqrt(static_cast<double>(q.size(-1)));
  if (causal) {
    const at::Tensor allowed = at::ones({q.size(-2), q.size(-2)}, at::kBool).tril();
    scores = scores.masked_fill(~allowed, -INFINITY);
  }
  return at::matmul(at::softmax(scores, -1), v);
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal,
                     bool reference) {
  if (reference) return plain_attention(q, k, v, causal);
  return at::scaled_dot_product_attention(q.unsqueeze(1), k.unsqueeze(1), v.unsqueeze(1), {}, 0.0, causal)
      .squeeze(1);
}

}  // namespace

at::Tensor spatial_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                               bool reference) {
  if (reference) {
    const std::array<int64_t, 3> padding{0, 1, 1};
    return channels_last(at::conv3d(channels_first(x).contiguous(), weight, bias, 1, padding));
  }
  return from_images(at::conv2d(images(x), weight.squeeze(2), bias, 1, 1), x.size(0));
}

at::Tensor spatial_halving(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                           bool reference) {
  if (reference) {
    const std::array<int64_t, 4> pad{0, 1, 0, 1};
    const std::array<int64_t, 3> stride{1, 2, 2};
    return channels_last(
        at::conv3d(at::constant_pad_nd(channels_first(x).contiguous(), pad), weight, bias, stride));
  }
  const std::array<int64_t, 4> pad{0, 1, 0, 1};
  return from_images(at::conv2d(at::constant_pad_nd(images(x), pad), weight.squeeze(2), bias, 2), x.size(0));
}

at::Tensor temporal_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                int64_t stride, bool reference) {
  if (reference) {
    const std::array<int64_t, 3> strides{stride, 1, 1};
    return channels_last(at::conv3d(channels_first(prepend_first(x, 2)).contiguous(), weight, bias, strides));
  }
  const auto tap = [&](int64_t k) { return weight.select(2, k).flatten(1); };
  if (stride == 1) {
    const bool records = at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad());
    if (!records) return temporal_inference(x.contiguous(), weight, bias);
    return at::linear(x, tap(2), bias) + delayed(at::linear(x, tap(1)), 1) +
           delayed(at::linear(x, tap(0)), 2);
  }
  const at::Tensor padded = prepend_first(x, 2);
  const int64_t outputs = (x.size(1) - 1) / stride + 1;
  const auto frames = [&](int64_t k) {
    return padded.slice(1, k, k + stride * (outputs - 1) + 1, stride).contiguous();
  };
  return at::linear(frames(2), tap(2), bias) + at::linear(frames(1), tap(1)) + at::linear(frames(0), tap(0));
}

at::Tensor pointwise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::linear(x, weight.flatten(1), bias);
}

at::Tensor full_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const std::array<int64_t, 3> padding{0, 1, 1};
  return channels_last(
      at::conv3d(channels_first(prepend_first(x, 2)).contiguous(), weight, bias, 1, padding));
}

at::Tensor full_halving(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const std::array<int64_t, 4> pad{0, 1, 0, 1};
  const at::Tensor padded = at::constant_pad_nd(channels_first(prepend_first(x, 2)).contiguous(), pad);
  return channels_last(at::conv3d(padded, weight, bias, 2));
}

at::Tensor spatial_mean(const at::Tensor& x) {
  const std::array<int64_t, 4> pad{0, 1, 0, 1};
  const at::Tensor source =
      x.size(2) % 2 == 0 && x.size(3) % 2 == 0 ? images(x) : at::constant_pad_nd(images(x), pad);
  return from_images(at::avg_pool2d(source, 2, 2), x.size(0));
}

at::Tensor temporal_mean(const at::Tensor& x) {
  const at::Tensor now = x.slice(1, 0, std::nullopt, 2), before = delayed(x, 1).slice(1, 0, std::nullopt, 2);
  return ((now + before) * 0.5).contiguous();
}

at::Tensor repeat_frames(const at::Tensor& x, int64_t times) {
  if (times == 1) return x;
  const at::Tensor repeated = x.repeat_interleave(times, 1);
  return repeated.narrow(1, times - 1, repeated.size(1) - times + 1).contiguous();
}

at::Tensor repeat_pixels(const at::Tensor& x) {
  const std::array<int64_t, 2> size{2 * x.size(2), 2 * x.size(3)};
  return from_images(at::upsample_nearest2d(images(x), size), x.size(0));
}

at::Tensor group_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, int64_t groups,
                      bool silu) {
  at::Tensor y;
  if (groups == 1) {
    // A frame is one dense run of memory, so that its statistics are those of a layer norm.
    const int64_t frame = x.size(2) * x.size(3) * x.size(4);
    const at::Tensor flat = x.reshape({x.size(0) * x.size(1), frame});
    y = at::addcmul(bias, at::layer_norm(flat, frame, {}, {}, kEpsilon).view(x.sizes()), weight);
  } else {
    y = channels_last(at::group_norm(channels_first(x).contiguous(), groups, weight, bias, kEpsilon));
  }
  if (!silu) return y;
  return y.requires_grad() ? at::silu(y) : at::silu_(y);
}

at::Tensor spatial_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool reference) {
  const auto rows = [](const at::Tensor& x) {
    return x.reshape({x.size(0) * x.size(1), x.size(2) * x.size(3), x.size(4)});
  };
  return attention(rows(q), rows(k), rows(v), false, reference).reshape(q.sizes());
}

at::Tensor temporal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool reference) {
  if (q.size(1) == 1) return v;  // a frame that sees only itself
  const auto columns = [](const at::Tensor& x) {
    return x.permute({0, 2, 3, 1, 4}).reshape({x.size(0) * x.size(2) * x.size(3), x.size(1), x.size(4)});
  };
  const at::Tensor y = attention(columns(q), columns(k), columns(v), true, reference);
  return y.view({q.size(0), q.size(2), q.size(3), q.size(1), q.size(4)})
      .permute({0, 3, 1, 2, 4})
      .contiguous();
}

}  // namespace windtunnel::tokenizers::video

#include <ATen/ops/addmm.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "baselines/lanes.h"
#include "baselines/simd.h"
#include "baselines/unet/fast.h"
#include "baselines/unet/rows.h"

// Linear attention without q, k or v as fields. With y the normalised input of a frame, (N,C):
//   k = softmax over positions of y Wk^T;  G = k^T y, (128,C);  per head  M = (G Wv^T) Wo / sqrt(32), (32,C)
//   q = softmax over components of y Wq^T;  out = x + q M + bias
// Two passes over the positions of a frame, in tiles.
namespace windtunnel::baselines::unet::fast {

namespace {

using simd::Floats;
using simd::kLanes;
using simd::load;
using simd::store;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kTileRows = 256;
constexpr double kScale = 0.17677669529663687;  // 1/sqrt(32)

float* data(const at::Tensor& tensor) { return tensor.data_ptr<float>(); }

/// Softmax over each head's 32 components, in place; rows of 128 at `stride`.
WINDTUNNEL_CLONES void softmax_components(float* q, int64_t rows, int64_t stride) {
  constexpr int64_t parts = kHeadSize / kLanes;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t h = 0; h < kHeads; ++h) {
      float* at = q + row * stride + h * kHeadSize;
      Floats v[parts], largest, total{};
      for (int64_t i = 0; i < parts; ++i) load(v[i], at + i * kLanes);
      largest = v[0];
      for (int64_t i = 1; i < parts; ++i) simd::take_larger(largest, v[i]);
      float top = largest[0];
      for (int64_t i = 1; i < kLanes; ++i) top = std::max(top, largest[i]);
      for (int64_t i = 0; i < parts; ++i) {
        v[i] -= top;
        simd::exponential(v[i]);
        total += v[i];
      }
      const float inverse = 1.0f / simd::sum(total);
      for (int64_t i = 0; i < parts; ++i) store(v[i] * inverse, at + i * kLanes);
    }
}

/// dq <- q * (dq - sum over the head's components of q * dq)
WINDTUNNEL_CLONES void softmax_components_backward(const float* q, float* dq, int64_t rows, int64_t q_stride,
                                                   int64_t dq_stride) {
  constexpr int64_t parts = kHeadSize / kLanes;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t h = 0; h < kHeads; ++h) {
      const float* values = q + row * q_stride + h * kHeadSize;
      float* at = dq + row * dq_stride + h * kHeadSize;
      Floats v[parts], d[parts], total{};
      for (int64_t i = 0; i < parts; ++i) {
        load(v[i], values + i * kLanes);
        load(d[i], at + i * kLanes);
        total += v[i] * d[i];
      }
      const float inner = simd::sum(total);
      for (int64_t i = 0; i < parts; ++i) store(v[i] * (d[i] - inner), at + i * kLanes);
    }
}

/// top <- max(top, rows of k); factor = exp(old top - new top), which rescales earlier sums.
WINDTUNNEL_CLONES void raise_top(const float* k, int64_t rows, float* top, float* factor) {
  Floats v, t, old;
  for (int64_t c = 0; c < kInner; c += kLanes) {
    load(t, top + c);
    old = t;
    for (int64_t row = 0; row < rows; ++row) {
      load(v, k + row * kInner + c);
      simd::take_larger(t, v);
    }
    store(t, top + c);
    old -= t;
    simd::exponential(old);
    store(old, factor + c);
  }
}

/// k <- exp(k - top); adds the rows to `sums`.
WINDTUNNEL_CLONES void exponentials(float* k, int64_t rows, const float* top, float* sums) {
  Floats v, t, s;
  for (int64_t c = 0; c < kInner; c += kLanes) {
    load(t, top + c);
    load(s, sums + c);
    for (int64_t row = 0; row < rows; ++row) {
      float* at = k + row * kInner + c;
      load(v, at);
      v -= t;
      simd::exponential(v);
      store(v, at);
      s += v;
    }
    store(s, sums + c);
  }
}

/// k <- exp(k - top) * share, rows of 128 at `stride`.
WINDTUNNEL_CLONES void softmax_positions(const float* k, float* out, int64_t rows, int64_t stride,
                                         const float* top, const float* share) {
  Floats v, t, s;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t c = 0; c < kInner; c += kLanes) {
      load(v, k + row * stride + c);
      load(t, top + c);
      load(s, share + c);
      v -= t;
      simd::exponential(v);
      store(v * s, out + row * kInner + c);
    }
}

/// dk <- k * (dk - inner), written to rows of `stride`.
WINDTUNNEL_CLONES void softmax_positions_backward(const float* k, const float* dk, const float* inner,
                                                  float* out, int64_t rows, int64_t stride) {
  Floats v, d, i;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t c = 0; c < kInner; c += kLanes) {
      load(v, k + row * kInner + c);
      load(d, dk + row * kInner + c);
      load(i, inner + c);
      store(v * (d - i), out + row * stride + c);
    }
}

WINDTUNNEL_CLONES void add_column_sums(const float* rows_of, int64_t rows, int64_t channels, float* sums) {
  Floats v, s;
  for (int64_t c = 0; c < channels; c += kLanes) {
    load(s, sums + c);
    for (int64_t row = 0; row < rows; ++row) {
      load(v, rows_of + row * channels + c);
      s += v;
    }
    store(s, sums + c);
  }
}

/// Weights as matrices: q and k rows of to_qkv; v and output per head.
struct Matrices {
  at::Tensor query, key, both, value, out;

  Matrices(const at::Tensor& to_qkv, const at::Tensor& to_out) {
    const int64_t channels = to_out.size(0);
    query = to_qkv.narrow(0, 0, kInner);
    key = to_qkv.narrow(0, kInner, kInner);
    both = to_qkv.narrow(0, 0, 2 * kInner);
    value = to_qkv.narrow(0, 2 * kInner, kInner).view({kHeads, kHeadSize, channels});  // [e,c]
    out = to_out.t().reshape({kHeads, kHeadSize, channels});                           // [e,c]
  }
  /// ctx[d,e] per frame and head from G (frames,128,C).
  at::Tensor context(const at::Tensor& gathered) const {
    return at::matmul(gathered.unflatten(1, {kHeads, kHeadSize}), value.transpose(1, 2));
  }
  /// M (frames,128,C).
  at::Tensor map(const at::Tensor& gathered) const {
    return (at::matmul(context(gathered), out) * kScale).flatten(1, 2).contiguous();
  }
};

/// Softmax over positions: per frame and channel the largest k and 1 / sum of exponentials; and G.
struct Keys {
  at::Tensor top, share, gathered;  ///< (frames,128) twice, (frames,128,C)
};

struct Frames {
  int64_t count, places, channels;
  explicit Frames(const at::Tensor& x)
      : count(x.size(0) * x.size(1)), places(x.size(2) * x.size(3)), channels(x.size(4)) {}

  /// body(first place, number of places) for the tiles of one frame.
  template <class Body>
  void tiles(const Body& body) const {
    for (int64_t first = 0; first < places; first += kTileRows)
      body(first, std::min(kTileRows, places - first));
  }
};

Keys gather_keys(const Frames& f, const float* x, const float* gamma, const Matrices& m) {
  Keys keys{at::empty({f.count, kInner}), at::empty({f.count, kInner}),
            at::zeros({f.count, kInner, f.channels})};
  keys.top.fill_(-1e30f);
  run_lanes(f.count, [&](int64_t, int64_t begin, int64_t end) {
    const at::Tensor normed = at::empty({kTileRows, f.channels}), k = at::empty({kTileRows, kInner}),
                     factor = at::empty({kInner, 1}), sums = at::empty({kInner, 1});
    for (int64_t frame = begin; frame < end; ++frame) {
      float* top = data(keys.top) + frame * kInner;
      at::Tensor gathered = keys.gathered[frame];
      sums.zero_();
      f.tiles([&](int64_t first, int64_t rows) {
        normalise_rows(x + (frame * f.places + first) * f.channels, gamma, data(normed), rows, f.channels);
        const at::Tensor y = normed.narrow(0, 0, rows);
        at::Tensor tile = k.narrow(0, 0, rows);
        at::mm_out(tile, y, m.key.t());
        raise_top(data(k), rows, top, data(factor));
        sums.mul_(factor);
        gathered.mul_(factor);
        exponentials(data(k), rows, top, data(sums));
        gathered.addmm_(tile.t(), y);
      });
      keys.share[frame].copy_(sums.view({kInner}).reciprocal());
      gathered.div_(sums);
    }
  });
  return keys;
}

class Attention : public torch::autograd::Function<Attention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& gamma,
                            const at::Tensor& to_qkv, const at::Tensor& to_out, const at::Tensor& bias) {
    const Frames f(x);
    const Matrices m(to_qkv, to_out);
    const float *from = x.const_data_ptr<float>(), *scale = gamma.const_data_ptr<float>();
    const Keys keys = gather_keys(f, from, scale, m);
    const at::Tensor maps = m.map(keys.gathered);
    at::Tensor y = at::empty_like(x);
    float* to = data(y);
    run_lanes(f.count, [&](int64_t, int64_t begin, int64_t end) {
      const at::Tensor normed = at::empty({kTileRows, f.channels}), q = at::empty({kTileRows, kInner}),
                       outer = at::empty({kTileRows, f.channels});
      for (int64_t frame = begin; frame < end; ++frame) {
        const at::Tensor map = maps[frame];
        f.tiles([&](int64_t first, int64_t rows) {
          const int64_t at = (frame * f.places + first) * f.channels;
          normalise_rows(from + at, scale, data(normed), rows, f.channels);
          at::Tensor query = q.narrow(0, 0, rows), out = outer.narrow(0, 0, rows);
          at::mm_out(query, normed.narrow(0, 0, rows), m.query.t());
          softmax_components(data(q), rows, kInner);
          at::mm_out(out, query, map);
          add_rows(from + at, data(outer), bias.const_data_ptr<float>(), to + at, rows, f.channels);
        });
      }
    });
    context->save_for_backward({x, gamma, to_qkv, to_out, keys.top, keys.share, keys.gathered});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &gamma = saved[1];
    const Matrices m(saved[2], saved[3]);
    const Keys keys{saved[4], saved[5], saved[6]};
    const at::Tensor dy = gradients[0].contiguous();
    const Frames f(x);
    const float *from = x.const_data_ptr<float>(), *d = dy.const_data_ptr<float>();
    const float* scale = gamma.const_data_ptr<float>();

    const at::Tensor dmaps = at::zeros({f.count, kInner, f.channels});
    run_lanes(f.count, [&](int64_t, int64_t begin, int64_t end) {
      const at::Tensor normed = at::empty({kTileRows, f.channels}), q = at::empty({kTileRows, kInner});
      for (int64_t frame = begin; frame < end; ++frame) {
        at::Tensor dmap = dmaps[frame];
        f.tiles([&](int64_t first, int64_t rows) {
          const int64_t at = frame * f.places + first;
          normalise_rows(from + at * f.channels, scale, data(normed), rows, f.channels);
          at::Tensor query = q.narrow(0, 0, rows);
          at::mm_out(query, normed.narrow(0, 0, rows), m.query.t());
          softmax_components(data(q), rows, kInner);
          dmap.addmm_(query.t(), dy.view({-1, f.channels}).narrow(0, at, rows));
        });
      }
    });

    const at::Tensor ctx = m.context(keys.gathered),
                     dmap_heads = dmaps.unflatten(1, {kHeads, kHeadSize}) * kScale;
    const at::Tensor dctx = at::matmul(dmap_heads, m.out.transpose(1, 2));
    const at::Tensor dout = at::matmul(ctx.transpose(2, 3), dmap_heads).sum(0);  // [e,c]
    const at::Tensor dgathered = at::matmul(dctx, m.value).flatten(1, 2).contiguous();
    const at::Tensor dvalue =
        at::matmul(dctx.transpose(2, 3), keys.gathered.unflatten(1, {kHeads, kHeadSize})).sum(0);
    const at::Tensor inner = (dgathered * keys.gathered).sum(2);  // sum over positions of k * dk
    const at::Tensor maps = m.map(keys.gathered);

    const int64_t lanes = lane_count(f.count);
    const at::Tensor dgamma = at::zeros({lanes, f.channels}), dbias = at::zeros({lanes, f.channels}),
                     dboth = at::zeros({lanes, 2 * kInner, f.channels});
    at::Tensor dx = at::empty_like(x);
    float* to = data(dx);
    run_lanes(f.count, [&](int64_t lane, int64_t begin, int64_t end) {
      const at::Tensor normed = at::empty({kTileRows, f.channels}), qk = at::empty({kTileRows, 2 * kInner}),
                       dqk = at::empty({kTileRows, 2 * kInner}), k = at::empty({kTileRows, kInner}),
                       dk = at::empty({kTileRows, kInner}), dnormed = at::empty({kTileRows, f.channels});
      at::Tensor lane_both = dboth[lane];
      for (int64_t frame = begin; frame < end; ++frame) {
        const at::Tensor map = maps[frame], dg = dgathered[frame];
        const float* inner_row = data(inner) + frame * kInner;
        f.tiles([&](int64_t first, int64_t rows) {
          const int64_t at = frame * f.places + first, offset = at * f.channels;
          normalise_rows(from + offset, scale, data(normed), rows, f.channels);
          const at::Tensor y = normed.narrow(0, 0, rows), g = dy.view({-1, f.channels}).narrow(0, at, rows);
          at::Tensor both = qk.narrow(0, 0, rows), d_both = dqk.narrow(0, 0, rows),
                     d_key = dk.narrow(0, 0, rows), d_normed = dnormed.narrow(0, 0, rows);
          at::mm_out(both, y, m.both.t());
          softmax_components(data(qk), rows, 2 * kInner);
          softmax_positions(data(qk) + kInner, data(k), rows, 2 * kInner, data(keys.top) + frame * kInner,
                            data(keys.share) + frame * kInner);
          at::Tensor d_query = d_both.narrow(1, 0, kInner);
          at::mm_out(d_query, g, map.t());
          softmax_components_backward(data(qk), data(dqk), rows, 2 * kInner, 2 * kInner);
          at::mm_out(d_key, y, dg.t());
          softmax_positions_backward(data(k), data(dk), inner_row, data(dqk) + kInner, rows, 2 * kInner);
          lane_both.addmm_(d_both.t(), y);
          at::mm_out(d_normed, d_both, m.both);
          d_normed.addmm_(k.narrow(0, 0, rows), dg);
          add_column_sums(d + offset, rows, f.channels, data(dbias) + lane * f.channels);
          normalise_rows_backward(from + offset, scale, data(dnormed), d + offset, to + offset,
                                  data(dgamma) + lane * f.channels, rows, f.channels);
        });
      }
    });
    at::Tensor dto_qkv = at::empty_like(saved[2]);
    dto_qkv.narrow(0, 0, 2 * kInner).copy_(dboth.sum(0));
    dto_qkv.narrow(0, 2 * kInner, kInner).copy_(dvalue.flatten(0, 1));
    return {dx, dgamma.sum(0), dto_qkv, dout.flatten(0, 1).t().contiguous(), dbias.sum(0)};
  }
};

}  // namespace

at::Tensor linear_attention(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& to_qkv,
                            const at::Tensor& to_out, const at::Tensor& bias) {
  return Attention::apply(x.contiguous(), gamma, to_qkv, to_out, bias);
}

}  // namespace windtunnel::baselines::unet::fast

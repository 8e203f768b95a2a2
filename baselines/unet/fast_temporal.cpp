#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "baselines/lanes.h"
#include "baselines/simd.h"
#include "baselines/unet/fast.h"
#include "baselines/unet/rows.h"
#include "core/operations.h"

// Temporal attention in tiles of neighbouring places: all frames of a tile are gathered, normalised and
// mapped to q, k, v in a buffer that stays in the cache; each place then attends over its frames head by
// head.
namespace windtunnel::baselines::unet::fast {

namespace {

using simd::Floats;
using simd::kLanes;
using simd::load;
using simd::store;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kTileRows = 256;
constexpr int64_t kTriple = 3 * kInner;
constexpr float kScale = 0.17677669529663687f;  // 1/sqrt(32)
constexpr int64_t kVectors = kHeadSize / kLanes;

/// What all tiles share: rotation per frame as factors of a vector and of its pair-swapped self, and the bias
/// with rows padded to whole vectors.
struct Tables {
  int64_t frames, padded;
  std::vector<float> cosine, sine;  ///< (F,32); sine with the sign of its place
  std::vector<float> bias;          ///< (heads,F,padded); padding far below every score

  Tables(const at::Tensor& rotation, const at::Tensor& position_bias, int64_t f)
      : frames(f), padded((f + kLanes - 1) / kLanes * kLanes) {
    const at::Tensor angles = rotation.contiguous();
    const float* values = angles.const_data_ptr<float>();
    for (int64_t i = 0; i < frames * kHeadSize / 2; ++i) {
      cosine.insert(cosine.end(), {values[2 * i], values[2 * i]});
      sine.insert(sine.end(), {-values[2 * i + 1], values[2 * i + 1]});
    }
    const at::Tensor full = position_bias.expand({kHeads, frames, frames}).contiguous();
    const float* from = full.const_data_ptr<float>();
    bias.assign(static_cast<size_t>(kHeads * frames * padded), -1e30f);
    for (int64_t row = 0; row < kHeads * frames; ++row)
      std::copy(from + row * frames, from + (row + 1) * frames, &bias[static_cast<size_t>(row * padded)]);
  }
};

/// Buffers of one head at one place.
struct HeadBuffers {
  explicit HeadBuffers(const Tables& t)
      : q(size(t)),
        k(size(t)),
        v(size(t)),
        d(size(t)),
        dq(size(t)),
        dk(size(t)),
        dv(size(t)),
        columns(static_cast<size_t>(kHeadSize * t.padded)),
        value_columns(columns.size()),
        weights(static_cast<size_t>(t.padded)),
        slopes(weights.size()) {}
  static size_t size(const Tables& t) { return static_cast<size_t>(t.padded * kHeadSize); }
  std::vector<float> q, k, v, d, dq, dk, dv;  ///< (padded,32)
  std::vector<float> columns, value_columns;  ///< k and v transposed, (32,padded)
  std::vector<float> weights, slopes;         ///< one row of the attention and of its gradient
};

WINDTUNNEL_INLINE void rotated(Floats& v, const float* cosine, const float* sine) {
  Floats c, s, swapped = v;
  load(c, cosine);
  load(s, sine);
  simd::swap_pairs(swapped);
  v = v * c + swapped * s;
}

WINDTUNNEL_INLINE void rotated_back(Floats& v, const float* cosine, const float* sine) {
  Floats c, s, swapped = v;
  load(c, cosine);
  load(s, sine);
  simd::swap_pairs(swapped);
  v = v * c - swapped * s;
}

/// Fills q (scaled, rotated), k (rotated), v and k's columns from rows of q, k, v at `stride` floats per
/// frame.
WINDTUNNEL_INLINE void gather_head(const float* qkv, int64_t stride, const Tables& t, HeadBuffers& b) {
  Floats value;
  for (int64_t f = 0; f < t.frames; ++f)
    for (int64_t part = 0; part < kHeadSize; part += kLanes) {
      const float *c = &t.cosine[f * kHeadSize + part], *s = &t.sine[f * kHeadSize + part];
      const float* from = qkv + f * stride + part;
      load(value, from);
      value *= kScale;
      rotated(value, c, s);
      store(value, &b.q[f * kHeadSize + part]);
      load(value, from + kInner);
      rotated(value, c, s);
      store(value, &b.k[f * kHeadSize + part]);
      for (int64_t i = 0; i < kLanes; ++i) b.columns[(part + i) * t.padded + f] = value[i];
      load(value, from + 2 * kInner);
      store(value, &b.v[f * kHeadSize + part]);
    }
}

/// One row of the attention: softmax over j of q_i.k_j + bias, into `weights`.
WINDTUNNEL_INLINE void attention_row(const float* q, const float* bias, const Tables& t, HeadBuffers& b) {
  Floats largest{}, value, column;
  for (int64_t j = 0; j < t.padded; j += kLanes) {
    load(value, bias + j);
    for (int64_t d = 0; d < kHeadSize; ++d) {
      load(column, &b.columns[d * t.padded + j]);
      value += column * q[d];
    }
    store(value, &b.weights[j]);
    if (j == 0) largest = value;
    simd::take_larger(largest, value);
  }
  float top = largest[0];
  for (int64_t i = 1; i < kLanes; ++i) top = std::max(top, largest[i]);
  Floats total{};
  for (int64_t j = 0; j < t.padded; j += kLanes) {
    load(value, &b.weights[j]);
    value -= top;
    simd::exponential(value);
    store(value, &b.weights[j]);
    total += value;
  }
  const float inverse = 1.0f / simd::sum(total);
  for (int64_t j = 0; j < t.padded; j += kLanes) {
    load(value, &b.weights[j]);
    store(value * inverse, &b.weights[j]);
  }
}

/// Attention of every place and head of a tile. qkv rows (F,P,384), out rows (F,P,128).
WINDTUNNEL_CLONES void attend(const float* qkv, float* out, int64_t places, const Tables& t, HeadBuffers& b) {
  for (int64_t p = 0; p < places; ++p)
    for (int64_t h = 0; h < kHeads; ++h) {
      gather_head(qkv + p * kTriple + h * kHeadSize, places * kTriple, t, b);
      for (int64_t i = 0; i < t.frames; ++i) {
        attention_row(&b.q[i * kHeadSize], &t.bias[(h * t.frames + i) * t.padded], t, b);
        Floats sums[kVectors] = {}, value;
        for (int64_t j = 0; j < t.frames; ++j)
          for (int64_t part = 0; part < kVectors; ++part) {
            load(value, &b.v[j * kHeadSize + part * kLanes]);
            sums[part] += value * b.weights[j];
          }
        float* to = out + (i * places + p) * kInner + h * kHeadSize;
        for (int64_t part = 0; part < kVectors; ++part) store(sums[part], to + part * kLanes);
      }
    }
}

/// Gradient of attend: `dout` as out, `dqkv` as qkv; adds to dbias (heads,F,padded).
WINDTUNNEL_CLONES void attend_backward(const float* qkv, const float* dout, float* dqkv, float* dbias,
                                       int64_t places, const Tables& t, HeadBuffers& b) {
  for (int64_t p = 0; p < places; ++p)
    for (int64_t h = 0; h < kHeads; ++h) {
      gather_head(qkv + p * kTriple + h * kHeadSize, places * kTriple, t, b);
      std::fill(b.dq.begin(), b.dq.end(), 0.0f);
      std::fill(b.dk.begin(), b.dk.end(), 0.0f);
      std::fill(b.dv.begin(), b.dv.end(), 0.0f);
      Floats value, other;
      for (int64_t f = 0; f < t.frames; ++f)
        for (int64_t part = 0; part < kHeadSize; part += kLanes) {
          load(value, &b.v[f * kHeadSize + part]);
          for (int64_t i = 0; i < kLanes; ++i) b.value_columns[(part + i) * t.padded + f] = value[i];
          load(value, dout + (f * places + p) * kInner + h * kHeadSize + part);
          store(value, &b.d[f * kHeadSize + part]);
        }
      for (int64_t i = 0; i < t.frames; ++i) {
        const float *q = &b.q[i * kHeadSize], *d = &b.d[i * kHeadSize];
        attention_row(q, &t.bias[(h * t.frames + i) * t.padded], t, b);
        Floats inner{}, weight;
        for (int64_t j = 0; j < t.padded; j += kLanes) {
          Floats slope{};
          for (int64_t c = 0; c < kHeadSize; ++c) {
            load(value, &b.value_columns[c * t.padded + j]);
            slope += value * d[c];
          }
          load(weight, &b.weights[j]);
          inner += slope * weight;
          store(slope, &b.slopes[j]);
        }
        const float mean = simd::sum(inner);
        float* bias_row = dbias + (h * t.frames + i) * t.padded;
        for (int64_t j = 0; j < t.padded; j += kLanes) {
          load(value, &b.slopes[j]);
          load(weight, &b.weights[j]);
          load(other, bias_row + j);
          value = weight * (value - mean);
          store(value, &b.slopes[j]);
          store(other + value, bias_row + j);
        }
        Floats query[kVectors], output[kVectors], dquery[kVectors] = {};
        for (int64_t part = 0; part < kVectors; ++part) {
          load(query[part], q + part * kLanes);
          load(output[part], d + part * kLanes);
        }
        for (int64_t j = 0; j < t.frames; ++j) {
          const float slope = b.slopes[j], share = b.weights[j];
          for (int64_t part = 0; part < kVectors; ++part) {
            const int64_t at = j * kHeadSize + part * kLanes;
            load(value, &b.k[at]);
            dquery[part] += value * slope;
            load(value, &b.dk[at]);
            store(value + query[part] * slope, &b.dk[at]);
            load(value, &b.dv[at]);
            store(value + output[part] * share, &b.dv[at]);
          }
        }
        for (int64_t part = 0; part < kVectors; ++part)
          store(dquery[part], &b.dq[i * kHeadSize + part * kLanes]);
      }
      for (int64_t f = 0; f < t.frames; ++f)
        for (int64_t part = 0; part < kHeadSize; part += kLanes) {
          const int64_t at = f * kHeadSize + part;
          float* to = dqkv + (f * places + p) * kTriple + h * kHeadSize + part;
          load(value, &b.dq[at]);
          rotated_back(value, &t.cosine[at], &t.sine[at]);
          store(value * kScale, to);
          load(value, &b.dk[at]);
          rotated_back(value, &t.cosine[at], &t.sine[at]);
          store(value, to + kInner);
          load(value, &b.dv[at]);
          store(value, to + 2 * kInner);
        }
    }
}

/// The places of all samples, cut into tiles.
struct Tiles {
  int64_t frames, places, channels, step, each, count;

  explicit Tiles(const at::Tensor& x)
      : frames(x.size(1)),
        places(x.size(2) * x.size(3)),
        channels(x.size(4)),
        step(std::clamp<int64_t>(kTileRows / frames, 1, places)),
        each((places + step - 1) / step),
        count(x.size(0) * each) {}

  struct Tile {
    int64_t offset, places, rows;  ///< float offset of frame 0; the next frame is frame_stride() further
  };
  int64_t frame_stride() const { return places * channels; }
  Tile tile(int64_t index) const {
    const int64_t sample = index / each, first = (index % each) * step, n = std::min(step, places - first);
    return {(sample * frames * places + first) * channels, n, frames * n};
  }
};

struct Buffers {
  Buffers(const Tiles& tiles, const Tables& tables, bool with_gradient) : head(tables) {
    const int64_t rows = tiles.frames * tiles.step;
    normed = at::empty({rows, tiles.channels});
    qkv = at::empty({rows, kTriple});
    inner = at::empty({rows, kInner});
    outer = at::empty({rows, tiles.channels});
    if (!with_gradient) return;
    dqkv = at::empty({rows, kTriple});
    dinner = at::empty({rows, kInner});
  }
  at::Tensor normed, qkv, inner, outer, dqkv, dinner;
  HeadBuffers head;
};

float* data(const at::Tensor& tensor) { return tensor.data_ptr<float>(); }

/// Fills normed, qkv and inner of one tile.
void forward_tile(const Tiles& tiles, const Tiles::Tile& tile, const float* x, const float* gamma,
                  const at::Tensor& to_qkv, const Tables& tables, Buffers& b) {
  const int64_t run = tile.places * tiles.channels;
  for (int64_t f = 0; f < tiles.frames; ++f)
    normalise_rows(x + tile.offset + f * tiles.frame_stride(), gamma, data(b.normed) + f * run, tile.places,
                   tiles.channels);
  at::Tensor qkv = b.qkv.narrow(0, 0, tile.rows);
  at::mm_out(qkv, b.normed.narrow(0, 0, tile.rows), to_qkv.t());
  attend(data(b.qkv), data(b.inner), tile.places, tables, b.head);
  core::add_operations(4 * tile.places * kHeads * tiles.frames * tiles.frames * kHeadSize);
}

class Attention : public torch::autograd::Function<Attention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& gamma,
                            const at::Tensor& to_qkv, const at::Tensor& to_out, const at::Tensor& rotation,
                            const at::Tensor& bias) {
    const Tiles tiles(x);
    const Tables tables(rotation, bias, tiles.frames);
    at::Tensor y = at::empty_like(x);
    const float *from = x.const_data_ptr<float>(), *scale = gamma.const_data_ptr<float>();
    float* to = data(y);
    run_lanes(tiles.count, [&](int64_t, int64_t begin, int64_t end) {
      Buffers b(tiles, tables, false);
      for (int64_t index = begin; index < end; ++index) {
        const auto tile = tiles.tile(index);
        forward_tile(tiles, tile, from, scale, to_qkv, tables, b);
        at::Tensor outer = b.outer.narrow(0, 0, tile.rows);
        at::mm_out(outer, b.inner.narrow(0, 0, tile.rows), to_out.t());
        for (int64_t f = 0; f < tiles.frames; ++f) {
          const int64_t at = tile.offset + f * tiles.frame_stride();
          add_rows(from + at, data(b.outer) + f * tile.places * tiles.channels, nullptr, to + at, tile.places,
                   tiles.channels);
        }
      }
    });
    context->save_for_backward({x, gamma, to_qkv, to_out, rotation, bias});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &gamma = saved[1], &to_qkv = saved[2], &to_out = saved[3];
    const at::Tensor dy = gradients[0].contiguous();
    const Tiles tiles(x);
    const Tables tables(saved[4], saved[5], tiles.frames);
    const int64_t lanes = lane_count(tiles.count);
    at::Tensor dx = at::empty_like(x);
    const at::Tensor dgamma = at::zeros({lanes, tiles.channels}),
                     dto_qkv = at::zeros({lanes, kTriple, tiles.channels}),
                     dto_out = at::zeros({lanes, tiles.channels, kInner}),
                     dbias = at::zeros({lanes, kHeads, tiles.frames, tables.padded});
    const float *from = x.const_data_ptr<float>(), *d = dy.const_data_ptr<float>();
    const float* scale = gamma.const_data_ptr<float>();
    float* to = data(dx);
    run_lanes(tiles.count, [&](int64_t lane, int64_t begin, int64_t end) {
      Buffers b(tiles, tables, true);
      at::Tensor lane_qkv = dto_qkv[lane], lane_out = dto_out[lane];
      for (int64_t index = begin; index < end; ++index) {
        const auto tile = tiles.tile(index);
        const int64_t run = tile.places * tiles.channels;
        forward_tile(tiles, tile, from, scale, to_qkv, tables, b);
        for (int64_t f = 0; f < tiles.frames; ++f)
          std::copy_n(d + tile.offset + f * tiles.frame_stride(), run, data(b.outer) + f * run);
        const at::Tensor outer = b.outer.narrow(0, 0, tile.rows);
        lane_out.addmm_(outer.t(), b.inner.narrow(0, 0, tile.rows));
        at::Tensor dinner = b.dinner.narrow(0, 0, tile.rows);
        at::mm_out(dinner, outer, to_out);
        attend_backward(data(b.qkv), data(b.dinner), data(b.dqkv), data(dbias) + lane * dbias[0].numel(),
                        tile.places, tables, b.head);
        const at::Tensor dqkv = b.dqkv.narrow(0, 0, tile.rows);
        lane_qkv.addmm_(dqkv.t(), b.normed.narrow(0, 0, tile.rows));
        at::Tensor dnormed = b.outer.narrow(0, 0, tile.rows);
        at::mm_out(dnormed, dqkv, to_qkv);
        for (int64_t f = 0; f < tiles.frames; ++f) {
          const int64_t at = tile.offset + f * tiles.frame_stride();
          normalise_rows_backward(from + at, scale, data(b.outer) + f * run, d + at, to + at,
                                  data(dgamma) + lane * tiles.channels, tile.places, tiles.channels);
        }
      }
    });
    return {dx,
            dgamma.sum(0),
            dto_qkv.sum(0),
            dto_out.sum(0),
            at::Tensor(),
            dbias.sum(0).narrow(2, 0, tiles.frames).sum_to_size(saved[5].sizes())};
  }
};

}  // namespace

at::Tensor temporal_attention(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& to_qkv,
                              const at::Tensor& to_out, const Positions& positions) {
  return Attention::apply(x.contiguous(), gamma, to_qkv, to_out, positions.rotation, positions.bias);
}

}  // namespace windtunnel::baselines::unet::fast

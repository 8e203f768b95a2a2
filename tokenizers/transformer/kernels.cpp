#include "tokenizers/transformer/kernels.h"

#include <algorithm>
#include <cmath>

#include "baselines/simd.h"

namespace windtunnel::tokenizers::kernels {
namespace {

namespace simd = baselines::simd;
using simd::Floats;
using simd::kLanes;

WINDTUNNEL_INLINE float dot(const float* a, const float* b, int64_t n) {
  Floats sum{}, va, vb;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    simd::load(va, a + i);
    simd::load(vb, b + i);
    sum += va * vb;
  }
  float total = simd::sum(sum);
  for (; i < n; ++i) total += a[i] * b[i];
  return total;
}

WINDTUNNEL_INLINE float dot3(const float* a, const float* b, const float* c, int64_t n) {
  Floats sum{}, va, vb, vc;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    simd::load(va, a + i);
    simd::load(vb, b + i);
    simd::load(vc, c + i);
    sum += va * vb * vc;
  }
  float total = simd::sum(sum);
  for (; i < n; ++i) total += a[i] * b[i] * c[i];
  return total;
}

WINDTUNNEL_INLINE float inverse_rms(const float* x, int64_t n, float eps) {
  return 1.0f / std::sqrt(dot(x, x, n) / static_cast<float>(n) + eps);
}

WINDTUNNEL_INLINE void norm_gradient(const float* g, const float* x, const float* weight, float inverse,
                                     float* dx, float* dweight, int64_t width) {
  const float shared = dot3(g, x, weight, width) * inverse * inverse * inverse / static_cast<float>(width);
  for (int64_t i = 0; i < width; ++i) {
    dweight[i] += g[i] * x[i] * inverse;
    dx[i] = g[i] * weight[i] * inverse - x[i] * shared;
  }
}

WINDTUNNEL_INLINE float sigmoid(float a) { return 1.0f / (1.0f + std::exp(-a)); }

}  // namespace

WINDTUNNEL_CLONES void rms_norm(const float* x, const float* weight, float* y, float* inverse, int64_t rows,
                                int64_t width, float eps) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    const float factor = inverse_rms(x, width, eps);
    if (inverse) inverse[r] = factor;
    for (int64_t i = 0; i < width; ++i) y[i] = x[i] * factor * weight[i];
  }
}

WINDTUNNEL_CLONES void rms_norm_backward(const float* g, const float* x, const float* weight,
                                         const float* inverse, float* dx, float* dweight, int64_t rows,
                                         int64_t width) {
  for (int64_t r = 0; r < rows; ++r, g += width, x += width, dx += width)
    norm_gradient(g, x, weight, inverse[r], dx, dweight, width);
}

WINDTUNNEL_CLONES void norm_rotate(const float* x, const float* weight, const float* cos, const float* sin,
                                   float* y, float* inverse, int64_t width, float eps) {
  const int64_t half = width / 2;
  if (!weight) {
    for (int64_t i = 0; i < half; ++i) {
      const float a = x[i], b = x[i + half];
      y[i] = a * cos[i] - b * sin[i];
      y[i + half] = b * cos[i] + a * sin[i];
    }
    return;
  }
  const float factor = inverse_rms(x, width, eps);
  if (inverse) *inverse = factor;
  for (int64_t i = 0; i < half; ++i) {
    const float a = x[i] * factor * weight[i], b = x[i + half] * factor * weight[i + half];
    y[i] = a * cos[i] - b * sin[i];
    y[i + half] = b * cos[i] + a * sin[i];
  }
}

WINDTUNNEL_CLONES void norm_rotate_backward(float* g, const float* x, const float* weight, const float* cos,
                                            const float* sin, float inverse, float* dx, float* dweight,
                                            int64_t width) {
  const int64_t half = width / 2;
  float* back = weight ? g : dx;
  for (int64_t i = 0; i < half; ++i) {
    const float a = g[i], b = g[i + half];
    back[i] = a * cos[i] + b * sin[i];
    back[i + half] = b * cos[i] - a * sin[i];
  }
  if (weight) norm_gradient(g, x, weight, inverse, dx, dweight, width);
}

WINDTUNNEL_CLONES void swiglu(const float* a, const float* b, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Floats va, vb, s;
    simd::load(va, a + i);
    simd::load(vb, b + i);
    s = va;
    simd::logistic(s);
    simd::store(va * s * vb, y + i);
  }
  for (; i < n; ++i) y[i] = a[i] * sigmoid(a[i]) * b[i];
}

WINDTUNNEL_CLONES void swiglu_backward(const float* g, const float* a, const float* b, float* da, float* db,
                                       int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Floats vg, va, vb, s;
    simd::load(vg, g + i);
    simd::load(va, a + i);
    simd::load(vb, b + i);
    s = va;
    simd::logistic(s);
    simd::store(vg * va * s, db + i);
    simd::store(vg * vb * s * (1.0f + va * (1.0f - s)), da + i);
  }
  for (; i < n; ++i) {
    const float s = sigmoid(a[i]);
    db[i] = g[i] * a[i] * s;
    da[i] = g[i] * b[i] * s * (1.0f + a[i] * (1.0f - s));
  }
}

namespace {

/// v <- exp(v - top) over n values; returns their sum.
WINDTUNNEL_INLINE double exponentials(float* v, int64_t n, float top) {
  double total = 0;
  int64_t i = 0;
  while (i + kLanes <= n) {
    Floats part{}, x;
    const int64_t end = std::min(n - n % kLanes, i + 1024);  // short float sums, gathered in double
    for (; i < end; i += kLanes) {
      simd::load(x, v + i);
      x -= top;
      simd::exponential(x);
      part += x;
      simd::store(x, v + i);
    }
    total += static_cast<double>(simd::sum(part));
  }
  for (; i < n; ++i) {
    v[i] = std::exp(v[i] - top);
    total += static_cast<double>(v[i]);
  }
  return total;
}

WINDTUNNEL_INLINE float maximum(const float* v, int64_t n) {
  float top = v[0];
  int64_t i = 0;
  if (n >= kLanes) {
    Floats best, x;
    simd::load(best, v);
    for (i = kLanes; i + kLanes <= n; i += kLanes) {
      simd::load(x, v + i);
      simd::take_larger(best, x);
    }
    for (int64_t k = 0; k < kLanes; ++k) top = std::max(top, best[k]);
  }
  for (; i < n; ++i) top = std::max(top, v[i]);
  return top;
}

}  // namespace

WINDTUNNEL_CLONES double cross_entropy_rows(float* logits, const int64_t* labels, int64_t rows,
                                            int64_t vocabulary, float scale) {
  double loss = 0;
  for (int64_t r = 0; r < rows; ++r, logits += vocabulary) {
    const float top = maximum(logits, vocabulary), own = logits[labels[r]];
    const double sum = exponentials(logits, vocabulary, top);
    loss += std::log(sum) + static_cast<double>(top) - static_cast<double>(own);
    if (scale == 0) continue;
    const auto factor = static_cast<float>(static_cast<double>(scale) / sum);
    for (int64_t i = 0; i < vocabulary; ++i) logits[i] *= factor;
    logits[labels[r]] -= scale;
  }
  return loss;
}

namespace {

WINDTUNNEL_INLINE void load_weights(Floats& v, const float* from) { simd::load(v, from); }
WINDTUNNEL_INLINE void load_weights(Floats& v, const uint16_t* from) {  // bfloat16: the upper half of a float
  using Half = uint16_t __attribute__((vector_size(kLanes * sizeof(uint16_t))));
  using Whole = uint32_t __attribute__((vector_size(kLanes * sizeof(uint32_t))));
  Half half;
  std::memcpy(&half, from, sizeof half);
  const Whole whole = __builtin_convertvector(half, Whole) << 16;
  std::memcpy(&v, &whole, sizeof v);
}
WINDTUNNEL_INLINE void load_weights(Floats& v, const int8_t* from) {
  using Bytes = int8_t __attribute__((vector_size(kLanes)));
  Bytes bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  v = __builtin_convertvector(__builtin_convertvector(bytes, simd::Ints), Floats);
}
WINDTUNNEL_INLINE float weight_value(const float* w) { return *w; }
WINDTUNNEL_INLINE float weight_value(const uint16_t* w) {
  const uint32_t bits = static_cast<uint32_t>(*w) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
WINDTUNNEL_INLINE float weight_value(const int8_t* w) { return static_cast<float>(*w); }

struct Destination {
  float* y;
  int64_t stride;
  bool add;
  const float* scale;
  WINDTUNNEL_INLINE void put(int64_t row, int64_t out, float value) const {
    if (scale) value *= scale[out];
    float& at = y[row * stride + out];
    at = add ? at + value : value;
  }
};

/// kOut rows of the matrix times kRows rows of x.
template <int kOut, int kRows, class W>
WINDTUNNEL_INLINE void tile(const W* w, const float* x, int64_t in, int64_t row, int64_t out,
                            const Destination& to) {
  Floats sum[kOut][kRows] = {}, wv, xv[kRows];
  int64_t i = 0;
  for (; i + kLanes <= in; i += kLanes) {
    for (int r = 0; r < kRows; ++r) simd::load(xv[r], x + r * in + i);
    for (int o = 0; o < kOut; ++o) {
      load_weights(wv, w + o * in + i);
      for (int r = 0; r < kRows; ++r) sum[o][r] += wv * xv[r];
    }
  }
  for (int o = 0; o < kOut; ++o)
    for (int r = 0; r < kRows; ++r) {
      float total = simd::sum(sum[o][r]);
      for (int64_t k = i; k < in; ++k) total += weight_value(w + o * in + k) * x[r * in + k];
      to.put(row + r, out + o, total);
    }
}

template <int kOut, class W>
WINDTUNNEL_INLINE void strip(const W* w, const float* x, int64_t rows, int64_t in, int64_t out,
                             const Destination& to) {
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2) tile<kOut, 2>(w, x + r * in, in, r, out, to);
  if (r < rows) tile<kOut, 1>(w, x + r * in, in, r, out, to);
}

template <class W>
WINDTUNNEL_INLINE void all_strips(const W* w, const float* x, int64_t rows, int64_t in, int64_t first,
                                  int64_t last, const Destination& to) {
  int64_t o = first;
  for (; o + 4 <= last; o += 4) strip<4>(w + o * in, x, rows, in, o, to);
  for (; o < last; ++o) strip<1>(w + o * in, x, rows, in, o, to);
}

}  // namespace

WINDTUNNEL_CLONES void matrix_rows(const MatrixView& w, const float* x, int64_t rows, int64_t first,
                                   int64_t last, float* y, int64_t y_stride, bool add) {
  const Destination to{y, y_stride, add, w.scale};
  switch (w.kind) {
    case MatrixView::Kind::f32:
      return all_strips(static_cast<const float*>(w.data), x, rows, w.in, first, last, to);
    case MatrixView::Kind::bf16:
      return all_strips(static_cast<const uint16_t*>(w.data), x, rows, w.in, first, last, to);
    case MatrixView::Kind::i8:
      return all_strips(static_cast<const int8_t*>(w.data), x, rows, w.in, first, last, to);
  }
}

void store_key(const float* key, float* keys, int64_t position, int64_t width) {
  float* block = keys + position / kKeyBlock * kKeyBlock * width + position % kKeyBlock;
  for (int64_t i = 0; i < width; ++i) block[i * kKeyBlock] = key[i];
}

namespace {

/// Scores of kGroup query rows against one block of keys.
template <int kGroup>
WINDTUNNEL_INLINE void block_scores(const float* q, const float* block, int64_t width, float* scores,
                                    int64_t stride) {
  constexpr int kParts = kKeyBlock / kLanes;
  Floats sum[kGroup][kParts] = {}, k[kParts];
  for (int64_t i = 0; i < width; ++i) {
    for (int p = 0; p < kParts; ++p) simd::load(k[p], block + i * kKeyBlock + p * kLanes);
    for (int g = 0; g < kGroup; ++g)
      for (int p = 0; p < kParts; ++p) sum[g][p] += k[p] * q[g * width + i];
  }
  for (int g = 0; g < kGroup; ++g)
    for (int p = 0; p < kParts; ++p) simd::store(sum[g][p], scores + g * stride + p * kLanes);
}

/// out += p[0..3] of four value rows.
WINDTUNNEL_INLINE void add_values(const float* p, const float* values, int64_t width, float* out) {
  const float a = p[0], b = p[1], c = p[2], d = p[3];
  const float *v0 = values, *v1 = values + width, *v2 = values + 2 * width, *v3 = values + 3 * width;
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    Floats o, x0, x1, x2, x3;
    simd::load(o, out + i);
    simd::load(x0, v0 + i);
    simd::load(x1, v1 + i);
    simd::load(x2, v2 + i);
    simd::load(x3, v3 + i);
    simd::store(o + ((x0 * a + x1 * b) + (x2 * c + x3 * d)), out + i);
  }
  for (; i < width; ++i) out[i] += (a * v0[i] + b * v1[i]) + (c * v2[i] + d * v3[i]);
}

}  // namespace

WINDTUNNEL_CLONES void attend(const float* q, const float* keys, const float* values, int64_t group,
                              int64_t length, int64_t width, float* scores, float* out) {
  const int64_t blocks = (length + kKeyBlock - 1) / kKeyBlock, stride = blocks * kKeyBlock;
  for (int64_t b = 0; b < blocks; ++b) {
    const float* block = keys + b * kKeyBlock * width;
    float* at = scores + b * kKeyBlock;
    int64_t g = 0;
    for (; g + 4 <= group; g += 4) block_scores<4>(q + g * width, block, width, at + g * stride, stride);
    for (; g + 2 <= group; g += 2) block_scores<2>(q + g * width, block, width, at + g * stride, stride);
    for (; g < group; ++g) block_scores<1>(q + g * width, block, width, at + g * stride, stride);
  }
  float* const end = out + group * width;
  std::fill(out, end, 0.0f);
  for (int64_t g = 0; g < group; ++g) {
    float* s = scores + g * stride;
    const auto factor = static_cast<float>(1 / exponentials(s, length, maximum(s, length)));
    for (int64_t j = 0; j < length; ++j) s[j] *= factor;
  }
  int64_t j = 0;
  for (; j + 4 <= length; j += 4)
    for (int64_t g = 0; g < group; ++g)
      add_values(scores + g * stride + j, values + j * width, width, out + g * width);
  for (; j < length; ++j)
    for (int64_t g = 0; g < group; ++g) {
      const float p = scores[g * stride + j];
      for (int64_t i = 0; i < width; ++i) out[g * width + i] += p * values[j * width + i];
    }
}

}  // namespace windtunnel::tokenizers::kernels

#pragma once

#include <cstdint>

// Vector loops of the token transformer over plain float memory; no LibTorch, no threads. Rows are dense.
namespace windtunnel::tokenizers::kernels {

/// y = x r w with r = 1/sqrt(mean x^2 + eps), per row of `width`; r is stored per row if `inverse` is given.
void rms_norm(const float* x, const float* weight, float* y, float* inverse, int64_t rows, int64_t width,
              float eps);
/// dx from g = dy; adds to dweight.
void rms_norm_backward(const float* g, const float* x, const float* weight, const float* inverse, float* dx,
                       float* dweight, int64_t rows, int64_t width);

/// One head: optional rms norm (weight may be null), then rotation of components i and i + width/2 by the
/// angle whose cos and sin (width/2) are given.
void norm_rotate(const float* x, const float* weight, const float* cos, const float* sin, float* y,
                 float* inverse, int64_t width, float eps);
/// dx from g = dy; adds to dweight. Overwrites g.
void norm_rotate_backward(float* g, const float* x, const float* weight, const float* cos, const float* sin,
                          float inverse, float* dx, float* dweight, int64_t width);

/// y = a/(1+exp(-a)) b, and from g = dy the gradients of a and b.
void swiglu(const float* a, const float* b, float* y, int64_t n);
void swiglu_backward(const float* g, const float* a, const float* b, float* da, float* db, int64_t n);

/// In place, per row of logits (rows, vocabulary): logits <- (softmax - one at the label) * scale. Returns
/// the sum of log-sum-exp minus the label's logit. With scale 0 the logits stay unspecified (loss only).
double cross_entropy_rows(float* logits, const int64_t* labels, int64_t rows, int64_t vocabulary,
                          float scale);

/// A weight matrix (out, in) whose rows are float32, bfloat16, or int8 with one float scale per row.
struct MatrixView {
  enum class Kind { f32, bf16, i8 } kind = Kind::f32;
  const void* data = nullptr;
  const float* scale = nullptr;  ///< i8 only
  int64_t out = 0, in = 0;
};
/// y[r*y_stride + o] (+)= sum_i x[r*in + i] w[o*in + i] for o in [first, last), r < rows.
void matrix_rows(const MatrixView& w, const float* x, int64_t rows, int64_t first, int64_t last, float* y,
                 int64_t y_stride, bool add);

/// Keys of one head in blocks of kKeyBlock positions, each (width, kKeyBlock); values as (position, width)
/// rows.
inline constexpr int64_t kKeyBlock = 16;
/// Floats that hold the keys of `positions`.
constexpr int64_t key_floats(int64_t positions, int64_t width) {
  return (positions + kKeyBlock - 1) / kKeyBlock * kKeyBlock * width;
}
void store_key(const float* key, float* keys, int64_t position, int64_t width);

/// One new position of one key/value head: for each of `group` query rows q (group, width), already scaled,
///   out = softmax(q . keys[0..length)) values.
/// `scores` holds group * (length rounded up to kKeyBlock) floats. Keys beyond length may be anything finite.
void attend(const float* q, const float* keys, const float* values, int64_t group, int64_t length,
            int64_t width, float* scores, float* out);

}  // namespace windtunnel::tokenizers::kernels

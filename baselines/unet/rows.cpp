#include "baselines/unet/rows.h"

#include <cmath>

#include "baselines/simd.h"

namespace windtunnel::baselines::unet {

using simd::Floats;
using simd::kLanes;
using simd::load;
using simd::store;
using simd::sum;

namespace {

constexpr float kEpsilon = 1e-5f;

struct RowMoments {
  float mean, inverse_deviation;
};

WINDTUNNEL_INLINE RowMoments moments(const float* x, int64_t channels) {
  const auto n = static_cast<float>(channels);
  Floats total{}, v;
  for (int64_t c = 0; c < channels; c += kLanes) {
    load(v, x + c);
    total += v;
  }
  const float mean = sum(total) / n;
  Floats squares{};
  for (int64_t c = 0; c < channels; c += kLanes) {
    load(v, x + c);
    v -= mean;
    squares += v * v;
  }
  return {mean, 1.0f / std::sqrt(sum(squares) / n + kEpsilon)};
}

}  // namespace

WINDTUNNEL_CLONES void normalise_rows(const float* x, const float* gamma, float* y, int64_t count,
                                      int64_t channels) {
  for (int64_t row = 0; row < count; ++row, x += channels, y += channels) {
    const RowMoments m = moments(x, channels);
    Floats v, g;
    for (int64_t c = 0; c < channels; c += kLanes) {
      load(v, x + c);
      load(g, gamma + c);
      store((v - m.mean) * m.inverse_deviation * g, y + c);
    }
  }
}

WINDTUNNEL_CLONES void normalise_rows_backward(const float* x, const float* gamma, const float* dy,
                                               const float* residual, float* dx, float* dgamma, int64_t count,
                                               int64_t channels) {
  const auto n = static_cast<float>(channels);
  for (int64_t row = 0; row < count; ++row) {
    const RowMoments m = moments(x, channels);
    Floats v, g, d, r, sum_d{}, sum_dx{};
    for (int64_t c = 0; c < channels; c += kLanes) {
      load(v, x + c);
      load(g, gamma + c);
      load(d, dy + c);
      load(r, dgamma + c);
      v = (v - m.mean) * m.inverse_deviation;
      store(r + d * v, dgamma + c);
      d *= g;
      sum_d += d;
      sum_dx += d * v;
    }
    const float mean_d = sum(sum_d) / n, mean_dx = sum(sum_dx) / n;
    for (int64_t c = 0; c < channels; c += kLanes) {
      load(v, x + c);
      load(g, gamma + c);
      load(d, dy + c);
      load(r, residual + c);
      v = (v - m.mean) * m.inverse_deviation;
      store(r + (d * g - mean_d - v * mean_dx) * m.inverse_deviation, dx + c);
    }
    x += channels, dy += channels, residual += channels, dx += channels;
  }
}

WINDTUNNEL_CLONES void add_rows(const float* a, const float* b, const float* bias, float* out, int64_t count,
                                int64_t channels) {
  Floats u, v, w{};
  for (int64_t row = 0; row < count; ++row, a += channels, b += channels, out += channels)
    for (int64_t c = 0; c < channels; c += kLanes) {
      load(u, a + c);
      load(v, b + c);
      if (bias) load(w, bias + c);
      store(u + v + w, out + c);
    }
}

}  // namespace windtunnel::baselines::unet

#pragma once

#include <cstdint>
#include <cstring>

#include "baselines/clones.h"

// Eight floats at a time, mapped by the compiler to whatever registers there are.
namespace windtunnel::baselines::simd {

inline constexpr int64_t kLanes = 8;
using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using Ints = int32_t __attribute__((vector_size(kLanes * sizeof(int32_t))));

WINDTUNNEL_INLINE void load(Floats& v, const float* from) { std::memcpy(&v, from, sizeof v); }
WINDTUNNEL_INLINE void store(const Floats& v, float* to) { std::memcpy(to, &v, sizeof v); }

WINDTUNNEL_INLINE float sum(const Floats& v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

WINDTUNNEL_INLINE void take_larger(Floats& a, const Floats& b) { a = a > b ? a : b; }

/// Swaps the members of each pair (2k, 2k+1).
WINDTUNNEL_INLINE void swap_pairs(Floats& v) {
  constexpr Ints order = {1, 0, 3, 2, 5, 4, 7, 6};
  v = __builtin_shuffle(v, order);
}

/// v <- exp(v) to about one unit in the last place; below -87 the result is about 1e-38, never 0 or infinite.
WINDTUNNEL_INLINE void exponential(Floats& v) {
  const Floats low = Floats{} - 87.0f, high = Floats{} + 88.0f;
  v = v < low ? low : v;
  v = v > high ? high : v;
  // 1.5 * 2^23: adding it rounds to the nearest integer, which then stands in the low bits.
  const Floats shifted = v * 1.44269504f + 12582912.0f;
  Ints bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  const Floats whole = shifted - 12582912.0f;
  const Floats r = (v - whole * 0.693359375f) + whole * 2.12194440e-4f;
  Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const Ints power = (bits + 127) << 23;
  Floats scale;
  std::memcpy(&scale, &power, sizeof scale);
  v = p * scale;
}

/// v <- 1 / (1 + exp(-v))
WINDTUNNEL_INLINE void logistic(Floats& v) {
  v = -v;
  exponential(v);
  v = 1.0f / (1.0f + v);
}

}  // namespace windtunnel::baselines::simd

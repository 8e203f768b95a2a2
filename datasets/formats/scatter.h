#pragma once

#include <cstdint>
#include <cstring>

namespace windtunnel::datasets {

/// Copies `points` values that lie `from_step` apart to places `to_step` apart. False if a value is NaN or
/// infinite.
inline bool scatter(const float* from, int64_t points, int64_t from_step, float* to, int64_t to_step) {
  uint32_t seen = 0;
  for (int64_t i = 0; i < points; ++i) {
    uint32_t bits;
    std::memcpy(&bits, from + i * from_step, sizeof bits);
    seen |= (bits & 0x7fffffffu) + 0x00800000u;  // the top bit appears when all exponent bits are set
    std::memcpy(to + i * to_step, &bits, sizeof bits);
  }
  return (seen >> 31) == 0;
}

}  // namespace windtunnel::datasets

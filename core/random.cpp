#include "core/random.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace windtunnel::core {

PythonRandom::PythonRandom(uint64_t seed) {
  state_[0] = 19650218u;
  for (uint32_t i = 1; i < 624; ++i) state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  std::vector<uint32_t> key{static_cast<uint32_t>(seed)};
  if (seed >> 32) key.push_back(static_cast<uint32_t>(seed >> 32));
  uint32_t i = 1, j = 0;
  for (size_t k = 624; k > 0; --k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1664525u)) + key[j] + j;
    if (++i >= 624) {
      state_[0] = state_[623];
      i = 1;
    }
    if (++j >= key.size()) j = 0;
  }
  for (size_t k = 623; k > 0; --k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1566083941u)) - i;
    if (++i >= 624) {
      state_[0] = state_[623];
      i = 1;
    }
  }
  state_[0] = 0x80000000u;
}

void PythonRandom::refill() {
  for (size_t k = 0; k < 624; ++k) {
    const uint32_t y = (state_[k] & 0x80000000u) | (state_[(k + 1) % 624] & 0x7fffffffu);
    state_[k] = state_[(k + 397) % 624] ^ (y >> 1) ^ ((y & 1) ? 0x9908b0dfu : 0u);
  }
  position_ = 0;
}

uint32_t PythonRandom::next_u32() {
  if (position_ >= 624) refill();
  uint32_t y = state_[static_cast<size_t>(position_++)];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

double PythonRandom::random() {
  const uint32_t a = next_u32() >> 5, b = next_u32() >> 6;
  return (a * 67108864.0 + b) / 9007199254740992.0;
}

uint32_t PythonRandom::getrandbits(int bits) { return next_u32() >> (32 - bits); }

uint64_t PythonRandom::below(uint64_t n) {
  const int bits = static_cast<int>(std::bit_width(n));
  uint64_t value = getrandbits(bits);
  while (value >= n) value = getrandbits(bits);
  return value;
}

double PythonRandom::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * std::log(1 - random()));
  const double angle = 2 * std::numbers::pi * random();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

}  // namespace windtunnel::core

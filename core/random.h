#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace windtunnel::core {

/// Python's `random.Random`: MT19937 seeded by init_by_array of the integer's 32-bit words. Used where
/// published splits, masks or draws must be reproduced, and as the project's one generator of sample streams.
class PythonRandom {
 public:
  explicit PythonRandom(uint64_t seed);

  uint32_t next_u32();
  double random();                 ///< uniform on [0,1), 53 bits, two draws
  uint32_t getrandbits(int bits);  ///< bits in 1..32
  uint64_t below(uint64_t n);      ///< uniform on 0..n-1, n >= 1 (n < 2^32)
  double normal();                 ///< standard normal (Box-Muller; not Python's gauss)

  template <class T>
  void shuffle(std::vector<T>& list) {
    for (size_t i = list.size(); i-- > 1;) std::swap(list[i], list[below(i + 1)]);
  }
  template <class T>
  const T& choice(const std::vector<T>& list) {
    return list[below(list.size())];
  }

 private:
  void refill();
  std::array<uint32_t, 624> state_{};
  int position_ = 624;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace windtunnel::core

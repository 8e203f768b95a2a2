#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace windtunnel::datasets::lab {

/// D2Q9: directions, weights and the index of the opposite direction.
inline constexpr int kDirections = 9;
inline constexpr std::array<int, 9> kCx = {0, 1, 0, -1, 0, 1, -1, -1, 1};
inline constexpr std::array<int, 9> kCy = {0, 0, 1, 0, -1, 1, 1, -1, -1};
inline constexpr std::array<double, 9> kWeight = {4. / 9,  1. / 9,  1. / 9,  1. / 9, 1. / 9,
                                                  1. / 36, 1. / 36, 1. / 36, 1. / 36};
inline constexpr std::array<int, 9> kOpposite = {0, 3, 4, 1, 2, 7, 8, 5, 6};

/// Populations g_q = f_q - w_q of height x width cells as nine planes. Row y starts on a 64-byte boundary;
/// rows -1 and height and at least one cell left and right of each row are a halo.
class Lattice {
 public:
  Lattice(int width, int height);

  int width() const { return width_; }
  int height() const { return height_; }
  int64_t row_stride() const { return stride_; }  ///< floats from row to row
  float* row(int q, int y) { return data_.get() + kPad + q * plane_ + (y + 1) * stride_; }
  const float* row(int q, int y) const { return data_.get() + kPad + q * plane_ + (y + 1) * stride_; }

 private:
  static constexpr int64_t kPad = 16;
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  int width_, height_;
  int64_t stride_, plane_;
  std::unique_ptr<float[], Free> data_;
};

}  // namespace windtunnel::datasets::lab

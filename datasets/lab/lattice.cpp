#include "datasets/lab/lattice.h"

#include <cstring>
#include <new>

namespace windtunnel::datasets::lab {

Lattice::Lattice(int width, int height) : width_(width), height_(height) {
  const auto up = [](int64_t n) { return (n + 15) / 16 * 16; };
  stride_ = kPad + up(width + 1);
  // The odd number of cache lines keeps equal cells of the nine planes out of one cache set.
  plane_ = up((height + 2) * stride_) + 16 * 5;
  const size_t bytes = static_cast<size_t>(up(kDirections * plane_ + kPad)) * sizeof(float);
  data_.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
  if (!data_) throw std::bad_alloc();
  std::memset(data_.get(), 0, bytes);
}

}  // namespace windtunnel::datasets::lab

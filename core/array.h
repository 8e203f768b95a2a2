#pragma once

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

namespace windtunnel::core {

using Shape = std::vector<int64_t>;

inline int64_t numel(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

/// "(2, 20, 64, 128, 3)"
std::string to_string(const Shape& shape);

/// Dense row-major float32 array; at the borders between folders the axes are (B,T,H,W,C) or a suffix of it.
struct Array {
  Shape shape;
  std::vector<float> data;

  Array() = default;
  explicit Array(Shape s) : shape(std::move(s)), data(static_cast<size_t>(core::numel(shape)), 0.0f) {}
  Array(Shape s, std::vector<float> d) : shape(std::move(s)), data(std::move(d)) {}

  int64_t numel() const { return static_cast<int64_t>(data.size()); }
  int64_t size(size_t axis) const { return shape.at(axis); }
};

}  // namespace windtunnel::core

#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/random.h"

namespace windtunnel::metrics::testing {

/// Field (B,T,H,W,C) from a function of the five indices.
inline core::Array field(
    const core::Shape& shape,
    const std::function<double(int64_t b, int64_t t, int64_t h, int64_t w, int64_t c)>& value) {
  core::Array result(shape);
  size_t at = 0;
  for (int64_t b = 0; b < shape[0]; ++b)
    for (int64_t t = 0; t < shape[1]; ++t)
      for (int64_t h = 0; h < shape[2]; ++h)
        for (int64_t w = 0; w < shape[3]; ++w)
          for (int64_t c = 0; c < shape[4]; ++c) result.data[at++] = static_cast<float>(value(b, t, h, w, c));
  return result;
}

inline core::Array constant(const core::Shape& shape, double value) {
  core::Array result(shape);
  for (auto& v : result.data) v = static_cast<float>(value);
  return result;
}

/// Smooth waves plus noise, different in every sample and channel.
inline core::Array waves(const core::Shape& shape, uint64_t seed) {
  core::PythonRandom random(seed);
  return field(shape, [&](int64_t b, int64_t t, int64_t h, int64_t w, int64_t c) {
    return std::sin(0.3 * static_cast<double>(w + t) + static_cast<double>(b)) +
           0.5 * std::cos(0.4 * static_cast<double>(h) + static_cast<double>(c)) + 0.2 * random.normal();
  });
}

/// 0.9 Y + error.
inline core::Array near(const core::Array& target, uint64_t seed, double error = 0.1) {
  core::PythonRandom random(seed);
  core::Array result = target;
  for (auto& v : result.data) v = static_cast<float>(0.9 * v + error * random.normal());
  return result;
}

inline std::vector<std::string> ids(int64_t samples, int64_t first = 0) {
  std::vector<std::string> result;
  for (int64_t b = 0; b < samples; ++b) result.push_back("sample" + std::to_string(first + b));
  return result;
}

/// Samples [from, to) of a batch.
inline core::Array part(const core::Array& batch, int64_t from, int64_t to) {
  core::Shape shape = batch.shape;
  shape[0] = to - from;
  const int64_t sample = batch.numel() / batch.shape[0];
  return {shape, std::vector<float>(batch.data.begin() + from * sample, batch.data.begin() + to * sample)};
}

}  // namespace windtunnel::metrics::testing

#include "tokenizers/transformer/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace windtunnel::tokenizers {
namespace {

/// Widths of the three axes.
struct AxisWidths {
  explicit AxisWidths(int64_t width) : space(2 * (width / 6)), time(width - 2 * space) {}
  int64_t space, time;
};

template <class Visit>
void for_each_position(const LatentGrid& grid, const Visit& visit) {
  for (int64_t t = 0; t < grid.frames; ++t)
    for (int64_t h = 0; h < grid.height; ++h)
      for (int64_t w = 0; w < grid.width; ++w) visit(t, h, w);
}

}  // namespace

std::vector<float> rotary_frequencies(int64_t width, double theta, const std::optional<Yarn>& yarn) {
  std::vector<float> list;
  for (int64_t i = 0; i < width; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(width);
    float f = 1.0f / static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
    if (yarn) {
      const double turn = 2 * std::numbers::pi / yarn->original_length;
      const double hi = turn * yarn->beta_fast, lo = turn * yarn->beta_slow;
      const double m = std::clamp((static_cast<double>(f) - lo) / (hi - lo), 0.0, 1.0);
      f = static_cast<float>(static_cast<double>(f) * ((1 - m) / yarn->scale + m));
    }
    list.push_back(f);
  }
  return list;
}

core::Array rotary_angles(const TransformerOptions& o, const LatentGrid& grid) {
  const auto yarn = [&](double length) -> std::optional<Yarn> {
    if (!o.apply_yarn) return std::nullopt;
    return Yarn{o.yarn_scale, o.yarn_beta_fast, o.yarn_beta_slow, length};
  };
  const int64_t width = o.head_width();
  core::Array angles({grid.positions(), width / 2});
  float* out = angles.data.data();
  const auto append = [&](int64_t position, const std::vector<float>& frequencies) {
    for (const float f : frequencies) *out++ = static_cast<float>(position) * f;
  };
  if (o.rope_dim == "1D") {
    const auto f = rotary_frequencies(width, o.rope_theta, yarn(static_cast<double>(o.original_seq_len)));
    for (int64_t i = 0; i < grid.positions(); ++i) append(i, f);
    return angles;
  }
  const AxisWidths axes(width);
  const auto length = [&](size_t axis) {
    return o.apply_yarn ? static_cast<double>(o.original_latent_shape.at(axis)) : 0.0;
  };
  const auto ft = rotary_frequencies(axes.time, o.rope_theta, yarn(length(0)));
  const auto fs = rotary_frequencies(axes.space, o.rope_theta, yarn(length(1)));
  for_each_position(grid, [&](int64_t t, int64_t h, int64_t w) {
    append(t, ft);
    append(h, fs);
    append(w, fs);
  });
  return angles;
}

RotaryTable rotary_table(const core::Array& angles, float scale) {
  RotaryTable table{angles, angles};
  for (size_t i = 0; i < angles.data.size(); ++i) {
    table.cos.data[i] = std::cos(angles.data[i]) * scale;
    table.sin.data[i] = std::sin(angles.data[i]) * scale;
  }
  return table;
}

RotaryTable interleaved_table(const core::Array& angles, double yarn_scale) {
  core::Array doubled({angles.size(0), 2 * angles.size(1)});
  for (size_t i = 0; i < doubled.data.size(); ++i) doubled.data[i] = angles.data[i / 2];
  return rotary_table(doubled, static_cast<float>(yarn_scale > 1 ? 0.1 * std::log(yarn_scale) + 1 : 1.0));
}

core::Array absolute_positions(int64_t dim, const LatentGrid& grid) {
  const AxisWidths axes(dim);
  core::Array table({grid.positions(), dim});
  float* out = table.data.data();
  const auto append = [&](int64_t position, int64_t width) {
    const int64_t half = width / 2;
    for (int64_t j = 0; j < half; ++j) {
      const double w = std::pow(10000.0, -static_cast<double>(j) / (static_cast<double>(width) / 2));
      out[j] = static_cast<float>(std::sin(static_cast<double>(position) * w));
      out[half + j] = static_cast<float>(std::cos(static_cast<double>(position) * w));
    }
    out += width;
  };
  for_each_position(grid, [&](int64_t t, int64_t h, int64_t w) {
    append(t, axes.time);
    append(h, axes.space);
    append(w, axes.space);
  });
  return table;
}

}  // namespace windtunnel::tokenizers

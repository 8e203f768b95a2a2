#pragma once

#include <optional>
#include <vector>

#include "core/array.h"
#include "tokenizers/transformer/options.h"

namespace windtunnel::tokenizers {

/// YaRN on one axis of original length n: f' = f ((1-m)/scale + m), m = clamp((f - lo)/(hi - lo), 0, 1) with
/// hi, lo = 2 pi beta/n for beta_fast, beta_slow.
struct Yarn {
  double scale = 1, beta_fast = 4, beta_slow = 1, original_length = 0;
};

/// theta^(-2j/width), j < width/2, in float32 as the published tables have it.
std::vector<float> rotary_frequencies(int64_t width, double theta, const std::optional<Yarn>& yarn = {});

/// Rotation angles (N, head width/2) of the grid's positions. 3D: [t f_t, h f_s, w f_s] with dh = dw =
/// 2 floor(hd/6) and dt the rest; 1D: index * f. Positions are raw integers, so the table of a part of a grid
/// is a part of its table.
core::Array rotary_angles(const TransformerOptions& options, const LatentGrid& grid);

/// cos and sin of angles, float32, times `scale`.
struct RotaryTable {
  core::Array cos, sin;
};
RotaryTable rotary_table(const core::Array& angles, float scale = 1);

/// The other convention pairs components 2i, 2i+1: every column of a table twice in a row, (N, head width),
/// times mscale = 0.1 ln(yarn_scale) + 1.
RotaryTable interleaved_table(const core::Array& angles, double yarn_scale = 1);

/// Sine-cosine positions (N, dim) of the grid: per axis [sin(p w_j)..., cos(p w_j)...], w_j =
/// 10000^(-j/(d/2)), axes [t|h|w] with dh = dw = 2 floor(dim/6).
core::Array absolute_positions(int64_t dim, const LatentGrid& grid);

}  // namespace windtunnel::tokenizers

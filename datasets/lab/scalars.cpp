// Compiled with -O3 (datasets/CMakeLists.txt); contraction is off, so every processor gives the same bits.
#include "datasets/lab/scalars.h"

#include <algorithm>

#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {
namespace {

constexpr int kTable = 4096;
constexpr float kLow = -0.1f, kHigh = 1.5f;  // range of T in the table

/// Half of van Leer's slope: d1 d2 / (d1 + d2) if both have the same sign, otherwise 0.
inline float limited(float d1, float d2) {
  const float product = d1 * d2, sum = d1 + d2;
  return product > 0 ? product / (product > 0 ? sum : 1.0f) : 0.0f;
}

/// Flux from cell 1 to cell 2 of four in a line, with the velocity at the face between them.
inline float face_flux(float c0, float c1, float c2, float c3, float velocity, float diffusivity) {
  const float forward = c1 + limited(c1 - c0, c2 - c1), backward = c2 + limited(c2 - c3, c1 - c2);
  return velocity * (velocity > 0 ? forward : backward) - diffusivity * (c2 - c1);
}

}  // namespace

Scalars::Scalars(int width, int height, const ReactionOptions& options, double fresh_passive)
    : width_(width),
      height_(height),
      stride_(width + 4),
      options_(options),
      fresh_{0, 1, static_cast<float>(fresh_passive)},
      next_(static_cast<size_t>(height + 4) * stride_),
      rate_(static_cast<size_t>(height) * width),
      across_(width + 1),
      below_(width),
      above_(width),
      divergence_(width) {
  for (auto& f : field_) f.assign(next_.size(), 0.0f);
  const double d = options.diffusivity();
  const double factor =
      options.flame_speed * options.flame_speed / d * options.beta * options.beta / (2 * options.lewis);
  for (int i = 0; i <= kTable; ++i) {
    const double t = kLow + (kHigh - kLow) * static_cast<double>(i) / kTable;
    table_.push_back(
        static_cast<float>(factor * exp_of(-options.beta * (1 - t) / (1 - options.alpha * (1 - t)))));
  }
}

void Scalars::fill_halo(Kind kind, const std::vector<float>& inlet_u) {
  for (int y = 0; y < height_; ++y) {
    float* c = row(kind, y);
    c[-1] = c[-2] = inlet_u[y] > 0 ? fresh_[kind] : c[0];
    c[width_] = c[width_ + 1] = c[width_ - 1];
  }
  for (const int beyond : {1, 2}) {
    std::copy_n(row(kind, 0) - 2, stride_, row(kind, -beyond) - 2);
    std::copy_n(row(kind, height_ - 1) - 2, stride_, row(kind, height_ - 1 + beyond) - 2);
  }
}

void Scalars::react() {
  constexpr float kScale = kTable / (kHigh - kLow);
  for (int y = 0; y < height_; ++y) {
    const float *t = row(kTemperature, y), *fuel = row(kFuel, y);
    float* rate = rate_.data() + static_cast<size_t>(y) * width_;
    for (int x = 0; x < width_; ++x) {
      const float scaled = (t[x] - kLow) * kScale;
      const float place =
          scaled > 0 ? std::min(scaled, kTable - 1.0f) : 0.0f;  // also where T is not a number
      const int i = static_cast<int>(place);
      rate[x] = fuel[x] * (table_[i] + (place - static_cast<float>(i)) * (table_[i + 1] - table_[i]));
    }
  }
}

void Scalars::advance(const std::vector<float>& u, const std::vector<float>& v,
                      const std::vector<float>& inlet_u, double dt) {
  react();
  const auto step = static_cast<float>(dt);
  constexpr float kSign[kCount] = {1, -1, 0};
  for (const Kind kind : {kTemperature, kFuel, kPassive}) {
    fill_halo(kind, inlet_u);
    const auto d = static_cast<float>(options_.diffusivity() / (kind == kFuel ? options_.lewis : 1));
    std::fill(below_.begin(), below_.end(), 0.0f);
    for (int y = 0; y < height_; ++y) {
      const size_t begin = static_cast<size_t>(y) * width_;
      const bool last = y == height_ - 1;
      const float *c = row(kind, y), *up = c + stride_, *u_row = u.data() + begin, *v_row = v.data() + begin;
      const float *v_down = y > 0 ? v_row - width_ : v_row, *v_up = last ? v_row : v_row + width_;
      float *across = across_.data(), *above = above_.data(), *below = below_.data(),
            *divergence = divergence_.data();
      across[0] = face_flux(c[-2], c[-1], c[0], c[1], inlet_u[y], d);
      for (int x = 1; x < width_; ++x)
        across[x] = face_flux(c[x - 2], c[x - 1], c[x], c[x + 1], 0.5f * (u_row[x - 1] + u_row[x]), d);
      across[width_] =
          face_flux(c[width_ - 2], c[width_ - 1], c[width_], c[width_ + 1], u_row[width_ - 1], d);
      // Nothing passes the top and bottom edges.
      const float open_up = last ? 0.0f : 0.5f, open_down = y == 0 ? 0.0f : 0.5f;
      for (int x = 0; x < width_; ++x)
        above[x] = face_flux(c[x - stride_], c[x], up[x], up[x + stride_], open_up * (v_row[x] + v_up[x]),
                             last ? 0.0f : d);
      for (int x = 1; x < width_ - 1; ++x) divergence[x] = 0.5f * (u_row[x + 1] - u_row[x - 1]);
      divergence[0] = 0.5f * (u_row[0] + u_row[1]) - inlet_u[y];
      divergence[width_ - 1] = 0.5f * (u_row[width_ - 1] - u_row[width_ - 2]);
      for (int x = 0; x < width_; ++x)
        divergence[x] += open_up * (v_row[x] + v_up[x]) - open_down * (v_row[x] + v_down[x]);
      float* out = next_.data() + at(y);
      const float* rate = rate_.data() + begin;
      for (int x = 0; x < width_; ++x)
        out[x] = c[x] + step * ((across[x] - across[x + 1]) + (below[x] - above[x]) + c[x] * divergence[x] +
                                kSign[kind] * rate[x]);
      std::swap(above_, below_);
    }
    std::swap(field_[kind], next_);
  }
}

double planar_flame_speed(const ReactionOptions& options) {
  const int width = static_cast<int>(160 * options.thickness), height = 1;
  Scalars scalars(width, height, options);
  for (int x = 0; x < width; ++x) {
    const bool burnt = x > 3 * width / 4;
    scalars.row(Scalars::kTemperature, 0)[x] = burnt ? 1 : 0;
    scalars.row(Scalars::kFuel, 0)[x] = burnt ? 0 : 1;
  }
  const std::vector<float> still(width, 0.0f), closed(height, 0.0f);
  const double dt = 0.15 / options.diffusivity(), travel = 80 * options.thickness / options.flame_speed;
  const auto steps = static_cast<int64_t>(travel / dt);
  double consumed = 0;
  int64_t counted = 0;
  for (int64_t i = 0; i < steps; ++i) {
    scalars.advance(still, still, closed, dt);
    if (i < steps / 2) continue;
    for (const float w : scalars.rate()) consumed += w;
    ++counted;
  }
  return consumed / static_cast<double>(counted) / options.flame_speed;
}

}  // namespace windtunnel::datasets::lab

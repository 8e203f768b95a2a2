#pragma once

#include <cstdint>
#include <vector>

namespace windtunnel::datasets::lab {

/// Everything in lattice units (cells and steps).
struct ReactionOptions {
  double flame_speed = 0.012;  ///< S_L
  double thickness = 3;        ///< delta
  double beta = 8, alpha = 0.8, lewis = 1;

  double diffusivity() const { return flame_speed * thickness; }  ///< D_T
};

/// Three scalars carried by a given flow: reduced temperature T, share of the fuel left Y, and a passive s.
///   dT/dt + u.grad T = D_T lap T + w,   dY/dt + u.grad Y = (D_T/Le) lap Y - w,   ds/dt + u.grad s = D_T lap
///   s w = (S_L^2/D_T) (beta^2/(2 Le)) Y exp(-beta (1-T) / (1 - alpha (1-T)))
/// Finite volumes: van Leer's limited fluxes on the faces minus c div u, central diffusion, explicit Euler.
/// Rows are open on the left where fluid enters (fresh mixture: T = 0, Y = 1, s as given), otherwise walls;
/// the other edges have no gradient. T + Y = 1 is kept exactly for Le = 1.
class Scalars {
 public:
  enum Kind { kTemperature, kFuel, kPassive };
  static constexpr int kCount = 3;

  Scalars(int width, int height, const ReactionOptions& options, double fresh_passive = 0);

  int width() const { return width_; }
  int height() const { return height_; }
  const float* row(Kind kind, int y) const { return field_[kind].data() + at(y); }
  float* row(Kind kind, int y) { return field_[kind].data() + at(y); }
  /// w of the state before the last advance(), per step, (H,W).
  const std::vector<float>& rate() const { return rate_; }

  /// `dt` steps with cell velocities u, v (H,W) and the velocity through the left edge, per row.
  void advance(const std::vector<float>& u, const std::vector<float>& v, const std::vector<float>& inlet_u,
               double dt);

 private:
  int64_t at(int y) const { return (static_cast<int64_t>(y) + 2) * stride_ + 2; }
  void fill_halo(Kind kind, const std::vector<float>& inlet_u);
  void react();

  int width_, height_;
  int64_t stride_;
  ReactionOptions options_;
  float fresh_[kCount];
  std::vector<float> field_[kCount], next_, rate_, table_;
  std::vector<float> across_, below_, above_, divergence_;
};

/// Speed of a flat flame in fluid at rest over S_L, from the consumption of the fuel. The asymptotic value
/// for large beta is 1; a finite beta gives less.
double planar_flame_speed(const ReactionOptions& options);

}  // namespace windtunnel::datasets::lab

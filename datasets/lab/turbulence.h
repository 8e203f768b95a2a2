#pragma once

#include <cstdint>
#include <vector>

#include "datasets/lab/camera.h"

namespace windtunnel::datasets::lab {

/// |S| = sqrt(2 S_ij S_ij) of a picture in U/D, central differences; zero across a body's outline.
void strain_rate(const Picture& picture, std::vector<float>& strain);

/// Three-dimensional turbulence that a two-dimensional solver lacks, as a kinematic model (not a solution of
/// the equations of motion):
///   u = u_2D + curl(a psi),  psi = sum_m b_m cos(k_m . (x - 0.75 U t e_x) + w_m t + phi_m),
/// wavelengths log-uniform in [0.12, 0.8] D but not below four points of the picture, random directions,
/// b_m = |k|^(-4/3) (energy ~ k^(-5/3)), w_m = 0.05 |k| U N(0,1), psi scaled to unit r.m.s. velocity per
/// component.
///   a = 0.05 U min(q, 4),  q = max(D |S| smoothed over 0.12 D, q carried along by 0.75 U and decaying in 4
///   D/U),
/// fading to zero at the bodies. The difference form of the curl keeps the added field free of divergence.
class Turbulence {
 public:
  explicit Turbulence(uint64_t seed, int modes = 96);

  /// Moves the state to the next picture, `step` D/U later.
  void advance(const Picture& picture, double step);
  void add_to(Picture& picture);
  /// a at the picture's points: the r.m.s. of each velocity component, also across the plane.
  const std::vector<float>& intensity() const { return intensity_; }

 private:
  struct Mode {
    double kx, ky, amplitude, drift, phase;
  };
  std::vector<Mode> draw_;  ///< as drawn; wavelengths are bounded when the picture's spacing is known
  std::vector<Mode> modes_;
  double time_ = 0;
  std::vector<float> cosine_, sine_;  ///< of k_x x, (mode, column)
  std::vector<float> q_, intensity_, strain_, scratch_, psi_;
};

}  // namespace windtunnel::datasets::lab

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/lab/inflow.h"
#include "datasets/lab/kernel.h"
#include "datasets/lab/lattice.h"
#include "datasets/lab/scalars.h"

namespace windtunnel::datasets::lab {

/// Lengths in w (width of a slot of the burner), velocities in U (mean velocity in the slots), times in w/U.
struct FlameOptions {
  double length = 6.4, height = 6.4;
  int cells = 20;       ///< per w
  double speed = 0.06;  ///< U in lattice units; a step is speed/cells w/U
  double reynolds = 1000;
  double smagorinsky = 0.14;  ///< C_s (mixing length in cells)

  double flow = 1;  ///< factor of the flow rate
  double modulation = 0.15, period = 4.8;
  double intensity = 0.05;  ///< r.m.s. of the turbulence in the slots
  double ramp = 6;          ///< the inflow grows from zero

  double flame_speed = 0.2;  ///< S_L
  double thickness = 0.15;   ///< delta; at least three cells
  double beta = 8, alpha = 0.8, lewis = 1;
  double expansion = 5;  ///< T_b/T_u; the viscosity grows with its 0.7th power
  double swirl = 0.8;    ///< value of the passive scalar at the inlet
  std::string kernels = "fast";
};

/// Flame behind an annular burner, in a plane through its axis: two slots of width w at 0.6 w to 1.6 w from
/// the axis in a wall on the left, outflow on the right, free slip at top and bottom. Flow as in flow.h, with
/// the viscosity of the local temperature; density change is neglected (thermo-diffusive model). Starts
/// burnt.
class Flame {
 public:
  Flame(const FlameOptions& options, uint64_t seed);

  void step();
  double time() const { return time_; }
  double step_length() const { return step_; }
  int width() const { return width_; }
  int height() const { return height_; }
  const Scalars& scalars() const { return scalars_; }
  /// Velocity in U, pressure in rho U^2, (H,W).
  void fields(std::vector<float>& u, std::vector<float>& v, std::vector<float>& p) const;

  /// Distance of row y from the axis, w.
  double from_axis(double y) const { return (y + 0.5 - 0.5 * height_) / options_.cells; }
  /// Flow steps between two steps of the scalars (which are divided where the flow is fast).
  int scalar_interval() const { return every_; }

 private:
  static ReactionOptions reaction(const FlameOptions& options);
  void set_inlet();
  void collide();
  void carry();

  FlameOptions options_;
  int width_, height_, layer_, every_, parts_ = 1;
  double step_, time_ = 0;
  int64_t steps_ = 0;
  const Kernel* kernel_;
  std::unique_ptr<Lattice> now_, next_;
  Scalars scalars_;
  Inflow turbulence_;
  std::vector<float> slot_, inlet_u_, inlet_v_, u_, v_;
  std::vector<float> tau0_, sponge_, outlet_, none_;  ///< tau0 (H,W); the others per column
};

}  // namespace windtunnel::datasets::lab

#pragma once

#include <array>
#include <vector>

#include "datasets/lab/periodic/etdrk4.h"
#include "datasets/lab/periodic/system.h"

namespace windtunnel::datasets::lab {

struct ShearFlowOptions : PeriodicOptions {
  ShearFlowOptions();
  std::vector<double> reynolds = {10000}, schmidt = {1};
  double thickness = 0.1;  ///< of a shear layer; each initial state takes half to twice of it
  void describe(core::OptionVisitor& v) override;
  std::unique_ptr<PeriodicOptions> clone() const override {
    return std::make_unique<ShearFlowOptions>(*this);
  }
};

/// Incompressible flow with a passive tracer s, viscosity 1/Re and diffusivity 1/(Re Sc):
///   w' + div(u w) = lap w / Re,  s' + div(u s) = lap s / (Re Sc),  w = dv/dx - du/dy,  u = dpsi/dy, v =
///   -dpsi/dx
/// with lap psi = -w and a constant mean velocity. Products are computed without aliasing (two-thirds rule).
/// The pressure follows from lap p = 2 (du/dx dv/dy - du/dy dv/dx), mean 0.
class ShearFlow : public PeriodicSystem {
 public:
  /// `parameters`: Reynolds, Schmidt.
  ShearFlow(const ShearFlowOptions& options, const std::vector<double>& parameters);

  void start(uint64_t seed, int64_t number) override;
  /// Values (H,W) on the solver's grid; of the velocity, the divergence-free part is kept.
  void start_from(const std::vector<double>& u, const std::vector<double>& v,
                  const std::vector<double>& tracer);
  void advance() override;
  std::vector<std::vector<float>> fields() const override;
  int64_t steps_per_frame() const override { return steps_; }

  /// On the solver's grid.
  struct State {
    std::vector<double> tracer, pressure, u, v;
  };
  State state() const;

 private:
  void transport(const std::vector<Complex>& state, std::vector<Complex>& out);
  /// Coefficients of u (axis 0) or v (axis 1) of the vorticity at the front of `state`.
  void velocity(const std::vector<Complex>& state, int axis, std::vector<Complex>& out) const;
  std::vector<double> pressure() const;
  std::vector<double> values(const std::vector<Complex>& coefficients) const;

  ShearFlowOptions options_;
  int64_t steps_;
  mutable Fourier fourier_;
  Etdrk4 stepper_;
  std::array<double, 2> mean_{};  ///< velocity
  std::vector<Complex> state_;    ///< coefficients of the vorticity, then of the tracer
  std::vector<Complex> modes_, flux_x_, flux_y_;
  std::vector<double> u_, v_, carried_, product_;
};

}  // namespace windtunnel::datasets::lab

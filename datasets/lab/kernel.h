#pragma once

#include <string>
#include <vector>

namespace windtunnel::datasets::lab {

/// `count` neighbouring cells of one row: streaming, collision and absorbing layer in one pass.
struct CollisionRow {
  const float* in[9];          ///< in[q][x]: population q that arrives at cell x
  float* out[9];               ///< after the collision
  const float* tau0;           ///< relaxation time of the molecular viscosity, 3 nu + 1/2, per cell
  const float* far;            ///< absorbing strength towards density 1 and the velocity below, per cell
  const float* outlet;         ///< absorbing strength towards density 1 and the cell's own velocity, per cell
  float far_u = 0, far_v = 0;  ///< lattice units
  float closure = 0;           ///< 18 C_s^2
  int count = 0;
};

/// `count` neighbouring cells of one row inside a body's box: drives the velocity towards the body's by chi.
struct BodyRow {
  float* f[9];
  const float* chi;                   ///< 1 inside, 0 outside, smooth between
  float body_u = 0;                   ///< body velocity at the first cell, lattice units
  float body_v = 0, body_v_step = 0;  ///< v of the first cell and its growth per cell
  float* push_u;                      ///< out: rho du, the momentum that the fluid received
  float* push_v;
  int count = 0;
};

/// Central-moment collision with Smagorinsky's closure (Geier, Greiner, Korvink 2006; closure after Hou et
/// al. 1996): second moments relax with 1/tau, trace and third moments are at equilibrium, the fourth is
/// rho/9, and
///   tau = (tau0 + sqrt(tau0^2 + 18 C_s^2 sqrt(N^2 + 4 k_xy^2) / rho)) / 2,  N = k_xx - k_yy.
/// All variants but "reference" give the same bits.
struct Kernel {
  std::string name;  ///< "reference" (double precision, by definition), "sse2", "avx2", "avx512"
  void (*collide)(const CollisionRow& row);  ///< without the absorbing layer
  void (*collide_absorb)(const CollisionRow& row);
  void (*penalise)(const BodyRow& row);
};

/// Those that this processor can run: the reference first, the fastest last.
const std::vector<Kernel>& kernels();
/// "reference", "fast" or a variant's name.
const Kernel& kernel(const std::string& name);

}  // namespace windtunnel::datasets::lab

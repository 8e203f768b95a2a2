#pragma once

#include <string>

namespace windtunnel::datasets::lab {

/// Decaying vortices in a periodic square of n x n cells, without bodies, edges or closure:
///   u = -U cos(k x) sin(k y) e,  v = U sin(k x) cos(k y) e,  e = exp(-2 nu k^2 t),  k = 2 pi / n,
/// in a stream (U, U/2) that carries them along; run until half of the velocity is left. U = 0.32/n and U n /
/// nu = 100, so that the compressibility error falls like the cell's square.
struct TaylorGreen {
  double error = 0;           ///< of the vortices' velocity, relative, L2
  double mass_drift = 0;      ///< change of the total density over the total density
  double momentum_drift = 0;  ///< change of the total momentum over the sum of |rho u|
};
TaylorGreen taylor_green(int cells, const std::string& kernels = "fast");

}  // namespace windtunnel::datasets::lab

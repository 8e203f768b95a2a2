#pragma once

#include <functional>
#include <vector>

#include "datasets/lab/periodic/fourier.h"

namespace windtunnel::datasets::lab {

/// Exponential time differencing of fourth order for v' = L v + N(v), L diagonal and real: the linear part is
/// exact, the rest a Runge-Kutta step (Cox and Matthews 2002; the coefficients as means over a circle, Kassam
/// and Trefethen 2005, because the plain formulas cancel for small L h).
class Etdrk4 {
 public:
  /// N(v) into `out`, both as long as `linear`.
  using Nonlinear = std::function<void(const std::vector<Complex>& v, std::vector<Complex>& out)>;

  Etdrk4(const std::vector<double>& linear, double step);
  /// v(t) -> v(t + step).
  void advance(std::vector<Complex>& v, const Nonlinear& nonlinear);

 private:
  struct Coefficients {
    double whole, half, q, f1, f2, f3;  ///< exp(L h), exp(L h / 2), weights of N
  };
  std::vector<Coefficients> coefficients_;
  std::vector<Complex> a_, b_, nv_, na_, nb_, nc_;
};

}  // namespace windtunnel::datasets::lab

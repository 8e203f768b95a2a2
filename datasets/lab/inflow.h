#pragma once

#include <cstdint>
#include <vector>

#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {

struct InflowOptions {
  double nonuniformity = 0;         ///< r.m.s. of the steady profile's deviation from U
  double intensity = 0;             ///< r.m.s. of u' and v'
  double correlation_time = 0.3;    ///< D/U
  double correlation_length = 0.3;  ///< D
};

/// Free stream at the inlet, one velocity per row, in units of U: a steady profile of four cosines plus, per
/// row, an Ornstein-Uhlenbeck process smoothed along the inlet. Fluctuations fade to zero over `edge` rows at
/// both ends.
class Inflow {
 public:
  /// The steady profile follows from `profile_seed` alone (as a function of y / height).
  Inflow(int rows, int cells_per_diameter, int edge, double step, const InflowOptions& options,
         uint64_t profile_seed, uint64_t seed);

  void advance();  ///< by one step
  const std::vector<float>& u() const { return u_; }
  const std::vector<float>& v() const { return v_; }

 private:
  void compose();

  int rows_;
  InflowOptions options_;
  NormalStream random_;
  double keep_, kick_;
  std::vector<double> smoothing_, noise_u_, noise_v_, fade_, profile_;
  std::vector<float> u_, v_;
};

}  // namespace windtunnel::datasets::lab

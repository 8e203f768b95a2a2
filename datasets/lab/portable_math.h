#pragma once

#include "core/random.h"

namespace windtunnel::datasets::lab {

/// Elementary functions from +, -, *, / and comparisons only: the same bits on every processor, which the C
/// library does not promise. Errors stay below 4e-15 (absolute for sin_turns, relative for exp_of, relative
/// to max(1, |value|) for log_of).
double sin_turns(double turns);  ///< sin(2 pi turns)
double cos_turns(double turns);  ///< cos(2 pi turns)
double exp_of(double x);
double log_of(double x);                     ///< x > 0
double power(double base, double exponent);  ///< base > 0
double error_function(double x);             ///< erf, absolute error below 2e-7

inline constexpr double kPi = 3.14159265358979323846;

/// Standard normals from a PythonRandom (Box-Muller with the functions above).
class NormalStream {
 public:
  explicit NormalStream(uint64_t seed) : random_(seed) {}
  double normal();
  double uniform() { return random_.random(); }
  uint64_t below(uint64_t n) { return random_.below(n); }

 private:
  core::PythonRandom random_;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace windtunnel::datasets::lab

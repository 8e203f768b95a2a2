#include "datasets/lab/mixture.h"

#include <algorithm>

#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {

Mixture make_mixture(double x, double phi) {
  Mixture m;
  m.ammonia = x;
  m.equivalence_ratio = phi;
  const double off = (phi - 1.05 - 0.05 * x) / 0.35;
  m.flame_speed = power(0.37, 1 - x) * power(0.07, x) / 0.37 * exp_of(-off * off);
  m.lewis = 1 - 0.1 * x;
  m.burnt_temperature = 2230 * (1 - 0.08 * x) * (1 - 0.9 * (phi - 1.05) * (phi - 1.05));

  constexpr double kNitrogen = 3.76;  // per oxygen in air
  const double oxygen = (2 * (1 - x) + 0.75 * x) / phi;
  const double fresh = 1 + (1 + kNitrogen) * oxygen;
  m.fresh_ch4 = (1 - x) / fresh;
  m.fresh_nh3 = x / fresh;
  const double burnt_share = std::min(1.0, 1 / phi);
  const double co2 = burnt_share * (1 - x), h2o = burnt_share * (2 * (1 - x) + 1.5 * x);
  const double oxygen_left = std::max(0.0, oxygen * (1 - phi));
  const double burnt = co2 + h2o + kNitrogen * oxygen + 0.5 * x * burnt_share + oxygen_left + 1 - burnt_share;
  m.burnt_co2 = co2 / burnt;
  m.burnt_h2o = h2o / burnt;
  return m;
}

}  // namespace windtunnel::datasets::lab

#pragma once

namespace windtunnel::datasets::lab {

/// Mixture of ammonia, methane and air. Simple formulas with the right tendencies, not chemistry:
///   S_L(x, phi) = S_ref 0.37^(1-x) 0.07^x / 0.37 exp(-((phi - 1.05 - 0.05 x) / 0.35)^2),   Le = 1 - 0.1 x,
///   T_b = 2230 K (1 - 0.08 x) (1 - 0.9 (phi - 1.05)^2);
/// mole fractions from complete combustion of x NH3 + (1-x) CH4 with air (of rich mixtures, as far as the
/// oxygen goes).
struct Mixture {
  double ammonia = 0;  ///< x, share of the fuel's moles
  double equivalence_ratio = 1;
  double flame_speed = 1;  ///< S_L / S_ref
  double lewis = 1;
  double burnt_temperature = 2230;                  ///< K
  double fresh_ch4 = 0, fresh_nh3 = 0;              ///< mole fractions
  double burnt_co2 = 0, burnt_h2o = 0;              ///< mole fractions
  static constexpr double kFreshTemperature = 300;  ///< K
  static constexpr double kHeatCapacity = 1200;     ///< J/(kg K)
};

Mixture make_mixture(double ammonia, double equivalence_ratio);

}  // namespace windtunnel::datasets::lab

#pragma once

#include <vector>

#include "datasets/lab/body.h"

namespace windtunnel::datasets::lab {

/// Force coefficients of a body of unit diameter: C = F / (rho U^2 D / 2).
struct WakeStatistics {
  double drag = 0;            ///< mean drag coefficient
  double drag_amplitude = 0;  ///< half the difference of largest and smallest
  double lift = 0;            ///< mean lift coefficient
  double lift_rms = 0;
  double lift_amplitude = 0;
  double strouhal = 0;  ///< frequency of the lift's strongest Fourier component, U/D; 0 without oscillation
};

/// `forces` in rho U^2 D at equal intervals of `step` D/U.
WakeStatistics wake_statistics(const std::vector<Vec2>& forces, double step);

/// Frequency (cycles per unit time) of the largest peak of the Hann-windowed spectrum of `signal` minus its
/// mean, refined by a parabola; searched up to `highest`. 0 if the signal is constant.
double dominant_frequency(const std::vector<double>& signal, double step, double highest);

}  // namespace windtunnel::datasets::lab

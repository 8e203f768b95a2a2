#pragma once

#include <cstdint>
#include <vector>

namespace windtunnel::results {

/// P(T <= t) of Student's t with `degrees` > 0 degrees of freedom.
double student_cdf(double t, double degrees);
/// P(X >= x) of chi squared with `degrees` > 0 degrees of freedom.
double chi_squared_tail(double x, double degrees);
/// P(Q <= q), Q the range of k >= 2 independent standard normal values (studentized range with infinitely
/// many degrees of freedom): k * integral phi(z) (Phi(z) - Phi(z - q))^(k-1) dz.
double range_cdf(double q, int64_t k);
/// q with range_cdf(q, k) = 1 - alpha.
double range_quantile(double alpha, int64_t k);

/// Probability that a further value of the normal distribution behind `others` (n >= 2) is at most `value`:
/// t = (value - mean) / (s sqrt(1 + 1/n)) with n - 1 degrees of freedom. 0.5 if the others do not vary and
/// equal it.
double probability_below(double value, const std::vector<double>& others);

}  // namespace windtunnel::results

#include "results/distributions.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace windtunnel::results {
namespace {

constexpr double kTiny = 1e-300, kClose = 1e-15;

/// Continued fraction of the incomplete beta function (Lentz).
double beta_fraction(double a, double b, double x) {
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  if (std::abs(d) < kTiny) d = kTiny;
  d = 1 / d;
  double h = d;
  for (int m = 1; m < 500; ++m) {
    const auto step = [&](double numerator) {
      d = 1 + numerator * d;
      c = 1 + numerator / c;
      if (std::abs(d) < kTiny) d = kTiny;
      if (std::abs(c) < kTiny) c = kTiny;
      d = 1 / d;
      h *= d * c;
    };
    step(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)));
    step(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)));
    if (std::abs(d * c - 1) < kClose) break;
  }
  return h;
}

/// Regularised incomplete beta function I_x(a, b).
double beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                   : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double normal_density(double z) { return std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi); }
double normal_cdf(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

}  // namespace

double student_cdf(double t, double degrees) {
  if (std::isinf(t)) return t < 0 ? 0 : 1;
  const double tail = beta(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2;
  return t < 0 ? tail : 1 - tail;
}

double chi_squared_tail(double x, double degrees) {
  if (x <= 0) return 1;
  const double a = degrees / 2, y = x / 2, front = std::exp(a * std::log(y) - y - std::lgamma(a));
  if (y < a + 1) {  // series of the lower function
    double term = 1 / a, sum = term;
    for (int n = 1; n < 10000 && term > kClose * sum; ++n) sum += term *= y / (a + n);
    return std::max(0.0, 1 - front * sum);
  }
  double b = y + 1 - a, c = 1 / kTiny, d = 1 / b, h = d;
  for (int n = 1; n < 10000; ++n) {
    const double numerator = -n * (n - a);
    b += 2;
    d = numerator * d + b;
    c = b + numerator / c;
    if (std::abs(d) < kTiny) d = kTiny;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    h *= d * c;
    if (std::abs(d * c - 1) < kClose) break;
  }
  return front * h;
}

double range_cdf(double q, int64_t k) {
  if (q <= 0) return 0;
  // The integrand vanishes outside; Simpson's rule.
  constexpr int kSteps = 2000;
  const double low = -8, high = 8 + q, h = (high - low) / kSteps;
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double z = low + i * h;
    const double value =
        normal_density(z) * std::pow(normal_cdf(z) - normal_cdf(z - q), static_cast<double>(k - 1));
    sum += value * (i == 0 || i == kSteps ? 1 : i % 2 ? 4 : 2);
  }
  return std::min(1.0, static_cast<double>(k) * sum * h / 3);
}

double range_quantile(double alpha, int64_t k) {
  double low = 0, high = 40;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (range_cdf(middle, k) < 1 - alpha ? low : high) = middle;
  }
  return (low + high) / 2;
}

double probability_below(double value, const std::vector<double>& others) {
  const auto n = static_cast<double>(others.size());
  double mean = 0, squares = 0;
  for (double other : others) mean += other / n;
  for (double other : others) squares += (other - mean) * (other - mean);
  const double scale = std::sqrt(squares / (n - 1) * (1 + 1 / n));
  if (scale == 0) return value < mean ? 0 : value > mean ? 1 : 0.5;
  return student_cdf((value - mean) / scale, n - 1);
}

}  // namespace windtunnel::results

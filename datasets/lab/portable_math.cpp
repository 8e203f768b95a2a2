#include "datasets/lab/portable_math.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace windtunnel::datasets::lab {
namespace {

constexpr double kLn2High = 6.93147180369123816490e-01, kLn2Low = 1.90821492927058770002e-10;

}  // namespace

double sin_turns(double turns) {
  double r = turns - std::floor(turns + 0.5);
  if (r > 0.25) r = 0.5 - r;
  if (r < -0.25) r = -0.5 - r;
  const double x = 2 * kPi * r, x2 = x * x;
  double sum = 0;
  for (int n = 21; n >= 3; n -= 2) sum = (1 + sum) * -x2 / (n * (n - 1));
  return x * (1 + sum);
}

double cos_turns(double turns) { return sin_turns(turns + 0.25); }

double exp_of(double x) {
  if (x < -700) return 0;
  if (x > 700) x = 700;
  const double n = std::floor(x / (kLn2High + kLn2Low) + 0.5);
  const double r = (x - n * kLn2High) - n * kLn2Low;
  double sum = 1;
  for (int k = 14; k >= 1; --k) sum = 1 + sum * r / k;
  return sum * std::bit_cast<double>(static_cast<uint64_t>(static_cast<int64_t>(n) + 1023) << 52);
}

double log_of(double x) {
  const auto bits = std::bit_cast<uint64_t>(x);
  double exponent = static_cast<double>(static_cast<int64_t>(bits >> 52) - 1023);
  double m = std::bit_cast<double>((bits & 0xfffffffffffffULL) | (1023ULL << 52));
  if (m > 1.41421356) {
    m /= 2;
    exponent += 1;
  }
  const double z = (m - 1) / (m + 1), z2 = z * z;  // log m = 2 atanh z, |z| < 0.172
  double sum = 0;
  for (int k = 21; k >= 1; k -= 2) sum = sum * z2 + 1.0 / k;
  return exponent * kLn2High + (exponent * kLn2Low + 2 * z * sum);
}

double power(double base, double exponent) { return exp_of(exponent * log_of(base)); }

double error_function(double x) {
  // Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
  const double a = std::abs(x);
  if (a > 5) return x < 0 ? -1 : 1;
  const double t = 1 / (1 + 0.3275911 * a);
  const double tail =
      t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) *
      exp_of(-a * a);
  return x < 0 ? tail - 1 : 1 - tail;
}

double NormalStream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * log_of(1 - random_.random()));
  const double angle = random_.random();
  spare_ = radius * sin_turns(angle);
  has_spare_ = true;
  return radius * cos_turns(angle);
}

}  // namespace windtunnel::datasets::lab

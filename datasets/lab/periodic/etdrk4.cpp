#include "datasets/lab/periodic/etdrk4.h"

#include <cmath>

#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {

Etdrk4::Etdrk4(const std::vector<double>& linear, double step) {
  constexpr int kCircle = 32;  // points on the upper half; the mean over both halves is the real part
  for (const double value : linear) {
    const double z = value * step;
    Coefficients c{std::exp(z), std::exp(z / 2), 0, 0, 0, 0};
    for (int j = 0; j < kCircle; ++j) {
      const Complex r = z + std::polar(1.0, kPi * (j + 0.5) / kCircle), e = std::exp(r), cube = r * r * r;
      c.q += ((std::exp(r / 2.0) - 1.0) / r).real();
      c.f1 += ((-4.0 - r + e * (4.0 - 3.0 * r + r * r)) / cube).real();
      c.f2 += ((2.0 + r + e * (r - 2.0)) / cube).real();
      c.f3 += ((-4.0 - 3.0 * r - r * r + e * (4.0 - r)) / cube).real();
    }
    for (double* weight : {&c.q, &c.f1, &c.f2, &c.f3}) *weight *= step / kCircle;
    coefficients_.push_back(c);
  }
  for (auto* buffer : {&a_, &b_, &nv_, &na_, &nb_, &nc_}) buffer->resize(linear.size());
}

void Etdrk4::advance(std::vector<Complex>& v, const Nonlinear& nonlinear) {
  const size_t n = coefficients_.size();
  nonlinear(v, nv_);
  for (size_t i = 0; i < n; ++i) a_[i] = coefficients_[i].half * v[i] + coefficients_[i].q * nv_[i];
  nonlinear(a_, na_);
  for (size_t i = 0; i < n; ++i) b_[i] = coefficients_[i].half * v[i] + coefficients_[i].q * na_[i];
  nonlinear(b_, nb_);
  for (size_t i = 0; i < n; ++i)
    b_[i] = coefficients_[i].half * a_[i] + coefficients_[i].q * (2.0 * nb_[i] - nv_[i]);
  nonlinear(b_, nc_);
  for (size_t i = 0; i < n; ++i) {
    const auto& c = coefficients_[i];
    v[i] = c.whole * v[i] + c.f1 * nv_[i] + 2 * c.f2 * (na_[i] + nb_[i]) + c.f3 * nc_[i];
  }
}

}  // namespace windtunnel::datasets::lab

#include "baselines/mwt/filters.h"

#include <cmath>
#include <functional>
#include <numbers>

#include "core/error.h"

namespace windtunnel::baselines {
namespace {

using Real = long double;  // monomials on [0,1] lose digits with k
using Polynomial = std::vector<Real>;
using Matrix = std::vector<double>;

Real value(const Polynomial& p, Real x) {
  Real sum = 0;
  for (size_t i = p.size(); i-- > 0;) sum = sum * x + p[i];
  return sum;
}

void subtract(Polynomial& p, const Polynomial& q, Real factor) {
  for (size_t i = 0; i < p.size(); ++i) p[i] -= factor * q[i];
}

// p(a x + b)
Polynomial substitute(const Polynomial& p, Real a, Real b) {
  Polynomial result(p.size(), 0);
  for (size_t i = p.size(); i-- > 0;) {
    Polynomial next(p.size(), 0);
    for (size_t j = 0; j < p.size(); ++j) {
      next[j] += b * result[j];
      if (j > 0) next[j] += a * result[j - 1];
    }
    next[0] += p[i];
    result = next;
  }
  return result;
}

// Integral of p q over [low,high].
Real integral(const Polynomial& p, const Polynomial& q, Real low, Real high) {
  Real sum = 0;
  for (size_t i = 0; i < p.size(); ++i)
    for (size_t j = 0; j < q.size(); ++j) {
      const auto n = static_cast<Real>(i + j + 1);
      sum += p[i] * q[j] * (std::pow(high, n) - std::pow(low, n)) / n;
    }
  return sum;
}

Matrix filter(int64_t k, const std::function<Real(size_t, size_t)>& entry) {
  Matrix matrix(static_cast<size_t>(k * k));
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < k; ++j) {
      const auto v = static_cast<double>(entry(static_cast<size_t>(i), static_cast<size_t>(j)));
      matrix[static_cast<size_t>(i * k + j)] = std::abs(v) < 1e-8 ? 0 : v;
    }
  return matrix;
}

// Polynomials of the three-term recurrence P_{i+1}(t) = (a_i t P_i - b_i P_{i-1}) at t = 2x-1, as monomials
// in x.
std::vector<Polynomial> recurrence(int64_t k,
                                   const std::function<std::pair<Real, Real>(int64_t)>& coefficients) {
  const auto size = static_cast<size_t>(k);
  std::vector<Polynomial> p(size, Polynomial(size, 0));
  p[0][0] = 1;
  for (size_t i = 0; i + 1 < size; ++i) {
    const auto [a, b] = coefficients(static_cast<int64_t>(i));
    for (size_t j = 0; j < size; ++j) {
      p[i + 1][j] -= a * p[i][j];
      if (j > 0) p[i + 1][j] += 2 * a * p[i][j - 1];
      if (i > 0) p[i + 1][j] -= b * p[i - 1][j];
    }
  }
  return p;
}

MultiwaveletFilters legendre(int64_t k) {
  auto phi = recurrence(k, [](int64_t i) {
    return std::pair<Real, Real>(static_cast<Real>(2 * i + 1) / (i + 1), static_cast<Real>(i) / (i + 1));
  });
  for (size_t i = 0; i < phi.size(); ++i)
    for (auto& c : phi[i]) c *= std::sqrt(static_cast<Real>(2 * i + 1));

  std::vector<Polynomial> left, right;
  for (const auto& scaling : phi) {
    Polynomial start = substitute(scaling, 2, 0);
    for (auto& c : start) c *= std::numbers::sqrt2_v<Real>;
    Polynomial l = start, r(start.size(), 0);
    for (const auto& p : phi) {
      const Real factor = integral(start, p, 0, 0.5L);
      subtract(l, p, factor);
      subtract(r, p, factor);
    }
    for (size_t j = 0; j < left.size(); ++j) {
      const Real factor = integral(start, left[j], 0, 0.5L);
      subtract(l, left[j], factor);
      subtract(r, right[j], factor);
    }
    const Real norm = std::sqrt(integral(l, l, 0, 0.5L) + integral(r, r, 0.5L, 1));
    for (auto& c : l) c /= norm;
    for (auto& c : r) c /= norm;
    left.push_back(l);
    right.push_back(r);
  }

  const Real s = 1 / std::numbers::sqrt2_v<Real>;
  const auto projected = [&](const std::vector<Polynomial>& functions, Real shift) {
    return filter(k, [&](size_t i, size_t j) {
      return s * integral(substitute(functions[i], 0.5L, shift), phi[j], 0, 1);
    });
  };
  const auto identity = filter(k, [](size_t i, size_t j) { return i == j ? 1 : 0; });
  return {k,        projected(phi, 0), projected(phi, 0.5L), projected(left, 0), projected(right, 0.5L),
          identity, identity};
}

MultiwaveletFilters chebyshev(int64_t k) {
  auto phi = recurrence(k, [](int64_t i) { return std::pair<Real, Real>(i == 0 ? 1 : 2, 1); });
  for (size_t i = 0; i < phi.size(); ++i)
    for (auto& c : phi[i]) c *= std::sqrt((i == 0 ? 2 : 4) / std::numbers::pi_v<Real>);

  const int64_t n = 2 * k;
  const Real w = std::numbers::pi_v<Real> / (2 * n);
  const auto sum = [&](const std::function<Real(Real)>& f) {
    Real total = 0;
    for (int64_t m = 1; m <= n; ++m)
      total += w * f((1 + std::cos(static_cast<Real>(2 * m - 1) * std::numbers::pi_v<Real> / (2 * n))) / 2);
    return total;
  };
  const auto on = [](const Polynomial& p, Real x, Real low, Real high) {
    return x < low || x > high ? Real{0} : value(p, x);
  };
  const auto root2 = std::numbers::sqrt2_v<Real>;

  std::vector<Polynomial> left, right;
  for (const auto& scaling : phi) {
    Polynomial l = substitute(scaling, 2, 0), r(scaling.size(), 0);
    for (auto& c : l) c *= root2;
    const auto start = [&](Real x) { return root2 * on(scaling, 2 * x, 0, 1); };
    for (const auto& p : phi) {
      const Real factor = sum([&](Real x) { return on(p, x, 0, 1) * start(x); });
      subtract(l, p, factor);
      subtract(r, p, factor);
    }
    for (size_t j = 0; j < left.size(); ++j) {
      const Real factor = sum([&](Real x) { return on(left[j], x, 0, 0.5L) * start(x); });
      subtract(l, left[j], factor);
      subtract(r, right[j], factor);
    }
    const auto square = [](Real v) { return v * v; };
    const Real norm = std::sqrt(sum([&](Real x) { return square(on(l, x, 0, 0.5L)); }) +
                                sum([&](Real x) { return square(on(r, x, 0.5L, 1)); }));
    for (auto& c : l) c /= norm;
    for (auto& c : r) c /= norm;
    left.push_back(l);
    right.push_back(r);
  }

  const auto projected = [&](const std::vector<Polynomial>& functions, Real shift) {
    return filter(k, [&](size_t i, size_t j) {
      return sum([&](Real x) { return value(functions[i], x / 2 + shift) * value(phi[j], x); }) / root2;
    });
  };
  const auto overlap = [&](Real shift) {
    return filter(k, [&](size_t i, size_t j) {
      return 2 *
             sum([&](Real x) { return on(phi[i], 2 * x - shift, 0, 1) * on(phi[j], 2 * x - shift, 0, 1); });
    });
  };
  return {k,          projected(phi, 0), projected(phi, 0.5L), projected(left, 0), projected(right, 0.5L),
          overlap(0), overlap(1)};
}

Matrix product(const Matrix& a, const Matrix& b, int64_t k) {
  return filter(k, [&](size_t i, size_t j) {
    Real sum = 0;
    for (size_t m = 0; m < static_cast<size_t>(k); ++m)
      sum += static_cast<Real>(a[i * k + m]) * static_cast<Real>(b[m * k + j]);
    return sum;
  });
}

// Appends the rows of a (x) b, or of its transpose.
void append_kronecker(Matrix& rows, const Matrix& a, const Matrix& b, int64_t k, bool transposed) {
  const int64_t k2 = k * k;
  for (int64_t r = 0; r < k2; ++r)
    for (int64_t c = 0; c < k2; ++c) {
      const int64_t i = transposed ? c : r, j = transposed ? r : c;
      rows.push_back(a[static_cast<size_t>((i / k) * k + j / k)] *
                     b[static_cast<size_t>((i % k) * k + j % k)]);
    }
}

}  // namespace

MultiwaveletFilters multiwavelet_filters(const std::string& base, int64_t k) {
  if (base == "legendre") return legendre(k);
  if (base == "chebyshev") return chebyshev(k);
  throw usage_error("unknown multiwavelet base '" + base + "'", "legendre or chebyshev");
}

MultiwaveletMatrices multiwavelet_matrices(const MultiwaveletFilters& f) {
  const int64_t k = f.k;
  MultiwaveletMatrices m;
  for (const auto* first : {&f.h0, &f.h1})
    for (const auto* second : {&f.h0, &f.h1}) append_kronecker(m.ec_s, *first, *second, k, true);
  for (const auto* first : {&f.g0, &f.g1})
    for (const auto* second : {&f.g0, &f.g1}) append_kronecker(m.ec_d, *first, *second, k, true);
  const Matrix h[] = {product(f.h0, f.phi0, k), product(f.h1, f.phi1, k)};
  const Matrix g[] = {product(f.g0, f.phi0, k), product(f.g1, f.phi1, k)};
  Matrix* targets[] = {&m.rc_ee, &m.rc_eo, &m.rc_oe, &m.rc_oo};
  for (int parity = 0; parity < 4; ++parity) {
    append_kronecker(*targets[parity], h[parity / 2], h[parity % 2], k, false);
    append_kronecker(*targets[parity], g[parity / 2], g[parity % 2], k, false);
  }
  return m;
}

}  // namespace windtunnel::baselines

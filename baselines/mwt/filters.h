#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace windtunnel::baselines {

/// Filter matrices of a multiwavelet basis of k polynomials, k x k row-major, float64; entries below 1e-8 are
/// 0. With s = 1/sqrt(2), scaling functions phi_i and wavelets psi_i on [0,1]:
///   H0[i,j] = s int phi_i(x/2) phi_j(x),  H1[i,j] = s int phi_i((x+1)/2) phi_j(x),  G0, G1 the same with
///   psi_i.
/// PHI0, PHI1 correct for a quadrature that is not exact (chebyshev); the identity for legendre.
struct MultiwaveletFilters {
  int64_t k = 0;
  std::vector<double> h0, h1, g0, g1, phi0, phi1;
};

/// `base` "legendre": orthonormal Legendre polynomials, exact integrals. "chebyshev": Chebyshev polynomials
/// with integrals replaced by equal-weight sums over 2k Chebyshev nodes, as published; not orthonormal, and
/// growing strongly with k. Usage error for another base.
MultiwaveletFilters multiwavelet_filters(const std::string& base, int64_t k);

/// Two-dimensional matrices by Kronecker products (first factor: first axis), k2 = k*k, row-major.
struct MultiwaveletMatrices {
  std::vector<double> ec_s, ec_d;                  ///< (4*k2, k2): decomposition
  std::vector<double> rc_ee, rc_eo, rc_oe, rc_oo;  ///< (2*k2, k2): reconstruction at even/odd points
};
MultiwaveletMatrices multiwavelet_matrices(const MultiwaveletFilters& filters);

}  // namespace windtunnel::baselines

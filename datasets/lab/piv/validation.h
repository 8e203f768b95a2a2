#pragma once

#include <cstdint>
#include <vector>

namespace windtunnel::datasets::lab::piv {

/// Vectors (H,W) in px; NaN = not measured.
struct VectorField {
  int height = 0, width = 0;
  std::vector<double> u, v;
};

/// Normalised median test (after Westerweel, Scarano 2005) in the form that OpenPIV applies, per component
///   r = |u - m| / (median_i |u_i - median_i u_i| + epsilon),
/// i over the up to eight measured neighbours, m the median of these and the vector itself; a vector is
/// flagged (1) if sqrt(r_u^2 + r_v^2) > threshold. Unmeasured vectors are not flagged.
std::vector<uint8_t> normalised_median_test(const VectorField& field, double epsilon = 0.1,
                                            double threshold = 2);

/// Replaces unmeasured vectors by the mean of their measured neighbours, pass after pass from the edge of the
/// gaps; what `passes` do not reach becomes zero. Vectors with `blank` set are left out as neighbours and
/// become zero.
void fill_gaps(VectorField& field, const std::vector<uint8_t>& blank, int passes = 8);

/// Each vector that is not blank becomes the median, per component, of itself and its neighbours that are not
/// blank.
void median_filter(VectorField& field, const std::vector<uint8_t>& blank);

}  // namespace windtunnel::datasets::lab::piv

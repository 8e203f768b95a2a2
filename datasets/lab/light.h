#pragma once

#include <vector>

#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {

/// Brightness of an annular flame seen from the side. `emission` (H,W) lies in a plane through the axis,
/// which runs along the rows halfway up; at angle theta around the axis
///   e(r,theta) = (1 + cos theta)/2 e+(r) + (1 - cos theta)/2 e-(r)
/// of its upper and lower half. image(y,x) = integral of e over the depth, in units of rows.
void line_of_sight(const std::vector<float>& emission, int height, int width, std::vector<float>& image);

/// The value below which `share` of the values lie.
double quantile(std::vector<float> values, double share);

/// Intensified camera behind a window:
///   point spread of 1 px; photons N ~ Poisson(60 I / bright + 0.2); s = N + sqrt(N) N(0,1) (noise of the
///   amplification, excess factor 2); below 2 nothing; nothing outside the window (15 % on the left, 5 % at
///   top and bottom); 8 bits, divided by 255.
class IntensifiedCamera {
 public:
  /// `bright`: the brightness that gives 60 photons.
  void expose(std::vector<float>& image, int height, int width, double bright, NormalStream& random);

  static constexpr double kPhotons = 60, kBrightest = 0.999;  ///< at this quantile of a calibration

 private:
  std::vector<float> scratch_;
};

}  // namespace windtunnel::datasets::lab

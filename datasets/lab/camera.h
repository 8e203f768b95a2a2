#pragma once

#include <cstdint>
#include <vector>

#include "datasets/lab/flow.h"

namespace windtunnel::datasets::lab {

/// Where the measured vectors lie in the flow. Vector (row, column) sits at ((column, row) - centre) / pixels
/// in D, turned by the tilt about the origin; rows count in the direction of y.
struct CameraOptions {
  int height = 0, width = 0;  ///< vectors
  double pixels = 9;          ///< vectors per D
  Vec2 centre;                ///< vector coordinates of the flow's origin
  double tilt_degrees = 0;
  int refine = 1;  ///< sampling points per vector and axis
  int margin = 0;  ///< vectors sampled beyond the frame on each side
};

/// Velocity in U and pressure in rho U^2 at the sampling points, row-major; velocity components along the
/// camera's axes. Point k of an axis lies at vector coordinate (k + 1/2) / refine - 1/2 - margin.
struct Picture {
  int height = 0, width = 0;
  int refine = 1, margin = 0;
  double spacing = 0;  ///< D between points
  std::vector<float> u, v, p;
  std::vector<float> distance;  ///< to the nearest body, D, positive outside

  double coordinate(int k) const { return (k + 0.5) / refine - 0.5 - margin; }
};

class Camera {
 public:
  explicit Camera(const CameraOptions& options);
  const CameraOptions& options() const { return options_; }
  Vec2 place(double row, double column) const;  ///< in D, of vector coordinates
  /// Bilinear interpolation of the flow as it is now.
  void sample(const Flow& flow, Picture& picture);

 private:
  CameraOptions options_;
  double cos_, sin_;
  FlowFields fields_;
  struct Tap {
    int32_t at;
    float a, b;
  };
  std::vector<Tap> taps_;
};

}  // namespace windtunnel::datasets::lab

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "datasets/lab/camera.h"
#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {

/// An instrument: what it reports of a flow picture. Not thread safe.
class Measurement {
 public:
  virtual ~Measurement() = default;
  virtual int refine() const = 0;  ///< sampling that the picture must have
  virtual int margin() const = 0;
  /// Fills u, v (H,W) in U. `across` is the r.m.s. velocity across the plane at the picture's points in U, or
  /// empty.
  virtual void measure(const Picture& picture, const std::vector<float>& across, NormalStream& random,
                       std::vector<float>& u, std::vector<float>& v) = 0;
};

/// "ideal": the picture itself.
/// "noise": average over the interrogation window (two vectors wide), noise of 0.012 U + 0.02 D |S|
/// correlated
///   between overlapping windows, 1.5 % of the vectors replaced by the median of their neighbours, zero in
///   the body.
/// "piv_low": "piv" with less noise. "piv": the whole chain of particle image velocimetry, see piv/piv.h.
std::unique_ptr<Measurement> make_measurement(const std::string& name);
std::vector<std::string> measurement_names();

}  // namespace windtunnel::datasets::lab

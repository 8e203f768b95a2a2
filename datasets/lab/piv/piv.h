#pragma once

#include <memory>

#include "datasets/lab/measurement.h"
#include "datasets/lab/piv/correlation.h"
#include "datasets/lab/piv/particle_image.h"
#include "datasets/lab/piv/validation.h"

namespace windtunnel::datasets::lab::piv {

/// Particle image velocimetry from the particles to the vectors: two synthetic camera images per frame; a
/// first pass with 32 x 32 windows every 16 px (peak ratio at least 1.2, normalised median test, gaps
/// filled); a second with 16 x 16 windows every 8 px, shifted by the rounded first result; the test and
/// filling again. Vectors inside a body are zero. About 1 vector per 8 px; the free stream moves 5 px.
class ParticleImageVelocimetry : public Measurement {
 public:
  explicit ParticleImageVelocimetry(const BenchOptions& options = {}) : options_(options) {}
  int refine() const override { return 2; }
  int margin() const override { return 4; }
  void measure(const Picture& picture, const std::vector<float>& across, NormalStream& random,
               std::vector<float>& u, std::vector<float>& v) override;

  /// Share of the vectors outside the bodies that the last measure() replaced.
  double replaced() const { return replaced_; }

 private:
  void correlate(const std::vector<uint8_t>& blank, int height, int width);

  BenchOptions options_;
  std::unique_ptr<ParticleImages> images_;
  Correlator coarse_{32}, fine_{16};
  GreyImage a_, b_;
  std::vector<WindowPair> windows_;
  std::vector<Displacement> found_;
  VectorField predicted_, measured_;
  double replaced_ = 0;
};

}  // namespace windtunnel::datasets::lab::piv

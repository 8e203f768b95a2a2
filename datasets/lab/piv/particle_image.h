#pragma once

#include <cstdint>
#include <vector>

#include "datasets/lab/camera.h"
#include "datasets/lab/piv/correlation.h"

namespace windtunnel::datasets::lab::piv {

/// The optical bench. Lengths in px, grey levels 0 to 255.
struct BenchOptions {
  int vector_spacing = 8;   ///< px between delivered vectors
  int margin = 24;          ///< px around them
  double displacement = 5;  ///< of the free stream between the two images
  double density = 0.05;    ///< particles per px
  double particle_sigma =
      0.65;           ///< standard deviation of a particle's image (diameter to e^-2: four of them)
  double peak = 150;  ///< brightness of a particle in the sheet's middle
  double background = 12, read_noise = 3;
  double depth_jitter = 0.1;  ///< r.m.s. motion across the sheet in half thicknesses, without turbulence
  double half_thickness = 6;  ///< of the light sheet
  bool smooth = false;        ///< median of 3 x 3 vectors at the end
};

/// Fast source of particle positions and camera noise: SplitMix64; normals from a table of 4096 quantiles.
class BenchRandom {
 public:
  explicit BenchRandom(uint64_t seed) : state_(seed) {}
  uint64_t bits();
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  /// Four normals per 64 bits.
  float normal();

 private:
  uint64_t state_, pool_ = 0;
  int left_ = 0;
};

/// Draws the two images of a double-frame recording of `picture` (delivered grid height x width). `across`:
/// r.m.s. velocity across the sheet at the picture's points in U, or empty. Particles are new in every
/// recording; they move by the midpoint rule, symmetric about the recording's time. Light comes from above
/// (row 0) and weakens to a quarter behind a body; particles inside a body are not seen.
///   particle: E = peak exp(-2 z^2) L(x,y) 2 pi s^2, integrated over each pixel; L = exp(-1.2 (x/W - 1/2)^2)
///   camera:   I = round(background + e + N(0, sqrt(e/2 + read_noise^2))), 0..255
class ParticleImages {
 public:
  ParticleImages(const BenchOptions& options, int height, int width);
  void record(const Picture& picture, const std::vector<float>& across, BenchRandom& random, GreyImage& a,
              GreyImage& b);

 private:
  struct Local {
    float u, v, distance, light, across;
  };
  Local at(const Picture& picture, const std::vector<float>& across, double x, double y) const;
  void find_shadow(const Picture& picture);
  void draw(GreyImage& image, double x, double y, double energy) const;
  void expose(GreyImage& image, BenchRandom& random) const;

  BenchOptions options_;
  int image_height_, image_width_;
  std::vector<float> light_;    ///< at the picture's points: 1 or the shadow's share
  std::vector<float> profile_;  ///< integral of a particle's image up to 4 s, tabulated
};

}  // namespace windtunnel::datasets::lab::piv

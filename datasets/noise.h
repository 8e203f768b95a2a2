#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/random.h"

namespace windtunnel::datasets {

/// Source of the random numbers of one sample.
class Draws {
 public:
  virtual ~Draws() = default;
  virtual double uniform() = 0;                        ///< [0,1)
  virtual void normal(float* out, int64_t count) = 0;  ///< independent standard normals
};

/// One sample's own stream: the same numbers whatever thread, order or batch reads it.
std::unique_ptr<Draws> stream_draws(uint64_t seed);

/// The published programs' generators: uniforms from Python's `random`, normals from a PyTorch CPU generator,
/// each seeded once and used sample after sample.
std::unique_ptr<Draws> published_draws(uint64_t python_seed, uint64_t torch_seed);

struct NoiseOptions {
  double scale = 0;               ///< 0 = none
  std::string type = "gaussian";  ///< gaussian | poisson | optical
  int64_t optical_kernel = 4;     ///< points of the blur
  double optical_sigma = 1;       ///< in delivered pixels
};
/// A usage error for an unknown type or impossible values.
void check_noise(const NoiseOptions& options);

/// Alters a window (T,H,W,C) in place.
///   gaussian: z + (z * g) * scale, every operation rounded to float32
///   poisson:  z + n * scale with n Poisson distributed of rate z; a negative value is a data error
///   optical:  every frame and channel is blurred by the normalised kernel; edges are repeated
void add_noise(const NoiseOptions& options, Draws& draws, float* z, int64_t frames, int64_t height,
               int64_t width, int64_t channels);

}  // namespace windtunnel::datasets

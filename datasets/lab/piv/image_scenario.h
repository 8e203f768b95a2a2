#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "core/options.h"

namespace windtunnel::datasets::lab::piv {

/// A user's own particle images.
struct ImageOptions : core::Options {
  std::string name = "piv";        ///< of the scenario
  std::string out = "data";        ///< dataset root
  std::string order = "sequence";  ///< sequence: 1-2, 2-3, ...; pairs: 1-2, 3-4, ...
  std::string mask;                ///< picture of the same size: what is brighter than half is not used
  int64_t window = 32, step = 16, passes = 2;
  double dt = 0;              ///< s between the two pictures of a pair; 0: unknown
  double pixel = 0;           ///< m per pixel; 0: unknown
  double frame_interval = 0;  ///< s between vector fields; 0: dt

  void describe(core::OptionVisitor& visitor) override;
};

struct ImageReport {
  std::filesystem::path folder;
  int64_t frames = 0, height = 0, width = 0;
  double hidden = 0;        ///< share of the vectors that the mask hides
  double replaced = 0;      ///< share of the others
  double median_ratio = 0;  ///< of their correlation peaks
  std::string unit;
  std::vector<double> mean_u, mean_v;  ///< of every frame, in px, over the vectors that are not hidden
};

/// Measures the pairs and writes a scenario with one trajectory of the real side: <out>/<name>/scenario.yaml
/// and real/1.h5 with u, v (m/s, or px per pair if dt or pixel is unknown) on the grid of the vectors. Rows
/// count downwards, as in the pictures; v is positive downwards. Vectors that the mask hides are zero, as
/// they are inside the bodies of the published data.
ImageReport measure_images(const std::vector<std::string>& images, const ImageOptions& options,
                           const std::atomic<bool>* stop = nullptr);

}  // namespace windtunnel::datasets::lab::piv

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/image.h"
#include "datasets/scenario.h"

namespace windtunnel::datasets {

struct PlotOptions {
  std::vector<Side> sides = {Side::real, Side::numerical};  ///< those that are not there are left out
  std::string trajectory;                                   ///< id; empty: the first
  std::vector<std::string>
      fields;         ///< names, or "vorticity"; empty: those of the side, at most four, and vorticity
  int64_t start = 0;  ///< first frame
  int64_t frames = 20;
  int64_t every = 1;      ///< frames between pictures
  int64_t scale = 0;      ///< pixels per point; 0: about 320 pixels wide
  int64_t delay_ms = 80;  ///< of the animation
};

/// Frames of a trajectory as pictures, the sides beside each other: for every field its name, the field (row
/// 0 on top) and a colour bar with unit. The range is that of all chosen frames of both sides without the
/// outer 0.1 % on each side; fields of both signs get a diverging map symmetric about 0. Errors: unknown
/// field or trajectory (usage, data), frames beyond the end (data).
std::vector<core::Image> plot_frames(const Scenario& scenario, const std::filesystem::path& root,
                                     const PlotOptions& options);

/// Writes frame_<number>.png for each frame and, if there are several, animation.png (animated PNG). Returns
/// the paths.
std::vector<std::filesystem::path> write_plots(const Scenario& scenario, const std::filesystem::path& root,
                                               const PlotOptions& options,
                                               const std::filesystem::path& folder);

}  // namespace windtunnel::datasets

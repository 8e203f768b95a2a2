#pragma once

#include <array>
#include <string>

#include "datasets/dataset.h"

namespace windtunnel::datasets {

/// How fast samples of a dataset can be made, and what bounds it.
struct LoaderProbe {
  int64_t samples = 0;
  double samples_per_second = 0, bytes_per_second = 0;  ///< of one thread, delivered
  double copy_bytes_per_second = 0;                     ///< plain copies of as many bytes, for comparison
  std::array<double, 4> shares{};                       ///< of the time, by Stage
  double disk_share = 0;    ///< estimate: page faults that waited for the disk, per sample, as share of time
  int64_t disk_faults = 0;  ///< such faults
  std::string limit;        ///< "disk", "decode", "library", "noise", "layout"

  std::string text() const;
};

/// Reads windows, evenly spread, for about `seconds` in the calling thread.
LoaderProbe probe_loader(const WindowDataset& dataset, double seconds = 1);

}  // namespace windtunnel::datasets

#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/json.h"
#include "datasets/formats/well_file.h"

namespace windtunnel::datasets {

/// How the published loader of The Well cuts windows.
struct WellOptions {
  int64_t in_steps = 1, out_steps = 1;
  int64_t dt = 1;                  ///< frames between the steps of a window
  bool whole = false;              ///< one sample per run, in_steps frames in and the rest out
  int64_t max_rollout = 100;       ///< steps out at most, with `whole`
  int64_t start = -1;              ///< with `whole`: frame of the first step out; -1: as early as possible
  std::string normalization = "";  ///< "", "zscore" or "rms"
};

/// Samples of one split of a data set of The Well, by the names and shapes of its published loader (2-D and
/// 3-D):
///   input_fields (in, dims.., C), output_fields (out, dims.., C): time-varying fields, one channel per
///   component constant_fields (dims.., C'), input_scalars (in, S), output_scalars, constant_scalars (S')
///   boundary_conditions (D,2), space_grid (dims.., D), input_time_grid (in), output_time_grid (out)
/// Entries without channels are absent. Normalised fields: zscore (x - mean) / max(std, 1e-4), rms
/// x / max(rms, 1e-4) with the statistics of stats.yaml. Times count from the earliest of the window.
class WellSamples {
 public:
  /// `folder` holds data/<split>/*.h5|*.hdf5 and stats.yaml; files in sorted order. Data error without files,
  /// on files that differ in fields or grid, and on runs too short for a window.
  WellSamples(const std::filesystem::path& folder, const std::string& split, WellOptions options);

  int64_t size() const { return size_; }
  const std::vector<std::unique_ptr<WellFile>>& files() const { return files_; }
  /// Windows of one run of each file.
  const std::vector<int64_t>& windows() const { return windows_; }
  std::map<std::string, core::Array> sample(int64_t index) const;

 private:
  struct Window {
    const WellFile* file = nullptr;
    int64_t run = 0, begin = 0, steps = 0;
  };
  Window window(int64_t index) const;
  void add_fields(const Window& w, std::map<std::string, core::Array>& out) const;
  void add_scalars(const Window& w, std::map<std::string, core::Array>& out) const;
  void normalise(const WellQuantity& field, core::Array& values) const;

  WellOptions options_;
  std::vector<std::unique_ptr<WellFile>> files_;
  std::vector<int64_t> windows_;
  int64_t size_ = 0, shortest_ = 0;
  core::Json statistics_;
  std::string statistics_path_;
};

}  // namespace windtunnel::datasets

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "datasets/formats/hdf5_file.h"
#include "datasets/lab/periodic/system.h"

namespace windtunnel::datasets::lab {

/// Contents of a file of The Well with one trajectory on a periodic plane.
struct WellContents {
  std::string dataset;  ///< its name in The Well
  std::vector<SystemField> fields;
  std::vector<std::pair<std::string, double>> parameters;  ///< root attributes and constant scalars
  std::vector<double> times, x, y;
  std::map<std::string, std::string> notes;  ///< further texts at the root
};

/// Writes such a file: float32, contiguous, no time stamps; equal content gives equal bytes. Groups
/// t0_fields, t1_fields, t2_fields, scalars, dimensions, boundary_conditions as the package `the_well` reads
/// them. Use inside core::write_atomic. Errors are environment errors.
class WellWriter {
 public:
  WellWriter(const std::filesystem::path& path, const WellContents& contents);
  ~WellWriter();
  WellWriter(const WellWriter&) = delete;
  WellWriter& operator=(const WellWriter&) = delete;

  /// Frame `index` of every field: (H,W) or (H,W,2).
  void write_frame(int64_t index, const std::vector<std::vector<float>>& fields);
  void close();

 private:
  void write_layout(const WellContents& contents);
  std::string path_;
  Hdf5Id file_;
  std::vector<Hdf5Id> datasets_;
};

}  // namespace windtunnel::datasets::lab

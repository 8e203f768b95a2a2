#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "datasets/lab/recording.h"

namespace windtunnel::datasets::lab {

/// Writes one file of a trajectory in HDF5: float32 arrays, contiguous, then coordinates and root attributes.
/// No time stamps; objects in a fixed order: equal content gives equal bytes. Errors are environment errors.
class TrajectoryWriter {
 public:
  TrajectoryWriter(const std::filesystem::path& path, const StoredFile& file, int64_t frames, int64_t height,
                   int64_t width);
  ~TrajectoryWriter();
  TrajectoryWriter(const TrajectoryWriter&) = delete;
  TrajectoryWriter& operator=(const TrajectoryWriter&) = delete;

  /// `count` frames from frame `begin` of array number `array`.
  void write_frames(size_t array, int64_t begin, int64_t count, const float* values);
  void write_coordinates(const std::vector<Coordinate>& coordinates);
  /// Texts, numbers and lists of numbers, in key order.
  void write_attributes(const core::Json& attributes);
  void close();

 private:
  void release();
  void write_names(const std::vector<std::string>& names);
  std::string path_;
  std::vector<StoredArray> arrays_;
  int64_t height_, width_;
  int64_t file_ = -1;
  std::vector<int64_t> datasets_;
};

/// True if `path` is such a file whose text attribute `key` equals `value`. Never throws.
bool has_attribute(const std::filesystem::path& path, const std::string& key, const std::string& value);

}  // namespace windtunnel::datasets::lab

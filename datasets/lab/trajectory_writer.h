#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::datasets::lab {

/// Writes one trajectory in the published HDF5 layout: measured_data/{fields} (T,H,W) float32 contiguous, x,
/// y (H,W) and t (T) float64 in m and s, root attributes. No time stamps; objects in a fixed order: equal
/// content gives equal bytes. HDF5 calls of all writers and of is_complete() are serialised. Errors are
/// environment errors.
class TrajectoryWriter {
 public:
  TrajectoryWriter(const std::filesystem::path& path, const std::vector<std::string>& fields, int64_t frames,
                   int64_t height, int64_t width);
  ~TrajectoryWriter();
  TrajectoryWriter(const TrajectoryWriter&) = delete;
  TrajectoryWriter& operator=(const TrajectoryWriter&) = delete;

  /// `count` frames from frame `begin` of field number `field`.
  void write_frames(size_t field, int64_t begin, int64_t count, const float* values);
  void write_axes(const std::vector<double>& x, const std::vector<double>& y, const std::vector<double>& t);
  /// Texts, numbers and lists of numbers, in key order.
  void write_attributes(const core::Json& attributes);
  void close();

 private:
  void release();
  std::string path_;
  int64_t frames_, height_, width_;
  int64_t file_ = -1;
  std::vector<int64_t> datasets_;
};

/// True if `path` is such a file whose text attribute `key` equals `value`. Never throws.
bool has_attribute(const std::filesystem::path& path, const std::string& key, const std::string& value);

}  // namespace windtunnel::datasets::lab

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/json.h"
#include "datasets/formats/hdf5_file.h"

namespace windtunnel::datasets {

/// A new HDF5 file of numeric datasets, contiguous, groups made as needed, no time stamps. Use inside
/// core::write_atomic. Errors are environment errors.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(const std::filesystem::path& path);
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  /// A float32 dataset that write_frames fills along its first axis.
  void create(const std::string& dataset, const core::Shape& shape);
  void write_frames(const std::string& dataset, int64_t begin, int64_t count, const float* values);
  /// A whole float64 dataset.
  void write_numbers(const std::string& dataset, const core::Shape& shape, const std::vector<double>& values);
  void write_texts(const std::string& dataset, const std::vector<std::string>& texts);
  /// Of the root group, see write_hdf5_attributes().
  void write_attributes(const core::Json& attributes);
  void close();

 private:
  int64_t make(const std::string& dataset, const core::Shape& shape, int64_t type);
  void check(bool ok, const std::string& what) const;

  std::string path_;
  int64_t file_ = -1;
  std::map<std::string, std::pair<int64_t, core::Shape>> open_;
};

}  // namespace windtunnel::datasets

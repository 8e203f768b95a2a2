#pragma once

#include <hdf5.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "datasets/scenario.h"

namespace windtunnel::datasets::testing {

/// A folder of its own for each test, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// How write_hdf5 stores a dataset.
struct Storage {
  bool chunked = false, deflate = false, float64 = false, big_endian = false, shuffle = false,
       checksum = false,
       tiles = false;  ///< chunks cut every axis
};

/// Adds dataset `name` (groups are made as needed) to the HDF5 file, which is created if absent.
void write_hdf5(const std::filesystem::path& file, const std::string& name, const std::vector<hsize_t>& shape,
                const std::vector<double>& values, Storage storage = {});

/// A made-up value, different for every argument and exact in float32.
double value_of(int field, int trajectory, int64_t t, int64_t y, int64_t x);

/// Scenario "toy": fields u, v (both sides), p (numerical); parameter Re; 3 + 2 frames per window.
Scenario toy_scenario();

/// Files {1000, 1100, ...}.h5 of both sides of toy_scenario(): `count` trajectories of (frames, height,
/// width).
void write_toy(const std::filesystem::path& root, int count = 4, int64_t frames = 30, int64_t height = 4,
               int64_t width = 6);

/// The error that `body` throws; fails the test if it throws none.
core::Error error_of(const std::function<void()>& body);

}  // namespace windtunnel::datasets::testing

#include "tests/datasets/small_data.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>

namespace windtunnel::datasets::testing {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  static std::atomic<int> counter{0};
  path_ = fs::temp_directory_path() /
          ("windtunnel-test-" + std::to_string(getpid()) + "-" + std::to_string(counter++));
  fs::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void write_hdf5(const fs::path& file, const std::string& name, const std::vector<hsize_t>& shape,
                const std::vector<double>& values, Storage storage) {
  fs::create_directories(file.parent_path());
  const hid_t f = fs::exists(file) ? H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT)
                                   : H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  ASSERT_GE(f, 0);
  const hid_t links = H5Pcreate(H5P_LINK_CREATE), layout = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  if (storage.chunked || storage.deflate) {
    std::vector<hsize_t> chunk = shape;
    chunk[0] = std::min<hsize_t>(chunk[0], 7);
    if (storage.tiles)
      for (size_t d = 1; d < chunk.size(); ++d) chunk[d] = std::max<hsize_t>(1, chunk[d] / 2 - 1);
    H5Pset_chunk(layout, static_cast<int>(chunk.size()), chunk.data());
    if (storage.shuffle) H5Pset_shuffle(layout);
    if (storage.deflate) H5Pset_deflate(layout, 4);
    if (storage.checksum) H5Pset_fletcher32(layout);
  }
  const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
  const hid_t type = storage.float64 ? H5T_IEEE_F64LE : storage.big_endian ? H5T_IEEE_F32BE : H5T_IEEE_F32LE;
  const hid_t set = H5Dcreate2(f, name.c_str(), type, space, links, layout, H5P_DEFAULT);
  ASSERT_GE(set, 0);
  ASSERT_GE(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
  H5Dclose(set);
  H5Sclose(space);
  H5Pclose(layout);
  H5Pclose(links);
  H5Fclose(f);
}

double value_of(int field, int trajectory, int64_t t, int64_t y, int64_t x) {
  return (field + 1) * 1000 + trajectory * 100 + static_cast<double>(t) + static_cast<double>(y) / 16 +
         static_cast<double>(x) / 256;
}

Scenario toy_scenario() {
  core::Json values = {
      {"name", "toy"},
      {"formats", {"realpdebench_hdf5"}},
      {"dt", 0.1},
      {"in_frames", 3},
      {"out_frames", 2},
      {"interval", 2},
      {"trunk_length", 10},
      {"frames", 30},
      {"held_out_in_dist", 1},
      {"held_out_out_dist", 1},
      {"file_pattern", "(\\d+)\\.h5"},
      {"parameters", {{{"name", "Re"}, {"unit", "1"}}}},
      {"fields",
       {{{"name", "u"}, {"measured", true}, {"source", {{"realpdebench_hdf5", "measured_data/u"}}}},
        {{"name", "v"}, {"measured", true}, {"source", {{"realpdebench_hdf5", "measured_data/v"}}}},
        {{"name", "p"}, {"sides", {"numerical"}}, {"source", {{"realpdebench_hdf5", "measured_data/p"}}}}}}};
  return scenario_from_json(values, "toy");
}

void write_toy(const fs::path& root, int count, int64_t frames, int64_t height, int64_t width) {
  const char* names[] = {"measured_data/u", "measured_data/v", "measured_data/p"};
  for (const std::string side : {"real", "numerical"})
    for (int i = 0; i < count; ++i)
      for (int field = 0; field < (side == "real" ? 2 : 3); ++field) {
        std::vector<double> values;
        for (int64_t t = 0; t < frames; ++t)
          for (int64_t y = 0; y < height; ++y)
            for (int64_t x = 0; x < width; ++x)
              values.push_back(value_of(field, i, t, y, x) * (side == "real" ? 1 : -1));
        write_hdf5(root / "toy" / side / (std::to_string(1000 + 100 * i) + ".h5"), names[field],
                   {static_cast<hsize_t>(frames), static_cast<hsize_t>(height), static_cast<hsize_t>(width)},
                   values);
      }
}

core::Error error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const core::Error& e) {
    return e;
  } catch (const std::exception& e) {
    ADD_FAILURE() << "another exception: " << e.what();
    return core::usage_error("");
  }
  ADD_FAILURE() << "no error";
  return core::usage_error("");
}

}  // namespace windtunnel::datasets::testing

// Texts of variable length lie in a global heap, which the HDF5 library follows blindly.
#include <gtest/gtest.h>
#include <hdf5.h>
#include <netcdf.h>

#include "datasets/formats/hdf5_heap.h"
#include "datasets/formats/hdf5_values.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

/// A group attribute and a chunked dataset, both of texts of variable length.
void write_texts(const std::filesystem::path& path, const std::vector<const char*>& texts) {
  const Hdf5Lock lock;
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t type = H5Tcopy(H5T_C_S1), layout = H5Pcreate(H5P_DATASET_CREATE);
  H5Tset_size(type, H5T_VARIABLE);
  const hsize_t count = texts.size(), chunk = 2;
  H5Pset_chunk(layout, 1, &chunk);
  const hid_t space = H5Screate_simple(1, &count, nullptr);
  const hid_t attribute = H5Acreate2(file, "names", type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, texts.data());
  const hid_t set = H5Dcreate2(file, "texts", type, space, H5P_DEFAULT, layout, H5P_DEFAULT);
  H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts.data());
  H5Dclose(set);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Pclose(layout);
  H5Tclose(type);
  H5Fclose(file);
}

class Hdf5HeapTest : public ::testing::Test {
 protected:
  Hdf5HeapTest() {
    write_texts(path_, texts_);
    bytes_ = core::read_file(path_);
    heap_ = bytes_.find("GCOL");
  }
  /// The file with `value` of `width` bytes at `offset` of its first heap.
  void change(size_t offset, uint64_t value, size_t width) const {
    std::string bytes = bytes_;
    bytes.replace(heap_ + offset, width, reinterpret_cast<const char*>(&value), width);
    core::write_file_atomic(path_, bytes);
  }
  std::string refusal() const {
    const auto e = error_of([&] { hdf5_attribute(Hdf5File(path_), "/", "names"); });
    EXPECT_EQ(e.kind(), core::ErrorKind::data);
    return e.found();
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "texts.h5";
  std::vector<const char*> texts_ = {"density", "", "velocity_x", "p"};
  std::string bytes_;
  size_t heap_ = 0;
};

TEST_F(Hdf5HeapTest, TextsOfAttributesAndDatasets) {
  const std::vector<std::string> expected(texts_.begin(), texts_.end());
  const Hdf5File file(path_);
  EXPECT_EQ(hdf5_attribute(file, "/", "names").texts, expected);
  EXPECT_EQ(hdf5_values(file, "texts").texts, expected);
  Hdf5Heap(file).check_all();
}

TEST_F(Hdf5HeapTest, ManyCollections) {
  const std::string longest(9000, 'x');
  std::vector<std::string> expected;
  std::vector<const char*> texts;
  for (int i = 0; i < 700; ++i) expected.push_back(i % 100 ? "field_" + std::to_string(i) : longest);
  for (const auto& text : expected) texts.push_back(text.c_str());
  write_texts(path_, texts);
  const Hdf5File file(path_);
  EXPECT_EQ(hdf5_attribute(file, "/", "names").texts, expected);
  EXPECT_EQ(hdf5_values(file, "texts").texts, expected);
}

TEST_F(Hdf5HeapTest, UserBlockMovesAddresses) {
  const std::filesystem::path moved = folder_ / "moved.h5";
  core::write_file_atomic(moved, std::string(512, '#') + bytes_);  // addresses count from the signature
  EXPECT_EQ(hdf5_attribute(Hdf5File(moved), "/", "names").texts[2], "velocity_x");
}

TEST_F(Hdf5HeapTest, DamageIsRefused) {
  ASSERT_NE(heap_, std::string::npos);
  constexpr size_t kVersion = 4, kSize = 8, kFirst = 16, kFirstSize = 24,
                   kSecond = 48;  // object 1 is "velocity_x"
  change(0, 'g', 1);
  EXPECT_NE(refusal().find("texts.h5: attribute 'names' of '/': refers to byte"), std::string::npos);
  change(kVersion, 9, 1);
  EXPECT_NE(refusal().find("refers to byte"), std::string::npos);
  for (const uint64_t size : {uint64_t{0}, uint64_t{100}, uint64_t{1} << 40, ~uint64_t{0}}) {
    change(kSize, size, 8);
    EXPECT_NE(refusal().find("refers to a heap of"), std::string::npos) << size;
  }
  for (const uint64_t size : {uint64_t{5000}, uint64_t{1} << 40, ~uint64_t{0}, ~uint64_t{0} - 15}) {
    change(kFirstSize, size, 8);
    EXPECT_NE(refusal().find("with an object of"), std::string::npos) << size;
  }
  change(kFirstSize, 9, 8);  // shorter than the reference says
  EXPECT_NE(refusal().find("has a value of 9 bytes"), std::string::npos);
  change(kFirst, 700, 2);
  EXPECT_NE(refusal().find("refers to object 1 of a heap"), std::string::npos);
  change(kSecond, 1, 2);  // the same number twice
  EXPECT_NE(refusal().find("with an object of"), std::string::npos);
  const size_t rest = bytes_.find(std::string("\0\0\0\0\0\0\0\0", 8), heap_ + kFirst);
  ASSERT_NE(rest, std::string::npos);
  change((rest - heap_ + 15) / 8 * 8, 0, 8);  // a free rest of length 0, on which the library never ends
  const auto e = error_of([&] { Hdf5Heap(Hdf5File(path_)).check_all(); });
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
}

TEST_F(Hdf5HeapTest, NetcdfIsCheckedBeforeItIsOpened) {
  int id = 0, dimension = 0, variable = 0;
  ASSERT_EQ(nc_create(path_.c_str(), NC_CLOBBER | NC_NETCDF4, &id), NC_NOERR);
  nc_def_dim(id, "time", 3, &dimension);
  nc_def_var(id, "time", NC_DOUBLE, 1, &dimension, &variable);
  const char* history[] = {"measured", "interpolated"};
  nc_put_att_string(id, NC_GLOBAL, "history", 2, history);
  nc_close(id);
  check_netcdf_heaps(path_);
  bytes_ = core::read_file(path_);
  heap_ = bytes_.find("GCOL");
  ASSERT_NE(heap_, std::string::npos);
  change(24, ~uint64_t{0}, 8);
  const auto e = error_of([&] { check_netcdf_heaps(path_); });
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_NE(e.found().find("'history'"), std::string::npos);
}

}  // namespace
}  // namespace windtunnel::datasets

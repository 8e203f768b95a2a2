#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <thread>

#include "datasets/dataset.h"
#include "datasets/formats/hdf5_file.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::Storage;
using testing::TemporaryFolder;
using testing::write_hdf5;

constexpr int64_t kFrames = 30, kHeight = 5, kWidth = 7;

std::vector<double> irrational(int seed) {
  std::vector<double> values;
  for (int64_t k = 0; k < kFrames * kHeight * kWidth; ++k)
    values.push_back(std::sin(0.7 * static_cast<double>(k) + seed));
  return values;
}

void write_pair(const fs::path& file, Storage storage) {
  write_hdf5(file, "measured_data/u", {kFrames, kHeight, kWidth}, irrational(1), storage);
  write_hdf5(file, "measured_data/v", {kFrames, kHeight, kWidth}, irrational(2), storage);
}

std::string message(const core::Error& e) { return e.found() + " | " + e.expected() + " | " + e.hint(); }

TEST(RealpdebenchHdf5, EveryStorageGivesTheSameNumbers) {
  const std::vector<Storage> storages = {{},
                                         {.chunked = true},
                                         {.deflate = true},
                                         {.float64 = true},
                                         {.deflate = true, .float64 = true},
                                         {.big_endian = true}};
  for (const auto& storage : storages)
    for (const int64_t stride : {1, 2, 3}) {
      const TemporaryFolder root;
      write_pair(root / "toy/real/1000.h5", storage);
      const auto store = open_trajectories(testing::toy_scenario(), root.path(), Side::real);
      const auto t = store->open("1000.h5");
      EXPECT_EQ(t->frames(), kFrames);
      EXPECT_EQ(t->parameters(), std::vector<double>{1000});
      const auto a = t->read({0, 1}, 4, 11, stride);
      const int64_t rows = (kHeight + stride - 1) / stride, columns = (kWidth + stride - 1) / stride;
      ASSERT_EQ(a.shape, (core::Shape{7, rows, columns, 2}));
      const auto u = irrational(1), v = irrational(2);
      size_t k = 0;
      for (int64_t frame = 4; frame < 11; ++frame)
        for (int64_t y = 0; y < kHeight; y += stride)
          for (int64_t x = 0; x < kWidth; x += stride) {
            const auto at = static_cast<size_t>((frame * kHeight + y) * kWidth + x);
            ASSERT_EQ(a.data[k++], static_cast<float>(u[at]));
            ASSERT_EQ(a.data[k++], static_cast<float>(v[at]));
          }
    }
}

TEST(RealpdebenchHdf5, OnlyContiguousFloat32IsMapped) {
  const TemporaryFolder root;
  write_pair(root / "a.h5", {});
  write_pair(root / "b.h5", {.deflate = true});
  write_pair(root / "c.h5", {.float64 = true});
  const auto mapped = [&](const std::string& name) {
    return Hdf5Array(std::make_shared<Hdf5File>(root / name), "measured_data/u", 3).mapped();
  };
  EXPECT_TRUE(mapped("a.h5"));
  EXPECT_FALSE(mapped("b.h5"));
  EXPECT_FALSE(mapped("c.h5"));
}

TEST(RealpdebenchHdf5, ThreadsReadTheSame) {
  const TemporaryFolder root;
  write_pair(root / "toy/real/1000.h5", {.deflate = true});
  const auto t = open_trajectories(testing::toy_scenario(), root.path(), Side::real)->open("1000.h5");
  const auto expected = t->read({0, 1}, 0, kFrames);
  std::atomic<int> different{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 20; ++repeat)
        different += t->read({0, 1}, 0, kFrames).data != expected.data;
    });
  threads.clear();
  EXPECT_EQ(different, 0);
}

TEST(RealpdebenchHdf5, MissingFolderAndFile) {
  const TemporaryFolder root;
  auto e = error_of([&] { open_trajectories(testing::toy_scenario(), root.path(), Side::real); });
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_NE(message(e).find("toy/real"), std::string::npos);
  write_pair(root / "toy/real/1000.h5", {});
  e = error_of([&] { open_trajectories(testing::toy_scenario(), root.path(), Side::real)->open("1100.h5"); });
  EXPECT_NE(message(e).find("1100.h5 does not exist"), std::string::npos);
}

TEST(RealpdebenchHdf5, TruncatedAndForeignFiles) {
  const TemporaryFolder root;
  const fs::path file = root / "toy/real/1000.h5";
  write_pair(file, {});
  fs::resize_file(file, fs::file_size(file) / 2);
  const auto open = [&] {
    open_trajectories(testing::toy_scenario(), root.path(), Side::real)->open("1000.h5");
  };
  auto e = error_of(open);
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_NE(message(e).find("truncated"), std::string::npos) << message(e);
  std::ofstream(file, std::ios::trunc) << "not HDF5";
  EXPECT_NE(message(error_of(open)).find("1000.h5 is not a readable HDF5 file"), std::string::npos);
}

TEST(RealpdebenchHdf5, WrongNamesAndShapes) {
  const TemporaryFolder root;
  const fs::path folder = root / "toy/real";
  const auto fails = [&](const std::string& id, const std::string& text) {
    const auto e =
        error_of([&] { open_trajectories(testing::toy_scenario(), root.path(), Side::real)->open(id); });
    EXPECT_EQ(e.kind(), core::ErrorKind::data);
    EXPECT_NE(message(e).find(id), std::string::npos);
    EXPECT_NE(message(e).find(text), std::string::npos) << message(e);
  };
  write_hdf5(folder / "1.h5", "measured_data/u", {2, 2, 2}, std::vector<double>(8));
  write_hdf5(folder / "1.h5", "measured_data/w", {2, 2, 2}, std::vector<double>(8));
  fails("1.h5", "no dataset 'measured_data/v'");
  fails("1.h5", "holds: u, w");
  write_hdf5(folder / "2.h5", "measured_data/u", {2, 2, 2}, std::vector<double>(8));
  write_hdf5(folder / "2.h5", "measured_data/v", {2, 2, 3}, std::vector<double>(12));
  fails("2.h5", "(2, 2, 3)");
  write_hdf5(folder / "3.h5", "measured_data/u", {2, 2}, std::vector<double>(4));
  fails("3.h5", "3 axes");
}

TEST(RealpdebenchHdf5, NotFiniteValuesNameFileFieldAndFrame) {
  for (const bool deflate : {false, true}) {
    const TemporaryFolder root;
    auto values = irrational(2);
    const auto at = static_cast<size_t>((9 * kHeight + 2) * kWidth + 4);
    values[at] = std::nan("");
    write_hdf5(root / "toy/real/1000.h5", "measured_data/u", {kFrames, kHeight, kWidth}, irrational(1));
    write_hdf5(root / "toy/real/1000.h5", "measured_data/v", {kFrames, kHeight, kWidth}, values,
               {.deflate = deflate});
    const auto t = open_trajectories(testing::toy_scenario(), root.path(), Side::real)->open("1000.h5");
    EXPECT_NO_THROW(t->read({0}, 0, kFrames));
    EXPECT_NO_THROW(t->read({1}, 0, 9));
    const auto e = error_of([&] { t->read({0, 1}, 5, 12); });
    EXPECT_EQ(e.kind(), core::ErrorKind::data);
    EXPECT_NE(message(e).find("1000.h5: field 'v' is not a number at frame 9, row 2, column 4"),
              std::string::npos)
        << message(e);
  }
}

TEST(RealpdebenchHdf5, WindowsPastTheEnd) {
  const TemporaryFolder root;
  write_pair(root / "toy/real/1000.h5", {});
  const auto t = open_trajectories(testing::toy_scenario(), root.path(), Side::real)->open("1000.h5");
  for (const auto& [begin, end] : {std::pair<int64_t, int64_t>(28, 31), {-1, 2}, {5, 4}})
    EXPECT_EQ(error_of([&, b = begin, e = end] { t->read({0}, b, e); }).kind(), core::ErrorKind::data);
}

TEST(RealpdebenchHdf5, ChannelsOfOneDataset) {
  const TemporaryFolder root;
  Scenario s = testing::toy_scenario();
  s.fields[0].source["realpdebench_hdf5"][Side::real] = "other:measured_data";
  s.fields[1].source["realpdebench_hdf5"][Side::real] = "all[2]";
  write_hdf5(root / "toy/real/7.h5", "all", {2, 1, 2, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  write_hdf5(root / "toy/other/7.h5", "measured_data", {3, 1, 2},
             {20, 21, 22, 23, 24, 25});  // one frame more
  const auto t = open_trajectories(s, root.path(), Side::real)->open("7.h5");
  EXPECT_EQ(t->frames(), 2);
  EXPECT_EQ(t->read({0, 1}, 0, 2).data, (std::vector<float>{20, 2, 21, 5, 22, 8, 23, 11}));
  s.fields[1].source["realpdebench_hdf5"][Side::real] = "all[3]";
  EXPECT_NE(message(error_of([&] {
              open_trajectories(s, root.path(), Side::real)->open("7.h5");
            })).find("4 channels"),
            std::string::npos);
}

}  // namespace
}  // namespace windtunnel::datasets

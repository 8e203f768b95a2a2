// The Well and PDEBench: grids of one to three dimensions as scenarios.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "core/file.h"
#include "datasets/dataset.h"
#include "datasets/formats/lzf.h"
#include "datasets/formats/pdebench_file.h"
#include "datasets/formats/well_file.h"
#include "datasets/formats/well_samples.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::TemporaryFolder;
using testing::write_hdf5;

const fs::path kGolden = fs::path(WINDTUNNEL_GOLDEN) / "datasets";

std::string message(const core::Error& e) { return e.found() + " | " + e.expected() + " | " + e.hint(); }

Scenario scenario(const std::string& name, const std::string& format, const std::vector<std::string>& places,
                  int64_t frames) {
  core::Json fields = core::Json::array();
  for (size_t i = 0; i < places.size(); ++i)
    fields.push_back(
        {{"name", "f" + std::to_string(i)}, {"sides", {"numerical"}}, {"source", {{format, places[i]}}}});
  return scenario_from_json({{"name", name},
                             {"formats", {format}},
                             {"fields", fields},
                             {"dt", 1},
                             {"in_frames", 2},
                             {"out_frames", 1},
                             {"trunk_length", frames},
                             {"frames", frames},
                             {"file_pattern", ".*"}},
                            name);
}

TEST(Lzf, LiteralsMatchesAndOverlaps) {
  const auto decode = [](const std::vector<uint8_t>& block, size_t room) {
    std::vector<uint8_t> out(room);
    const auto n = lzf_decode(block, out);
    return n ? std::string(out.begin(), out.begin() + static_cast<int64_t>(*n)) : std::string("refused");
  };
  EXPECT_EQ(decode({2, 'a', 'b', 'c'}, 3), "abc");
  EXPECT_EQ(decode({2, 'a', 'b', 'c', 0x20, 2}, 6), "abcabc");         // 3 bytes from distance 3
  EXPECT_EQ(decode({0, 'x', 0xe0, 10, 0}, 40), std::string(20, 'x'));  // 7 + 10 + 2 bytes from distance 1
  EXPECT_EQ(decode({2, 'a', 'b'}, 9), "refused");                      // ends inside a literal
  EXPECT_EQ(decode({2, 'a', 'b', 'c', 0x20, 3}, 9), "refused");        // before the beginning
  EXPECT_EQ(decode({2, 'a', 'b', 'c', 0x20}, 9), "refused");
  EXPECT_EQ(decode({2, 'a', 'b', 'c', 0xe0}, 9), "refused");
  EXPECT_EQ(decode({2, 'a', 'b', 'c', 0x20, 2}, 5), "refused");  // no room
  EXPECT_EQ(decode({}, 4), "");
}

class Well : public ::testing::Test {
 protected:
  Well() {
    fs::create_directories(root_ / "well");
    fs::copy(kGolden / "the_well/tiny_well/data", root_ / "well/data", fs::copy_options::recursive);
    fs::create_directories(root_ / "well/data/test");
    fs::copy_file(root_ / "well/data/valid/tiny_well_part_0.h5", root_ / "well/data/test/part.h5");
  }
  TemporaryFolder root_;
};

TEST_F(Well, FoldersAreTheSplitAndComponentsAreChannels) {
  Scenario s =
      scenario("well", "the_well", {"density", "velocity_y", "stress_xy", "profile", "mask_field"}, 9);
  s.parameters = {{"alpha", "1", "float", "alpha"}};
  WindowOptions o;
  o.side = Side::numerical;
  std::map<std::string, int64_t> sizes;
  for (const char* mode : {"train", "val", "test"}) {
    o.mode = mode;
    const WindowDataset d(s, root_.path(), o);
    sizes[mode] = d.size();
    EXPECT_EQ(d.format(), "the_well");
    EXPECT_EQ(d.scenario().evaluated_channels(), 5);
    EXPECT_EQ(d.parameters(0), std::vector<double>{mode == std::string("train") ? 0.25 : 9.25});
  }
  EXPECT_EQ(sizes, (std::map<std::string, int64_t>{{"train", 21}, {"val", 7}, {"test", 7}}));

  o.mode = "train";
  o.mask_prob = 1;  // there is no measurement that lacks fields
  const WindowDataset d(s, root_.path(), o);
  const WellSamples published(root_ / "well", "train", {.in_steps = 2, .out_steps = 1});
  for (const int64_t i : {0, 6, 7, 20}) {
    const auto got = d.sample(i);
    const auto want = published.sample(i);
    const auto& fields = want.at("input_fields");  // density, profile, velocity x y, stress xx xy yx yy
    const auto& constant = want.at("constant_fields");
    for (int64_t k = 0; k < 2 * 48; ++k) {
      const auto at = [&](int64_t c) { return fields.data[static_cast<size_t>(k * 8 + c)]; };
      const float* v = got.input.data.data() + k * 5;
      EXPECT_EQ(v[0], at(0));
      EXPECT_EQ(v[1], at(3));
      EXPECT_EQ(v[2], at(5));
      EXPECT_EQ(v[3], at(1));
      EXPECT_EQ(v[4], constant.data[static_cast<size_t>(k % 48)]);
    }
  }
}

TEST_F(Well, WrongNamesAndFiles) {
  const auto e = error_of([&] {
    const auto s = scenario("well", "the_well", {"desnity"}, 9);
    open_trajectories(s, root_.path(), Side::numerical)->open("train/tiny_well_part_0.h5#0");
  });
  EXPECT_NE(message(e).find("density"), std::string::npos) << message(e);
  const fs::path file = root_ / "well/data/test/part.h5";
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_EQ(error_of([&] { WellFile broken(file); }).kind(), core::ErrorKind::data);
  fs::remove(file);
  write_hdf5(file, "t0_fields/density", {2, 3}, std::vector<double>(6));
  EXPECT_NE(message(error_of([&] { WellFile foreign(file); })).find("n_trajectories"), std::string::npos);
  EXPECT_EQ(error_of([&] { WellSamples none(root_ / "well", "nothing", {}); }).kind(), core::ErrorKind::data);
  EXPECT_NE(message(error_of([&] {
              WellSamples deep(root_ / "well", "train", {.in_steps = 9});
            })).find("runs of 9"),
            std::string::npos);
}

double value_at(int64_t n, int64_t t, int64_t x, int64_t y, int64_t z) {
  return static_cast<double>(n) * 100 + static_cast<double>(t) * 10 + static_cast<double>(x) +
         static_cast<double>(y) / 16 + static_cast<double>(z) / 256;
}

void write_flow_3d(const fs::path& file) {
  constexpr int64_t n = 12, frames = 5, x = 4, y = 3, z = 2;
  std::vector<double> values;
  for (int64_t s = 0; s < n; ++s)
    for (int64_t t = 0; t < frames; ++t)
      for (int64_t i = 0; i < x; ++i)
        for (int64_t j = 0; j < y; ++j)
          for (int64_t k = 0; k < z; ++k) values.push_back(value_at(s, t, i, j, k));
  for (const char* name : {"density", "Vz"}) write_hdf5(file, name, {12, 5, 4, 3, 2}, values);
}

TEST(Pdebench, PlanesOfThreeDimensions) {
  const TemporaryFolder root;
  write_flow_3d(root / "flow/numerical/3D_CFD.hdf5");
  const auto open = [&](const std::vector<std::string>& places) {
    return open_trajectories(scenario("flow", "pdebench", places, 5), root.path(), Side::numerical)
        ->open("3D_CFD.hdf5#0007");
  };
  const auto xy = open({"density@z=1", "Vz@z=middle"})->read({0, 1}, 2, 4, 2);
  ASSERT_EQ(xy.shape, (core::Shape{2, 2, 2, 2}));
  EXPECT_EQ(xy.data[0], value_at(7, 2, 0, 0, 1));
  EXPECT_EQ(xy.data[3], value_at(7, 2, 0, 2, 1));
  EXPECT_EQ(xy.data[12], value_at(7, 3, 2, 0, 1));
  const auto xz = open({"density@y=2"})->read({0}, 0, 1);
  ASSERT_EQ(xz.shape, (core::Shape{1, 4, 2, 1}));
  EXPECT_EQ(xz.data[3], value_at(7, 0, 1, 2, 1));
  const auto line = open({"density@y=2@z=0"})->read({0}, 0, 1);
  ASSERT_EQ(line.shape, (core::Shape{1, 1, 4, 1}));
  EXPECT_EQ(line.data[2], value_at(7, 0, 2, 2, 0));
  for (const char* wrong : {"density", "density@z=2", "density@w=0", "density@z", "density@x=0@y=0@z=0"})
    EXPECT_EQ(error_of([&] { open({wrong}); }).kind(), core::ErrorKind::usage) << wrong;
  EXPECT_NE(message(error_of([&] { open({"desity@z=0"}); })).find("'density'"), std::string::npos);
  EXPECT_EQ(error_of([&] { open({"density@z=0", "Vz@y=0"}); }).kind(), core::ErrorKind::usage);
}

TEST(Pdebench, SplitOfThePublishedLoaders) {
  const TemporaryFolder root;
  fs::create_directories(root / "b/numerical");
  for (const char* file : {"1D_Burgers_Sols_Nu0.01.hdf5", "2D_diff-react_NA_NA.h5"})
    fs::copy_file(kGolden / "pdebench" / file, root / "b/numerical" / file);
  const auto ids = [&](Scenario s, const std::string& pattern, const std::string& protocol,
                       const std::string& mode) {
    s.file_pattern = pattern;
    WindowOptions o;
    o.side = Side::numerical;
    o.mode = mode;
    o.protocol = protocol;
    const WindowDataset d(s, root.path(), o);
    std::set<std::string> set;
    for (int64_t i = 0; i < d.size(); ++i)
      set.insert(d.window(i).trajectory.substr(d.window(i).trajectory.find('#')));
    return set;
  };
  const auto burgers = scenario("b", "pdebench", {"tensor"}, 11),
             seeds = scenario("b", "pdebench", {"data[1]"}, 6);
  EXPECT_EQ(ids(burgers, "1D_.*", "published", "test"), (std::set<std::string>{"#0000"}));
  EXPECT_EQ(ids(burgers, "1D_.*", "published", "val"), (std::set<std::string>{"#0000"}));
  EXPECT_EQ(ids(burgers, "1D_.*", "published", "train").size(), 11u);
  EXPECT_EQ(ids(burgers, "1D_.*", "corrected", "val"), (std::set<std::string>{"#0001"}));
  EXPECT_EQ(ids(burgers, "1D_.*", "corrected", "train").size(), 10u);
  EXPECT_EQ(ids(seeds, "2D_.*", "published", "test"), (std::set<std::string>{"#0009"}));
  EXPECT_EQ(ids(seeds, "2D_.*", "corrected", "val"), (std::set<std::string>{"#0008"}));
  EXPECT_NE(message(error_of([&] { ids(seeds, "3D_.*", "corrected", "val"); })).find("3D_"),
            std::string::npos);
}

TEST(Pdebench, OtherFamilies) {
  const TemporaryFolder root;
  const fs::path darcy = root / "2D_DarcyFlow.hdf5", flow = root / "ns_incom.h5", bad = root / "bad.h5";
  std::vector<double> numbers;
  for (int i = 0; i < 3 * 5 * 2 * 2 * 2; ++i) numbers.push_back(i);
  const auto some = [&](size_t n) {
    return std::vector<double>(numbers.begin(), numbers.begin() + static_cast<int64_t>(n));
  };
  write_hdf5(darcy, "nu", {3, 2, 2}, some(12));
  write_hdf5(darcy, "tensor", {3, 1, 2, 2}, std::vector<double>(12, 50));
  const PdebenchFile d(darcy);
  EXPECT_TRUE(d.darcy());
  EXPECT_EQ(d.frames(), 2);
  EXPECT_EQ(d.read("tensor", 1, 0, 2), (std::vector<float>{4, 5, 6, 7, 50, 50, 50, 50}));

  write_hdf5(flow, "velocity", {3, 5, 2, 2, 2}, numbers);
  write_hdf5(flow, "particles", {3, 5, 2, 2, 1}, some(60));
  write_hdf5(flow, "force", {3, 2, 2, 2}, some(24));
  const PdebenchFile f(flow);
  EXPECT_EQ(f.channels(),
            (std::vector<std::string>{"velocity[0]", "velocity[1]", "particles[0]", "force[0]", "force[1]"}));
  EXPECT_EQ(f.read("velocity[1]", 1, 2, 3), (std::vector<float>{57, 59, 61, 63}));
  EXPECT_EQ(f.read("force[1]", 2, 1, 3), (std::vector<float>{17, 19, 21, 23, 17, 19, 21, 23}));

  write_hdf5(bad, "density", {3, 5, 2, 2}, some(60));
  write_hdf5(bad, "Vx", {3, 5, 2, 1}, some(30));
  EXPECT_NE(message(error_of([&] { PdebenchFile file(bad); })).find("'Vx' has shape (3, 5, 2, 1)"),
            std::string::npos);
  write_hdf5(root / "none.h5", "other", {2}, some(2));
  EXPECT_NE(message(error_of([&] { PdebenchFile file(root / "none.h5"); })).find("none of the datasets"),
            std::string::npos);
}

TEST(Pdebench, MissingValuesNeedARule) {
  const TemporaryFolder root;
  std::vector<double> values(10 * 4 * 6, 2.0);
  values[static_cast<size_t>((3 * 4 + 1) * 6 + 2)] = std::nan("");
  write_hdf5(root / "m/numerical/1D.hdf5", "tensor", {10, 4, 6}, values);
  Scenario s = scenario("m", "pdebench", {"tensor"}, 4);
  const auto read = [&] {
    return open_trajectories(s, root.path(), Side::numerical)->open("1D.hdf5#0003")->read({0}, 1, 2);
  };
  EXPECT_NE(message(error_of(read)).find("field 'f0' is not a number at frame 1, row 0, column 2"),
            std::string::npos);
  s.fill["f0"] = "frame_mean";
  EXPECT_EQ(read().data[2], 2.0f);
  s.fill["f0"] = "zero";
  EXPECT_EQ(read().data[2], 0.0f);
}

TEST(Pdebench, DamagedLzfChunkIsRefused) {
  const TemporaryFolder root;
  const fs::path file = root / "2D.h5";
  std::string bytes = core::read_file(kGolden / "pdebench/2D_diff-react_NA_NA.h5");
  const PdebenchFile whole(kGolden / "pdebench/2D_diff-react_NA_NA.h5");
  const auto expected = whole.read("data[0]", 0, 0, 6);
  int refused = 0, changed = 0;
  for (size_t at = 100; at + 1 < bytes.size(); at += 1777) {
    std::string damaged = bytes;
    for (size_t k = at; k < std::min(at + 40, damaged.size()); ++k) damaged[k] = static_cast<char>(0xff);
    core::write_file_atomic(file, damaged);
    try {
      const PdebenchFile f(file);
      for (int64_t s = 0; s < f.samples(); ++s) changed += f.read("data[0]", s, 0, f.frames()) != expected;
    } catch (const core::Error& e) {
      EXPECT_TRUE(e.kind() == core::ErrorKind::data || e.kind() == core::ErrorKind::usage) << e.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 3);
}

}  // namespace
}  // namespace windtunnel::datasets

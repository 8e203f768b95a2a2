#include "datasets/lab/made_format.h"

#include <gtest/gtest.h>

#include <map>

#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"
#include "datasets/dataset.h"
#include "datasets/gap.h"
#include "datasets/inspect.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets::lab {
namespace {

namespace fs = std::filesystem;
using testing::error_of;

class MadeFormats : public ::testing::Test {
 protected:
  LabOptions options(const std::string& format, const std::vector<std::string>& more = {},
                     const std::string& folder = "") {
    std::vector<std::string> list = {
        "size=tiny",        "trajectories=2",
        "frames=48",        "in_step=4",
        "out_step=4",       "spin_up=2",
        "format=" + format, "out=" + (root_ / (folder.empty() ? format : folder)).string()};
    list.insert(list.end(), more.begin(), more.end());
    return lab_options(core::parse_assignments(list), "test");
  }
  static LabReport make(const LabOptions& o) {
    LabControl quiet;
    quiet.progress = [](double, std::string_view) {};
    return make_dataset(o, quiet);
  }
  static std::map<std::string, std::string> hashes(const fs::path& folder) {
    std::map<std::string, std::string> map;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file())
        map[entry.path().lexically_relative(folder).string()] = core::sha256_file(entry.path());
    return map;
  }
  static std::string stem(const std::string& id) { return id.substr(0, id.rfind('.')); }

  testing::TemporaryFolder root_;
};

/// All windows of one side and mode of two folders, bit for bit.
void expect_same_windows(const Scenario& a, const fs::path& first, const Scenario& b, const fs::path& second,
                         Side side, const std::string& mode) {
  WindowOptions o;
  o.side = side;
  o.mode = mode;
  const WindowDataset one(a, first, o), two(b, second, o);
  ASSERT_EQ(one.size(), two.size());
  for (int64_t i = 0; i < one.size(); ++i) {
    const Sample x = one.clean_sample(i), y = two.clean_sample(i);
    EXPECT_EQ(x.time, y.time);
    EXPECT_EQ(x.parameters, y.parameters);
    EXPECT_EQ(x.input.shape, y.input.shape);
    ASSERT_TRUE(x.input.data == y.input.data) << y.sample_id;
    ASSERT_TRUE(x.target.data == y.target.data) << y.sample_id;
  }
}

TEST_F(MadeFormats, WindowsAndProvenanceAreThoseOfHdf5) {
  const std::vector<std::vector<std::string>> scenarios = {
      {"scenario=cylinder"},
      {"scenario=combustion", "height=16", "width=16", "pixels=2.5", "simulated_cells=8",
       "measured_cells=10"}};
  for (const auto& more : scenarios) {
    const LabOptions native = options("hdf5", more);
    make(native);
    const Scenario hdf5 = load_scenario(native.scenario, native.out);
    for (const std::string format : {"arrow", "netcdf"}) {
      const LabOptions o = options(format, more);
      EXPECT_EQ(make(o).made, 4);
      EXPECT_FALSE(fs::exists(fs::path(o.out) / o.scenario / "making"));
      const Scenario made = load_scenario(o.scenario, o.out);
      EXPECT_NE(made.formats, hdf5.formats);
      EXPECT_EQ(made.origin, "virtual-lab");
      for (const Side side : {Side::real, Side::numerical}) {
        for (const char* mode : {"train", "val", "test"})
          expect_same_windows(hdf5, native.out, made, o.out, side, mode);
        const auto before = open_trajectories(hdf5, native.out, side),
                   after = open_trajectories(made, o.out, side);
        ASSERT_EQ(after->ids().size(), 2u);
        for (const auto& id : after->ids()) {
          const auto t = after->open(id), original = before->open(stem(id) + ".h5");
          EXPECT_EQ(t->times(), original->times());
          ASSERT_EQ(t->axes().size(), original->axes().size());
          const core::Json told = t->attributes(), expected = original->attributes();
          EXPECT_GE(expected.size(), 10u);
          EXPECT_EQ(expected.at("origin"), "virtual-lab");
          for (const auto& [key, value] : expected.items())
            EXPECT_EQ(told.value(key, core::Json()), value) << key;
        }
        EXPECT_EQ(describe(o.out, made)["sides"][to_string(side)]["format"], made.formats[0]);
      }
      for (const auto& finding : verify(o.out, made, 1))
        EXPECT_NE(finding.severity, "error") << finding.place << ": " << finding.message;
      const auto gap = measure_gap(made, o.out, {}), native_gap = measure_gap(hdf5, native.out, {});
      ASSERT_EQ(gap.size(), native_gap.size());
      EXPECT_EQ(gap[1].profile_error, native_gap[1].profile_error);
    }
  }
}

TEST_F(MadeFormats, ContinueWhereTheyStoppedWithTheSameBytes) {
  for (const std::string format : {"arrow", "netcdf"}) {
    LabOptions serial = options(format);
    serial.threads = 1;
    std::atomic<bool> stop{false};
    LabControl control;
    control.stop = &stop;
    control.progress = [&](double done, std::string_view) { stop = done > 0.6; };
    EXPECT_EQ(error_of([&] { make_dataset(serial, control); }).kind(), ErrorKind::interrupted);
    EXPECT_FALSE(fs::exists(fs::path(serial.out) / "cylinder" / "making"));

    const LabReport second = make(options(format, {"threads=3"}));
    EXPECT_GE(second.kept, 1) << format;
    EXPECT_EQ(second.made + second.kept, 4);
    const auto resumed = hashes(serial.out);
    EXPECT_EQ(make(serial).made, 0);
    EXPECT_EQ(hashes(serial.out), resumed);
    make(options(format, {}, "whole " + format));
    EXPECT_EQ(hashes(root_ / ("whole " + format)), resumed);
  }
}

TEST_F(MadeFormats, ArrowFilesFollowTheNumberOfTrajectories) {
  const LabOptions two = options("arrow");
  make(two);
  const auto before = hashes(two.out);
  const LabOptions three = options("arrow", {"trajectories=3"});
  EXPECT_EQ(make(three).kept, 4);
  const Scenario scenario = load_scenario("cylinder", two.out);
  const auto ids = [&] { return open_trajectories(scenario, two.out, Side::real)->ids(); };
  EXPECT_EQ(ids(), (std::vector<std::string>{"12000.h5", "1800.h5", "6900.h5"}));
  EXPECT_TRUE(fs::exists(fs::path(two.out) / "cylinder/hf_dataset/real/data-00002-of-00003.arrow"));
  EXPECT_EQ(make(two).kept, 4);
  EXPECT_EQ(hashes(two.out), before);
  // Another seed changes the measured side: its files are replaced.
  EXPECT_EQ(make(options("arrow", {"seed=3"})).kept, 2);
  EXPECT_EQ(ids(), (std::vector<std::string>{"12000.h5", "1800.h5"}));
}

TEST_F(MadeFormats, TheTruthStaysBesideAndOneFolderHasOneFormat) {
  const LabOptions o = options("netcdf", {"truth=true"});
  make(o);
  EXPECT_TRUE(fs::exists(fs::path(o.out) / "cylinder/truth/1800.h5"));
  EXPECT_FALSE(fs::exists(fs::path(o.out) / "cylinder/real/1800.h5"));
  fs::remove(fs::path(o.out) / "cylinder/truth/1800.h5");
  EXPECT_EQ(make(o).made, 1);
  EXPECT_TRUE(fs::exists(fs::path(o.out) / "cylinder/truth/1800.h5"));

  const auto before = hashes(o.out);
  for (const char* other : {"hdf5", "arrow"})
    EXPECT_EQ(error_of([&] { make(options(other, {}, "netcdf")); }).kind(), ErrorKind::usage) << other;
  EXPECT_EQ(hashes(o.out), before);
  EXPECT_THROW(options("parquet"), Error);
}

}  // namespace
}  // namespace windtunnel::datasets::lab

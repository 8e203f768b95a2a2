#include "datasets/inspect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "datasets/dataset.h"
#include "datasets/plausible.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

using testing::TemporaryFolder;
using testing::toy_scenario;
using testing::write_toy;

class Inspect : public ::testing::Test {
 protected:
  Inspect() {
    core::set_log_quiet(true);
    write_toy(root_.path(), 8);
    for (const Side side : {Side::real, Side::numerical})
      write_split(leak_free_split(scenario_, list_trajectories(scenario_, root_.path(), side), side, 0),
                  scenario_, root_.path(), side);
  }
  ~Inspect() override { core::set_log_quiet(false); }

  bool finds(const std::string& severity, const std::string& place, const std::string& text) const {
    const auto findings = verify(root_.path(), scenario_);
    const bool found = std::any_of(findings.begin(), findings.end(), [&](const Finding& f) {
      return f.severity == severity && f.place.find(place) != std::string::npos &&
             f.message.find(text) != std::string::npos;
    });
    if (!found)
      for (const auto& f : findings) ADD_FAILURE() << f.severity << ": " << f.place << ": " << f.message;
    return found;
  }

  Scenario scenario_ = toy_scenario();
  TemporaryFolder root_;
};

TEST_F(Inspect, GoodDataHaveNoFindings) {
  for (const auto& f : verify(root_.path(), scenario_)) ADD_FAILURE() << f.place << ": " << f.message;
}

TEST_F(Inspect, DescribesBothSides) {
  const auto d = describe(root_.path(), scenario_);
  EXPECT_EQ(d["sides"]["real"]["trajectories"].size(), 8u);
  EXPECT_EQ(d["sides"]["real"]["trajectories"][2]["parameters"]["Re"], 1200.0);
  EXPECT_EQ(d["sides"]["numerical"]["stored_grid"], core::Json::array({4, 6}));
  EXPECT_EQ(d["fields"][0]["range"]["real"]["min"], testing::value_of(0, 0, 0, 0, 0));
  EXPECT_EQ(d["fields"][0]["range"]["real"]["max"], testing::value_of(0, 7, 29, 3, 5));
  EXPECT_FALSE(d["fields"][2]["range"].contains("real"));
  EXPECT_EQ(d["sides"]["real"]["split"]["windows_sharing_frames"]["train_with_test"], 0);
  EXPECT_TRUE(d["sides"]["real"]["split"]["stored"].get<bool>());
}

TEST_F(Inspect, BadValuesShapesAndCopies) {
  std::vector<double> values(30 * 4 * 6, 1.0);
  std::filesystem::remove(root_ / "toy/real/1300.h5");
  testing::write_hdf5(root_ / "toy/real/1300.h5", "measured_data/v", {30, 4, 6}, values);
  values[100] = std::nan("");
  testing::write_hdf5(root_ / "toy/real/1300.h5", "measured_data/u", {30, 4, 6}, values);
  std::filesystem::copy_file(root_ / "toy/real/1000.h5", root_ / "toy/real/2000.h5");
  std::filesystem::remove(root_ / "toy/real/1400.h5");
  EXPECT_TRUE(finds("error", "real/1300.h5", "not a number"));
  EXPECT_TRUE(finds("error", "real/2000.h5", "the same values as real/1000.h5"));
  EXPECT_TRUE(finds("warning", "numerical/1400.h5", "no partner"));
  EXPECT_TRUE(finds("error", "real", "names trajectory '1400.h5'"));
}

TEST_F(Inspect, SplitsThatShareOrOverrun) {
  core::write_file_atomic(root_ / "toy/train_index_real.json",
                          R"([{"sim_id": "1000.h5", "time_id": 0}, {"sim_id": "1000.h5", "time_id": 0},
                              {"sim_id": "1000.h5", "time_id": 28}])");
  core::write_file_atomic(root_ / "toy/test_index_real.json", R"([{"sim_id": "1000.h5", "time_id": 4}])");
  EXPECT_TRUE(finds("warning", "real train", "2 of 3 windows share frames with test"));
  EXPECT_TRUE(finds("error", "real train", "1 windows pass the end"));
  EXPECT_TRUE(finds("warning", "real train", "1 windows appear more than once"));
}

TEST_F(Inspect, OneSideAloneIsAWarning) {
  std::filesystem::remove_all(root_ / "toy/numerical");
  EXPECT_TRUE(finds("warning", "numerical", "no folder"));
  EXPECT_TRUE(describe(root_.path(), scenario_, false)["sides"]["numerical"].is_null());
  std::filesystem::remove_all(root_ / "toy/real");
  EXPECT_TRUE(finds("error", "real", "no real trajectories"));
  EXPECT_THROW(describe(root_.path(), scenario_), core::Error);
}

TEST_F(Inspect, ManifestHashes) {
  const auto file = root_ / "toy/real/1000.h5";
  const auto size = std::filesystem::file_size(file);
  const auto write = [&](const std::string& hash, int64_t bytes, const std::string& name) {
    core::write_file_atomic(root_ / "toy/manifest.json",
                            core::Json{{"files", {{name, {{"bytes", bytes}, {"sha256", hash}}}}}}.dump());
  };
  write(core::sha256_file(file), static_cast<int64_t>(size), "real/1000.h5");
  EXPECT_TRUE(verify(root_.path(), scenario_).empty());
  write(std::string(64, '0'), static_cast<int64_t>(size), "real/1000.h5");
  EXPECT_TRUE(finds("error", "real/1000.h5", "SHA-256"));
  write(core::sha256_file(file), 1, "real/1000.h5");
  EXPECT_TRUE(finds("error", "real/1000.h5", "bytes"));
  write(core::sha256_file(file), 1, "real/1001.h5");
  EXPECT_TRUE(finds("error", "real/1001.h5", "missing"));
}

/// Cylinder files with fluctuations of `size` about a mean.
void write_cylinder(const std::filesystem::path& root, const std::string& id, double size) {
  for (const char* name : {"measured_data/u", "measured_data/v"}) {
    std::vector<double> values;
    for (int i = 0; i < 45 * 4 * 6; ++i)
      values.push_back(0.3 + size * std::sin(i * 0.7 + id.size() + std::stod(id)));
    testing::write_hdf5(root / "cylinder/real" / id, name, {45, 4, 6}, values);
  }
}

std::vector<Finding> cylinder_findings(const std::filesystem::path& root) {
  auto list = verify(root, load_scenario("cylinder"));
  std::erase_if(list, [](const Finding& f) { return f.place.find("3656") == std::string::npos; });
  std::erase_if(
      list, [](const Finding& f) { return f.message.find("the scenario counts on") != std::string::npos; });
  return list;
}

TEST(Plausible, TheWronglyScaledTrajectoryIsNamed) {
  core::set_log_quiet(true);
  const testing::TemporaryFolder root;
  for (const char* id : {"1800.h5", "3000.h5", "4000.h5", "5000.h5", "6000.h5", "7000.h5"})
    write_cylinder(root.path(), id, 0.1);
  write_cylinder(root.path(), "3656.h5", 0.1 / 0.06838);
  auto list = cylinder_findings(root.path());
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].severity, "error");
  EXPECT_NE(list[0].message.find("data version 2.0.0"), std::string::npos);
  EXPECT_NE(list[0].message.find("14.6 times"), std::string::npos) << list[0].message;

  core::write_file_atomic(root / "version.json", R"({"data_version": "2.0.1"})");
  list = cylinder_findings(root.path());  // the known fault is mended there: something else
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].severity, "warning");
  EXPECT_NE(list[0].message.find("wrong scale"), std::string::npos);

  std::filesystem::remove(root / "cylinder/real/3656.h5");
  write_cylinder(root.path(), "3656.h5", 0.12);
  EXPECT_TRUE(cylinder_findings(root.path()).empty());
  core::set_log_quiet(false);
}

TEST(Plausible, ScalesNeedNeighbours) {
  std::vector<Fluctuation> list = {{"a", {1}, 1}, {"b", {2}, 1}, {"c", {3}, 100}};
  EXPECT_TRUE(scale_outliers(list).empty());
  list.push_back({"d", {4}, 1.5});
  ASSERT_EQ(scale_outliers(list).size(), 1u);
  EXPECT_EQ(scale_outliers(list)[0].id, "c");
  EXPECT_DOUBLE_EQ(scale_outliers(list)[0].factor, 100);
  list[2].size = 0.01;
  EXPECT_EQ(scale_outliers(list).size(), 1u);
}

TEST(Plausible, RangesByUnitAndName) {
  const auto combustion = load_scenario("combustion");
  const auto range = [&](const std::string& name, Side side) {
    return plausible_range(combustion.fields[static_cast<size_t>(combustion.field_index(name))], side);
  };
  EXPECT_EQ(range("Temperature", Side::numerical).min, 0);
  EXPECT_EQ(range("Mole_Fraction_of_NH3", Side::numerical).max, 1.001);
  EXPECT_EQ(range("intensity", Side::real).min, 0);
  EXPECT_TRUE(std::isinf(range("intensity", Side::numerical).min));
  EXPECT_EQ(range("Velocity[i]", Side::numerical).max, 400);
  EXPECT_EQ(range("Velocity_Magnitude", Side::numerical).min, 0);
}

TEST_F(Inspect, ImpossibleValuesAndUnequalGrids) {
  scenario_.fields[0].unit = "K";
  std::filesystem::remove(root_ / "toy/numerical/1300.h5");
  for (const char* name : {"measured_data/u", "measured_data/v", "measured_data/p"})
    testing::write_hdf5(root_ / "toy/numerical/1300.h5", name, {30, 4, 6}, [] {
      std::vector<double> values(30 * 4 * 6);
      for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<double>(i)) * 500;
      return values;
    }());
  EXPECT_TRUE(finds("warning", "numerical/1300.h5", "physically possible: 0 to inf"));
  scenario_.stride[Side::real] = 2;
  EXPECT_TRUE(finds("error", "pairs", "delivers a grid of (2, 3)"));
}

TEST_F(Inspect, FindingsDoNotDependOnThreads) {
  std::filesystem::copy_file(root_ / "toy/real/1200.h5", root_ / "toy/real/1900.h5");
  const auto one = verify(root_.path(), scenario_, 1), four = verify(root_.path(), scenario_, 4);
  ASSERT_EQ(one.size(), four.size());
  ASSERT_FALSE(one.empty());
  for (size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i].message, four[i].message);
}

}  // namespace
}  // namespace windtunnel::datasets

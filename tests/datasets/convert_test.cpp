#include "datasets/convert.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/file.h"
#include "datasets/dataset.h"
#include "datasets/formats/arrow_table.h"
#include "datasets/formats/hdf5_writer.h"
#include "datasets/inspect.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::TemporaryFolder;
using testing::toy_scenario;
using testing::write_hdf5;
using testing::write_toy;

const fs::path kGolden = fs::path(WINDTUNNEL_GOLDEN) / "datasets/realpdebench/data";

/// Everything of one side as numbers, by the stem of the name.
std::map<std::string, core::Array> contents(const Scenario& s, const fs::path& root, Side side) {
  const auto store = open_trajectories(s, root, side);
  std::map<std::string, core::Array> all;
  std::vector<int64_t> fields;
  for (int64_t i = 0; i < s.channels(); ++i)
    if (s.fields[static_cast<size_t>(i)].on(side)) fields.push_back(i);
  for (const auto& id : store->ids()) {
    const auto t = store->open(id);
    all[id.substr(0, id.rfind('.'))] = t->read(fields, 0, t->frames());
  }
  return all;
}

void expect_equal(const std::map<std::string, core::Array>& a, const std::map<std::string, core::Array>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [id, values] : a) {
    ASSERT_TRUE(b.count(id)) << id;
    EXPECT_EQ(values.shape, b.at(id).shape) << id;
    EXPECT_TRUE(values.data == b.at(id).data) << id;
  }
}

std::vector<double> times(int trajectory) {
  std::vector<double> list;
  for (int k = 0; k < 30; ++k) list.push_back(trajectory + 0.1 * k);
  return list;
}

TEST(Convert, ThereAndBackThroughEveryFormat) {
  const TemporaryFolder root;
  const fs::path first = root / "hdf5";
  write_toy(first);
  const Scenario toy = toy_scenario();
  for (int i = 0; i < 4; ++i) {
    const fs::path file = first / "toy/real" / (std::to_string(1000 + 100 * i) + ".h5");
    write_hdf5(file, "x", {4, 6}, std::vector<double>(24, 0.5), {.float64 = true});
    write_hdf5(file, "t", {30}, times(i), {.float64 = true});
  }
  write_split(make_split(toy, first, Side::real, "corrected", 3), toy, first, Side::real);
  const auto split = load_split(toy, first, Side::real);
  fs::path from = first;
  Scenario scenario = toy;
  for (const std::string format : {"realpdebench_arrow", "netcdf_cf", "realpdebench_hdf5", "netcdf_cf",
                                   "realpdebench_arrow", "realpdebench_hdf5"}) {
    const fs::path to = from.string() + "-" + format;
    EXPECT_EQ(
        convert(scenario, from, to, {.format = format, .sides = {}, .shard_bytes = 20'000}).trajectories, 8);
    scenario = load_scenario("toy", to);
    EXPECT_EQ(scenario.formats, std::vector<std::string>{format});
    for (const Side side : {Side::real, Side::numerical})
      expect_equal(contents(toy, first, side), contents(scenario, to, side));
    const auto read = load_split(scenario, to, Side::real);
    ASSERT_EQ(read.train.size(), split.train.size()) << format;
    for (size_t i = 0; i < read.train.size(); ++i) {
      EXPECT_EQ(read.train[i].time, split.train[i].time);
      EXPECT_EQ(read.train[i].trajectory.substr(0, 4), split.train[i].trajectory.substr(0, 4));
    }
    const auto t =
        open_trajectories(scenario, to, Side::real)->open(format == "netcdf_cf" ? "1200.nc" : "1200.h5");
    EXPECT_EQ(t->times(), times(2)) << format;
    for (const auto& finding : verify(to, scenario)) EXPECT_NE(finding.severity, "error") << finding.message;
    from = to;
  }
}

TEST(Convert, AttributesGoWithTheTrajectory) {
  const TemporaryFolder root;
  write_toy(root / "hdf5", 2);
  const core::Json told = {{"origin", "towed"}, {"seed", 7},          {"Re", 1000.5},
                           {"note", ""},        {"offset", {0.5, 2}}, {"whole", 3.0}};
  Scenario scenario = toy_scenario();
  fs::path from = root / "hdf5";
  core::write_atomic(from / "toy/real/1000.h5", [&](const fs::path& path) {
    const auto t = open_trajectories(scenario, from, Side::real)->open("1000.h5");
    Hdf5Writer writer(path);
    for (const char* field : {"u", "v"}) {
      const auto values = t->read({scenario.field_index(field)}, 0, t->frames());
      writer.create(std::string("measured_data/") + field, {t->frames(), t->height(), t->width()});
      writer.write_frames(std::string("measured_data/") + field, 0, t->frames(), values.data.data());
    }
    writer.write_attributes(told);
    writer.close();
  });
  for (const std::string format : {"realpdebench_arrow", "netcdf_cf", "realpdebench_hdf5"}) {
    const fs::path to = root / format;
    convert(scenario, from, to, {.format = format, .sides = {Side::real}});
    scenario = load_scenario("toy", to);
    const auto store = open_trajectories(scenario, to, Side::real);
    const core::Json attributes = store->open(store->ids().at(0))->attributes();
    for (const auto& [key, value] : told.items()) {
      if (key == "note" && format != "realpdebench_arrow") continue;  // NetCDF keeps no empty text
      EXPECT_EQ(attributes.value(key, core::Json()), value) << key << " in " << format;
      EXPECT_EQ(attributes.value(key, core::Json()).is_number_integer(), value.is_number_integer())
          << key << " in " << format;
    }
    from = to;
  }
}

TEST(Convert, ChannelsOfTheFlame) {
  const TemporaryFolder root;
  const Scenario flame = load_scenario("combustion");
  Scenario hdf5 = flame, arrow = flame;
  hdf5.formats = {"realpdebench_hdf5"};
  arrow.formats = {"realpdebench_arrow"};
  const fs::path a = root / "a", h = root / "h";
  EXPECT_EQ(
      convert(hdf5, kGolden, a, {.format = "realpdebench_arrow", .sides = {Side::numerical}}).trajectories,
      5);
  const auto table = ArrowTable::open_folder(a / "combustion/hf_dataset/numerical");
  const auto golden = ArrowTable::open_folder(kGolden / "combustion/hf_dataset/numerical");
  ASSERT_EQ(table.rows(), golden.rows());
  for (int64_t row = 0; row < table.rows(); ++row) {
    for (const char* column : {"sim_id", "observed", "numerical", "t", "x", "y"})
      EXPECT_EQ(table.bytes(row, column), golden.bytes(row, column)) << column << " of row " << row;
    for (const char* column : {"shape_t", "shape_h", "shape_w", "numerical_channels", "t_shape", "x_shape"})
      EXPECT_EQ(table.integer(row, column), golden.integer(row, column)) << column;
  }
  EXPECT_EQ(convert(arrow, kGolden, h, {.format = "realpdebench_hdf5", .sides = {}}).trajectories, 10);
  EXPECT_TRUE(fs::exists(h / "combustion/surrogate/40NH3_1.1.h5"));
  for (const Side side : {Side::real, Side::numerical})
    expect_equal(contents(hdf5, kGolden, side), contents(hdf5, h, side));
}

TEST(Convert, GridsBecomeFilesOfTheirOwn) {
  const TemporaryFolder root;
  const fs::path data = fs::path(WINDTUNNEL_GOLDEN) / "datasets/the_well";
  const Scenario well = scenario_from_json(
      {{"name", "tiny_well"},
       {"formats", {"the_well"}},
       {"dt", 1},
       {"in_frames", 2},
       {"out_frames", 1},
       {"trunk_length", 9},
       {"frames", 9},
       {"file_pattern", ".*"},
       {"fields", {{{"name", "p"}, {"sides", {"numerical"}}, {"source", {{"the_well", "density"}}}}}}},
      "well");
  const auto result = convert(well, data, root.path(), {.format = "netcdf_cf", .sides = {}});
  EXPECT_EQ(result.trajectories, 4);
  const auto& left = result.left_behind.at(Side::numerical);
  EXPECT_EQ(std::count(left.begin(), left.end(), "velocity_x"), 1);
  EXPECT_EQ(std::count(left.begin(), left.end(), "density"), 0);
  EXPECT_TRUE(fs::exists(root / "tiny_well/numerical/train_tiny_well_part_0.h5_1.nc"));
  const Scenario read = load_scenario("tiny_well", root.path());
  WindowOptions o;
  o.side = Side::numerical;
  EXPECT_EQ(WindowDataset(read, root.path(), o).size(), WindowDataset(well, data, o).size());
}

TEST(Convert, FieldsWithoutANameAreListed) {
  const TemporaryFolder root;
  const fs::path data = root / "a";
  write_toy(data, 2);
  const std::vector<double> values(30 * 4 * 6, 1.5);
  write_hdf5(data / "toy/real/1000.h5", "vo", {30, 4, 6}, values);
  const auto left =
      convert(toy_scenario(), data, root / "b", {.format = "netcdf_cf", .sides = {}}).left_behind;
  EXPECT_EQ(left, (std::map<Side, std::vector<std::string>>{{Side::real, {"vo"}}}));
  for (const std::string format : {"realpdebench_arrow", "netcdf_cf", "realpdebench_hdf5"}) {
    const fs::path to = root / format;
    EXPECT_TRUE(convert(toy_scenario(), data, to, {.format = format, .sides = {}}).trajectories);
    Scenario less = load_scenario("toy", to);
    less.fields[1].sides = {Side::numerical};  // v of the real side is there, but no field any more
    const auto other =
        convert(less, to, to / "out",
                {.format = format == "netcdf_cf" ? "realpdebench_hdf5" : "netcdf_cf", .sides = {}});
    const auto& fields = other.left_behind.at(Side::real);
    EXPECT_EQ(fields.size(), 1u) << format;
    EXPECT_TRUE(fields.at(0).ends_with("v")) << fields.at(0);
  }
}

TEST(Convert, WhatCannotBeDone) {
  const TemporaryFolder root;
  write_toy(root / "a", 2);
  const auto refuse = [&](const std::string& format, const fs::path& out) {
    const auto e =
        error_of([&] { convert(toy_scenario(), root / "a", out, {.format = format, .sides = {}}); });
    EXPECT_EQ(e.kind(), core::ErrorKind::usage);
    return e;
  };
  EXPECT_NE(refuse("the_well", root / "b").found().find("only read"), std::string::npos);
  refuse("parquet", root / "b");
  EXPECT_NE(refuse("realpdebench_hdf5", root / "a").found().find("already"), std::string::npos);
  EXPECT_FALSE(fs::exists(root / "b"));
  EXPECT_EQ(parse_size("75KB"), 75'000);
  EXPECT_EQ(parse_size("2GB"), 2'000'000'000);
  for (const char* text : {"500", "MB", "1.5MB", "0MB", "5TB", "-1MB", ""})
    EXPECT_EQ(error_of([&] { parse_size(text); }).kind(), core::ErrorKind::usage) << text;
}

TEST(Convert, NothingIsLeftAfterAnError) {
  const TemporaryFolder root;
  write_toy(root / "a", 3);
  const fs::path file = root / "a/toy/real/1200.h5";
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_EQ(error_of([&] {
              convert(toy_scenario(), root / "a", root / "b", {.format = "realpdebench_arrow", .sides = {}});
            }).kind(),
            core::ErrorKind::data);
  EXPECT_FALSE(fs::exists(root / "b/toy/hf_dataset/real"));
  EXPECT_FALSE(fs::exists(root / "b/toy/hf_dataset/real.part"));
}

}  // namespace
}  // namespace windtunnel::datasets

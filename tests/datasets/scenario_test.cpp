#include "datasets/scenario.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/file.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

bool mentions(const core::Error& e, const std::string& text) {
  return (e.found() + "\n" + e.expected() + "\n" + e.hint()).find(text) != std::string::npos;
}

TEST(Scenario, EveryBuiltInOneReadsBackFromItsJson) {
  ASSERT_EQ(scenario_names().size(), 5u);
  for (const auto& name : scenario_names()) {
    const Scenario s = load_scenario(name);
    EXPECT_EQ(s.name, name);
    const Scenario again = scenario_from_json(s.json(), name);
    EXPECT_EQ(core::canonical(again.json()), core::canonical(s.json()));
    EXPECT_EQ(again.sha256(), s.sha256());
  }
}

TEST(Scenario, CountsChannels) {
  const Scenario controlled = load_scenario("controlled_cylinder"), flame = load_scenario("combustion");
  EXPECT_EQ(controlled.channels(), 3);
  EXPECT_EQ(controlled.input_channels(), 5);
  EXPECT_EQ(controlled.evaluated_channels(), 2);
  EXPECT_EQ(flame.channels(), 16);
  EXPECT_EQ(flame.input_channels(), 16);
  EXPECT_EQ(flame.evaluated_channels(), 1);
  EXPECT_EQ(flame.field_index("Velocity[k]"), 14);
}

TEST(Scenario, HashFollowsNumbersNotProse) {
  Scenario a = load_scenario("cylinder"), b = a;
  b.notes = "other words";
  EXPECT_EQ(a.sha256(), b.sha256());
  b.interval += 1;
  EXPECT_NE(a.sha256(), b.sha256());
}

TEST(Scenario, HashIsTheSameInEveryFormat) {
  const Scenario a = load_scenario("controlled_cylinder");
  Scenario b = a;
  b.formats = {"netcdf_cf"};
  b.folders = {{"real", "piv"}};
  b.file_pattern = R"((\d+)_(\d+\.?\d*)\.nc)";
  b.patterns = {{Side::numerical, R"(les_(\d+)_(\d+)\.nc)"}};
  for (auto& field : b.fields) field.source = {{"netcdf_cf", {{Side::numerical, field.name + "_les"}}}};
  b.parameters[0].attribute = "Re";
  EXPECT_EQ(a.sha256(), b.sha256());
  const std::function<void(Scenario&)> changes[] = {[](Scenario& s) { s.fields[0].unit = "cm/s"; },
                                                    [](Scenario& s) {
                                                      s.fields[2].sides = {Side::real, Side::numerical};
                                                    },
                                                    [](Scenario& s) { s.fields[1].measured = false; },
                                                    [](Scenario& s) { std::swap(s.fields[0], s.fields[1]); },
                                                    [](Scenario& s) { s.parameters[0].name = "U"; },
                                                    [](Scenario& s) { s.out_frames += 1; },
                                                    [](Scenario& s) { s.stride[Side::numerical] = 1; },
                                                    [](Scenario& s) { s.trunk_length += 1; },
                                                    [](Scenario& s) { s.held_out_in_dist += 1; },
                                                    [](Scenario& s) { s.fill["u"] = "zero"; }};
  for (const auto& change : changes) {
    Scenario other = a;
    change(other);
    EXPECT_NE(other.sha256(), a.sha256()) << &change - changes;
  }
}

TEST(Scenario, ParsesFileNames) {
  using Values = std::vector<double>;
  EXPECT_EQ(load_scenario("cylinder").parse_name("10031.h5"), Values({10031}));
  EXPECT_EQ(load_scenario("controlled_cylinder").parse_name("3562_1.h5"), Values({3562, 1}));
  EXPECT_EQ(load_scenario("fsi").parse_name("3272_18.2_0.8_1.h5"), Values({3272, 18.2}));
  EXPECT_EQ(load_scenario("combustion").parse_name("40NH3_1.1.h5"), Values({40, 1.1}));
  EXPECT_FALSE(load_scenario("cylinder").parse_name("x10031.h5"));
  EXPECT_FALSE(load_scenario("fsi").parse_name("3272_1.2.3_0.8_1.h5"));
}

TEST(Scenario, FileBesideTheDataOverrides) {
  const TemporaryFolder root;
  core::make_folder(root / "cylinder");
  core::write_file_atomic(root / "cylinder/scenario.yaml",
                          "frames: 320\nstride: {numerical: 1}\norigin: virtual-lab\nsynthetic: true\n"
                          "geometry: {d: 9, center_x: 16, center_y: 16}\n");
  const Scenario s = load_scenario("cylinder", root.path());
  EXPECT_EQ(s.frames, 320);
  EXPECT_EQ(s.side_stride(Side::numerical), 1);
  EXPECT_EQ(s.side_stride(Side::real), 1);
  EXPECT_EQ(s.in_frames, 20);  // not overridden
  EXPECT_TRUE(s.synthetic);
  EXPECT_EQ(s.geometry->d, 9);
}

TEST(Scenario, UsersFileIsReadByPath) {
  const TemporaryFolder root;
  core::write_file_atomic(root / "mine.yaml", core::to_yaml(testing::toy_scenario().json()));
  EXPECT_EQ(load_scenario((root / "mine.yaml").string()).sha256(), testing::toy_scenario().sha256());
}

TEST(Scenario, UnknownNameSuggestsTheNearest) {
  const auto e = error_of([] { load_scenario("cilinder"); });
  EXPECT_EQ(e.kind(), core::ErrorKind::usage);
  EXPECT_TRUE(mentions(e, "cylinder"));
}

TEST(Scenario, UnknownKeyNamesFileAndNearestKey) {
  core::Json values = testing::toy_scenario().json();
  values["trunk_lenght"] = 3;
  auto e = error_of([&] { scenario_from_json(values, "my.yaml"); });
  EXPECT_TRUE(mentions(e, "my.yaml"));
  EXPECT_TRUE(mentions(e, "trunk_length"));
  values.erase("trunk_lenght");
  values["fields"][0]["mesured"] = true;
  e = error_of([&] { scenario_from_json(values, "my.yaml"); });
  EXPECT_TRUE(mentions(e, "measured"));
}

TEST(Scenario, ContradictionsAreUsageErrors) {
  const auto broken = [](const std::function<void(core::Json&)>& change, const std::string& text) {
    core::Json values = testing::toy_scenario().json();
    change(values);
    const auto e = error_of([&] { scenario_from_json(values, "my.yaml"); });
    EXPECT_EQ(e.kind(), core::ErrorKind::usage);
    EXPECT_TRUE(mentions(e, text)) << e.found();
  };
  broken([](core::Json& v) { v["frames"] = 4; }, "window");
  broken([](core::Json& v) { v["file_pattern"] = "(\\d+"; }, "regular expression");
  broken([](core::Json& v) { v["file_pattern"] = "\\d+"; }, "one group per parameter");
  broken([](core::Json& v) { v["fields"][1]["name"] = "u"; }, "twice");
  broken([](core::Json& v) { std::swap(v["fields"][0], v["fields"][2]); }, "measured fields first");
  broken([](core::Json& v) { v["fields"][2]["measured"] = true; }, "real side");
  broken([](core::Json& v) { v["stride"]["real"] = 0; }, "at least 1");
  broken([](core::Json& v) { v["stride"]["simulated"] = 1; }, "numerical");
  broken([](core::Json& v) { v["in_frames"] = "three"; }, "integer");
  broken([](core::Json& v) { v["fill"]["u"] = "nearest"; }, "frame_mean");
  broken([](core::Json& v) { v["name"] = "../up"; }, "folder name");
  broken([](core::Json& v) { v.erase("dt"); }, "dt");
}

}  // namespace
}  // namespace windtunnel::datasets

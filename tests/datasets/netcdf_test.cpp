#include <gtest/gtest.h>
#include <netcdf.h>

#include <cmath>

#include "core/file.h"
#include "datasets/dataset.h"
#include "datasets/inspect.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::TemporaryFolder;

constexpr size_t kTime = 12, kLat = 3, kLon = 4;

struct File {
  std::string units = "days since 2000-01-01";
  bool netcdf4 = false, time_last = false, level = false, named_axes = true;
  std::vector<double> times = {};
  int missing_at = -1;  ///< position among the values
};

/// Variable "wind", packed as short: stored = 2 k, value = 0.5 * stored - 10 for the k-th value in (time,
/// lat, lon).
void write_netcdf(const fs::path& path, File f) {
  fs::create_directories(path.parent_path());
  if (f.times.empty())
    for (size_t i = 0; i < kTime; ++i) f.times.push_back(static_cast<double>(i) * 2);
  int id, time, lat, lon, level, variable, coordinate;
  ASSERT_EQ(nc_create(path.c_str(), NC_CLOBBER | (f.netcdf4 ? NC_NETCDF4 : 0), &id), NC_NOERR);
  nc_def_dim(id, "time", kTime, &time);
  nc_def_dim(id, "latitude", kLat, &lat);
  nc_def_dim(id, "longitude", kLon, &lon);
  nc_def_dim(id, "level", 1, &level);
  std::vector<int> dims = f.time_last ? std::vector{lat, lon, time} : std::vector{time, lat, lon};
  if (f.level) dims.insert(dims.begin() + 1, level);
  nc_def_var(id, "wind", NC_SHORT, static_cast<int>(dims.size()), dims.data(), &variable);
  const double scale = 0.5, offset = -10;
  const short missing = -999;
  nc_put_att_double(id, variable, "scale_factor", NC_DOUBLE, 1, &scale);
  nc_put_att_double(id, variable, "add_offset", NC_DOUBLE, 1, &offset);
  nc_put_att_short(id, variable, "_FillValue", NC_SHORT, 1, &missing);
  if (f.named_axes) {
    for (const auto& [name, dimension, text] : {std::tuple("time", time, f.units.c_str()),
                                                {"latitude", lat, "degrees_north"},
                                                {"longitude", lon, "degrees_east"}}) {
      nc_def_var(id, name, NC_DOUBLE, 1, &dimension, &coordinate);
      nc_put_att_text(id, coordinate, "units", std::string(text).size(), text);
    }
  }
  nc_enddef(id);
  std::vector<short> values(kTime * kLat * kLon);
  for (size_t t = 0; t < kTime; ++t)
    for (size_t p = 0; p < kLat * kLon; ++p) {
      const size_t k = t * kLat * kLon + p;
      values[f.time_last ? p * kTime + t : k] =
          static_cast<int>(k) == f.missing_at ? missing : static_cast<short>(2 * k);
    }
  nc_put_var_short(id, variable, values.data());
  if (f.named_axes) {
    nc_inq_varid(id, "time", &coordinate);
    nc_put_var_double(id, coordinate, f.times.data());
  }
  nc_close(id);
}

Scenario weather() {
  return scenario_from_json(
      {{"name", "weather"},
       {"formats", {"netcdf_cf"}},
       {"dt", 172800},
       {"in_frames", 2},
       {"out_frames", 1},
       {"trunk_length", 4},
       {"frames", 12},
       {"file_pattern", ".*\\.nc"},
       {"fields",
        {{{"name", "w"}, {"measured", true}, {"sides", {"real"}}, {"source", {{"netcdf_cf", "wind"}}}}}}},
      "weather");
}

class Netcdf : public ::testing::Test {
 protected:
  std::shared_ptr<const Trajectory> open(const File& file, const Scenario& scenario = weather()) const {
    write_netcdf(root_ / "weather/real/a.nc", file);
    return open_trajectories(scenario, root_.path(), Side::real)->open("a.nc");
  }
  TemporaryFolder root_;
};

TEST_F(Netcdf, AnyOrderOfAxesAndAnyContainer) {
  const std::vector<File> files = {
      {}, {.netcdf4 = true}, {.time_last = true}, {.netcdf4 = true, .level = true}, {.named_axes = false}};
  for (const auto& file : files) {
    const auto t = open(file);
    EXPECT_EQ(t->frames(), 12);
    EXPECT_EQ(t->height(), 3);
    EXPECT_EQ(t->width(), 4);
    const auto a = t->read({0}, 2, 5, 2);
    ASSERT_EQ(a.shape, (core::Shape{3, 2, 2, 1}));
    size_t i = 0;
    for (size_t frame = 2; frame < 5; ++frame)
      for (size_t y = 0; y < 3; y += 2)
        for (size_t x = 0; x < 4; x += 2)
          EXPECT_EQ(a.data[i++], static_cast<float>((frame * 3 + y) * 4 + x) - 10);
  }
}

TEST_F(Netcdf, TimesAreSeconds) {
  EXPECT_EQ(open({})->times()[3], 6 * 86400.0);
  EXPECT_EQ(open({.units = "hours since 1900-01-01 00:00"})->times()[3], 6 * 3600.0);
  EXPECT_DOUBLE_EQ(open({.units = "months since 1900-01-01"})->times()[1], 2 * 365.2425 * 86400 / 12);
  EXPECT_EQ(error_of([&] { open({.units = "fortnights since 1900-01-01"}); }).kind(), core::ErrorKind::data);
  File backwards;
  for (size_t i = 0; i < kTime; ++i) backwards.times.push_back(i == 5 ? 3.0 : static_cast<double>(i));
  EXPECT_NE(error_of([&] { open(backwards); }).found().find("time number 5"), std::string::npos);
}

TEST_F(Netcdf, MissingValuesNeedARule) {
  const File file{.missing_at = 29};  // frame 2, row 1, column 1
  const auto e = error_of([&] { open(file)->read({0}, 0, 12); });
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_NE(e.found().find("a.nc: field 'w' is missing at frame 2, row 1, column 1"), std::string::npos)
      << e.found();
  EXPECT_NE(e.hint().find("frame_mean"), std::string::npos);
  EXPECT_NO_THROW(open(file)->read({0}, 3, 12));

  Scenario s = weather();
  s.fill["w"] = "zero";
  EXPECT_EQ(open(file, s)->read({0}, 2, 3).data[5], 0.0f);
  s.fill["w"] = "frame_mean";
  const auto frame = open(file, s)->read({0}, 2, 3).data;
  double sum = 0;
  for (size_t k = 0; k < 12; ++k) sum += k == 5 ? 0 : frame[k];
  EXPECT_FLOAT_EQ(frame[5], static_cast<float>(sum / 11));
}

TEST_F(Netcdf, WrongNamesAndFiles) {
  Scenario s = weather();
  s.fields[0].source["netcdf_cf"][Side::real] = "wnd";
  const auto e = error_of([&] { open({}, s); });
  EXPECT_NE(e.hint().find("wind"), std::string::npos);
  core::write_file_atomic(root_ / "weather/real/a.nc", "CDF");
  EXPECT_EQ(error_of([&] { open_trajectories(weather(), root_.path(), Side::real)->open("a.nc"); }).kind(),
            core::ErrorKind::data);
}

TEST_F(Netcdf, OneTrajectoryIsSplitWithoutLeaks) {
  open({});
  std::vector<WindowRef> lists[3];
  const char* modes[] = {"train", "val", "test"};
  for (int m = 0; m < 3; ++m) {
    WindowOptions o;
    o.mode = modes[m];
    const WindowDataset d(weather(), root_.path(), o);
    EXPECT_GT(d.size(), 0) << modes[m];
    EXPECT_EQ(d.sample(0).input.shape, (core::Shape{2, 3, 4, 1}));
    lists[m] = d.split().windows(modes[m]);
  }
  EXPECT_EQ(shared_frames(lists[0], lists[1], 3) + shared_frames(lists[0], lists[2], 3) +
                shared_frames(lists[1], lists[2], 3),
            0);
  WindowOptions numerical;
  numerical.side = Side::numerical;
  EXPECT_NE(
      error_of([&] { WindowDataset(weather(), root_.path(), numerical); }).found().find("no numerical side"),
      std::string::npos);
}

TEST(Pairing, SidesNameTheirFilesDifferently) {
  const TemporaryFolder root;
  const File file;
  for (const char* name : {"piv_Re1000_run2.nc", "piv_Re2000_run1.nc", "notes_Re1.nc"})
    write_netcdf(root / "lab" / name, file);
  for (const char* name : {"les-1000.nc", "les-3000.nc"}) write_netcdf(root / "cfd" / name, file);
  Scenario s = scenario_from_json(
      {{"name", "weather"},
       {"formats", {"netcdf_cf"}},
       {"dt", 172800},
       {"in_frames", 2},
       {"out_frames", 1},
       {"trunk_length", 4},
       {"frames", 12},
       {"patterns", {{"real", "piv_Re(\\d+)_run\\d+\\.nc"}, {"numerical", "les-(\\d+)\\.nc"}}},
       {"pairing", "parameters"},
       {"folders", {{"real", "lab"}, {"numerical", "cfd"}}},
       {"parameters", {{{"name", "Re"}}}},
       {"fields", {{{"name", "w"}, {"measured", true}, {"source", {{"netcdf_cf", "wind"}}}}}}},
      "weather");
  EXPECT_EQ(scenario_from_json(s.json(), "again").sha256(), s.sha256());
  const auto names = list_trajectories(s, root.path(), Side::real);
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(names[0].parameters, std::vector<double>{1000});
  EXPECT_EQ(list_trajectories(s, root.path(), Side::numerical)[1].parameters, std::vector<double>{3000});
  std::vector<std::string> lonely;
  for (const auto& finding : verify(root.path(), s))
    if (finding.message.find("no partner") != std::string::npos) lonely.push_back(finding.place);
  EXPECT_EQ(lonely, (std::vector<std::string>{"real/piv_Re2000_run1.nc", "numerical/les-3000.nc"}));
  s.pairing = "name";
  EXPECT_GE(verify(root.path(), s).size(), 4u);
}

TEST(Winds, TheExampleReadsTheInstalledFile) {
  if (!fs::exists("/usr/share/ferret-vis/data/monthly_navy_winds.cdf"))
    GTEST_SKIP() << "ferret-datasets is not here";
  const Scenario s = load_scenario(WINDTUNNEL_SOURCE "/examples/winds/scenario.yaml");
  WindowOptions o;
  const WindowDataset d(s, "/usr/share/ferret-vis", o);
  EXPECT_EQ(d.input_shape(), (core::Shape{6, 73, 144, 2}));
  EXPECT_GT(d.size(), 20);
  double squares[2] = {};
  const auto x = d.sample(0).input;
  for (size_t k = 0; k < x.data.size(); ++k) squares[k % 2] += static_cast<double>(x.data[k]) * x.data[k];
  for (const double sum : squares) {
    const double rms = std::sqrt(sum / static_cast<double>(x.data.size() / 2));
    EXPECT_GT(rms, 1.5);  // surface winds in m/s
    EXPECT_LT(rms, 8);
  }
}

}  // namespace
}  // namespace windtunnel::datasets

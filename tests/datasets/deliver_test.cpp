// Trajectory::deliver beside deliver_reference for every format and every way of storage: the same bits.
#include <gtest/gtest.h>
#include <hdf5.h>
#include <netcdf.h>

#include <bit>
#include <cmath>

#include "datasets/formats/hdf5_file.h"
#include "datasets/formats/pdebench_file.h"
#include "datasets/trajectory.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::Storage;
using testing::TemporaryFolder;
using testing::write_hdf5;

const fs::path kGolden = fs::path(WINDTUNNEL_GOLDEN) / "datasets";

Scenario scenario(const std::string& format, const std::vector<std::string>& places, Side side) {
  core::Json fields = core::Json::array();
  for (size_t i = 0; i < places.size(); ++i)
    fields.push_back({{"name", "f" + std::to_string(i)},
                      {"sides", {to_string(side)}},
                      {"measured", side == Side::real},
                      {"source", {{format, places[i]}}}});
  return scenario_from_json({{"name", "s"},
                             {"formats", {format}},
                             {"fields", fields},
                             {"dt", 1},
                             {"in_frames", 2},
                             {"out_frames", 1},
                             {"trunk_length", 4},
                             {"frames", 4},
                             {"file_pattern", ".*"}},
                            "s");
}

/// Every field, constants between them, some normalised, for several windows, strides and steps.
void expect_same(const Trajectory& t, int64_t fields, const std::string& what) {
  std::vector<ChannelSource> channels;
  for (int64_t f = fields; f-- > 0;) {
    channels.push_back(f % 2 ? ChannelSource{f, 0, 0.3f, 0.7f} : ChannelSource{f});
    channels.push_back({-1, 2.5f, 1, 3});
  }
  channels.push_back({0, 0, -1, 0.125f});
  const auto n = static_cast<int64_t>(channels.size());
  for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, t.frames()}, {1, 2}, {1, t.frames()}})
    for (const int64_t stride : {1, 2, 3})
      for (const int64_t step : {n, n + 2}) {
        const int64_t points =
            (end - begin) * ((t.height() + stride - 1) / stride) * ((t.width() + stride - 1) / stride);
        std::vector<float> fast(static_cast<size_t>(points * step), 9), slow = fast;
        t.deliver(channels, begin, end, stride, fast.data(), step);
        t.deliver_reference(channels, begin, end, stride, slow.data(), step);
        for (size_t i = 0; i < fast.size(); ++i)
          ASSERT_EQ(std::bit_cast<uint32_t>(fast[i]), std::bit_cast<uint32_t>(slow[i]))
              << what << ", stride " << stride << ", frames from " << begin << ", at " << i;
      }
}

void expect_same_of(const std::string& format, const fs::path& root, const std::vector<std::string>& places,
                    const std::string& what, Side side = Side::numerical) {
  const auto store = open_trajectories(scenario(format, places, side), root, side);
  const auto ids = store->ids();
  for (const auto& id : {ids.front(), ids.back()})
    expect_same(*store->open(id), static_cast<int64_t>(places.size()), what + " " + id);
}

std::vector<double> numbers(int64_t count) {
  std::vector<double> out;
  for (int64_t i = 0; i < count; ++i)
    out.push_back(std::sin(0.37 * static_cast<double>(i)) + (i % 7 ? 0 : -0.0));
  return out;
}

const std::pair<const char*, Storage> kStorages[] = {
    {"contiguous", {}},
    {"float64", {.float64 = true}},
    {"big endian", {.big_endian = true}},
    {"tiles", {.chunked = true, .tiles = true}},
    {"deflate", {.chunked = true, .deflate = true, .shuffle = true}},
    {"float64 deflate", {.chunked = true, .deflate = true, .float64 = true, .shuffle = true}},
    {"checksummed", {.chunked = true, .deflate = true, .checksum = true}}};

TEST(Deliver, PdebenchOfThreeDimensions) {
  for (const auto& [name, storage] : kStorages) {
    const TemporaryFolder root;
    for (const char* field : {"density", "Vx"})
      write_hdf5(root / "s/numerical/3D.hdf5", field, {2, 4, 5, 6, 7}, numbers(2 * 4 * 5 * 6 * 7), storage);
    for (const std::string plane : {"@z=middle", "@y=5", "@x=0", "@x=1@z=6"})
      expect_same_of("pdebench", root.path(), {"density" + plane, "Vx" + plane}, name + plane);
    expect_same_of("pdebench", root.path(), {"Vx@z=1", "Vx@z=2", "density@z=2"},
                   name + std::string("@z=1,2"));
  }
}

TEST(Deliver, PdebenchFamilies) {
  for (const auto& [name, storage] : kStorages) {
    const TemporaryFolder root;
    const fs::path flow = root / "s/numerical/ns_incom.h5";
    write_hdf5(flow, "velocity", {3, 4, 5, 6, 2}, numbers(3 * 4 * 5 * 6 * 2), storage);
    write_hdf5(flow, "particles", {3, 4, 5, 6, 1}, numbers(3 * 4 * 5 * 6), storage);
    write_hdf5(flow, "force", {3, 5, 6, 2}, numbers(3 * 5 * 6 * 2), storage);
    expect_same_of("pdebench", root.path(), {"force[1]", "velocity[0]", "particles[0]", "velocity[1]"}, name);
    fs::remove(flow);
    const fs::path darcy = root / "s/numerical/darcy.hdf5";
    write_hdf5(darcy, "nu", {3, 5, 6}, numbers(3 * 5 * 6), storage);
    write_hdf5(darcy, "tensor", {3, 1, 5, 6}, numbers(3 * 5 * 6), storage);
    expect_same_of("pdebench", root.path(), {"tensor"}, name + std::string(" darcy"));
  }
  const TemporaryFolder root;
  fs::create_directories(root / "s/numerical");
  fs::copy_file(kGolden / "pdebench/2D_diff-react_NA_NA.h5", root / "s/numerical/seeds.h5");
  expect_same_of("pdebench", root.path(), {"data[1]", "data[0]"}, "groups");
  fs::rename(root / "s/numerical/seeds.h5", root / "seeds.h5");
  fs::copy_file(kGolden / "pdebench/1D_Burgers_Sols_Nu0.01.hdf5", root / "s/numerical/1D.hdf5");
  expect_same_of("pdebench", root.path(), {"tensor"}, "one row");
}

TEST(Deliver, GoldenFileOfTheWell) {
  const TemporaryFolder root;
  fs::create_directories(root / "s");
  fs::copy(kGolden / "the_well/tiny_well/data", root / "s/data", fs::copy_options::recursive);
  expect_same_of("the_well", root.path(), {"density", "velocity_y", "stress_xy", "profile", "mask_field"},
                 "golden");
}

void attribute(hid_t object, const char* name, hid_t type, const std::vector<hsize_t>& shape,
               const void* data) {
  const hid_t space = shape.empty() ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, shape.data(), nullptr);
  const hid_t id = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(id, type, data);
  H5Aclose(id);
  H5Sclose(space);
}

void texts(hid_t object, const char* name, const std::vector<const char*>& list) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  attribute(object, name, type, {list.size()}, list.data());
  H5Tclose(type);
}

/// Two runs of four frames on 5 x 6 x 7 points; `column` varies in z only and not in time.
void write_well_3d(const fs::path& path, Storage storage, bool single_axes) {
  write_hdf5(path, "t0_fields/density", {2, 4, 5, 6, 7}, numbers(2 * 4 * 5 * 6 * 7), storage);
  write_hdf5(path, "t0_fields/column", single_axes ? std::vector<hsize_t>{1, 1, 7} : std::vector<hsize_t>{7},
             numbers(7));
  write_hdf5(path, "t1_fields/velocity", {2, 4, 5, 6, 7, 3}, numbers(2 * 4 * 5 * 6 * 7 * 3), storage);
  const std::pair<const char*, hsize_t> axes[] = {{"time", 4}, {"x", 5}, {"y", 6}, {"z", 7}};
  for (const auto& [axis, count] : axes)
    write_hdf5(path, std::string("dimensions/") + axis, {count}, numbers(static_cast<int64_t>(count)));
  const Hdf5Lock lock;
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const int runs = 2;
  attribute(file, "n_trajectories", H5T_NATIVE_INT, {}, &runs);
  const auto in = [&](const std::string& name, const std::function<void(hid_t)>& write) {
    const hid_t object = H5Oopen(file, name.c_str(), H5P_DEFAULT);
    write(object);
    H5Oclose(object);
  };
  in("dimensions", [](hid_t o) { texts(o, "spatial_dims", {"x", "y", "z"}); });
  in("t0_fields", [](hid_t o) { texts(o, "field_names", {"density", "column"}); });
  in("t1_fields", [](hid_t o) { texts(o, "field_names", {"velocity"}); });
  const auto varying = [&](const std::string& name, signed char runs_and_time,
                           std::vector<signed char> dims) {
    in(name, [&](hid_t o) {
      attribute(o, "sample_varying", H5T_NATIVE_SCHAR, {}, &runs_and_time);
      attribute(o, "time_varying", H5T_NATIVE_SCHAR, {}, &runs_and_time);
      attribute(o, "dim_varying", H5T_NATIVE_SCHAR, {3}, dims.data());
    });
  };
  varying("t0_fields/density", 1, {1, 1, 1});
  varying("t0_fields/column", 0, {0, 0, 1});
  varying("t1_fields/velocity", 1, {1, 1, 1});
  H5Fclose(file);
}

TEST(Deliver, TheWellInThreeDimensions) {
  for (const auto& [name, storage] : kStorages)
    for (const bool single_axes : {true, false}) {
      const TemporaryFolder root;
      write_well_3d(root / "s/data/train/a.hdf5", storage, single_axes);
      for (const std::string plane : {"@z=middle", "@y=5", "@x=0", "@x=1@y=2"})
        expect_same_of("the_well", root.path(),
                       {"density" + plane, "velocity_z" + plane, "column" + plane, "velocity_x" + plane},
                       name + plane);
    }
}

struct Packing {
  const char* name;
  int mode;  ///< of nc_create
  nc_type type;
  bool packed, chunked;
};
const Packing kPackings[] = {{"classic", 0, NC_FLOAT, false, false},
                             {"classic packed", NC_64BIT_OFFSET, NC_SHORT, true, false},
                             {"float", NC_NETCDF4, NC_FLOAT, false, false},
                             {"float deflate", NC_NETCDF4, NC_FLOAT, false, true},
                             {"double", NC_NETCDF4, NC_DOUBLE, false, false},
                             {"double deflate", NC_NETCDF4, NC_DOUBLE, false, true},
                             {"double packed", NC_NETCDF4, NC_DOUBLE, true, true},
                             {"short packed", NC_NETCDF4, NC_SHORT, true, false},
                             {"short packed deflate", NC_NETCDF4, NC_SHORT, true, true},
                             {"byte deflate", NC_NETCDF4, NC_UBYTE, false, true},
                             {"int packed deflate", NC_NETCDF4, NC_INT, true, true},
                             {"classic model", NC_NETCDF4 | NC_CLASSIC_MODEL, NC_FLOAT, false, true}};
constexpr size_t kT = 5, kH = 6, kW = 7;

/// Variables a (time, y, x) and b (x, time, y); `at` of a holds `value`, as stored.
void write_netcdf(const fs::path& path, const Packing& p, int at = -1, double value = 0) {
  const Hdf5Lock lock;
  fs::create_directories(path.parent_path());
  int file, time, row, column, coordinate;
  ASSERT_EQ(nc_create(path.c_str(), NC_CLOBBER | p.mode, &file), NC_NOERR);
  nc_def_dim(file, "time", kT, &time);
  nc_def_dim(file, "y", kH, &row);
  nc_def_dim(file, "x", kW, &column);
  for (const auto& [name, dimension, axis] :
       {std::tuple("time", time, "T"), std::tuple("y", row, "Y"), std::tuple("x", column, "X")}) {
    nc_def_var(file, name, NC_DOUBLE, 1, &dimension, &coordinate);
    nc_put_att_text(file, coordinate, "axis", 1, axis);
  }
  const int orders[2][3] = {{time, row, column}, {column, time, row}};
  const double scale = 0.01, offset = 273.15, missing = 17, low = -50;
  int variables[2];
  for (int i = 0; i < 2; ++i) {
    nc_def_var(file, i ? "b" : "a", p.type, 3, orders[i], &variables[i]);
    if (p.chunked) {
      const size_t chunks[] = {2, 4, 3};
      nc_def_var_chunking(file, variables[i], NC_CHUNKED, chunks);
      nc_def_var_deflate(file, variables[i], 1, 1, 2);
    }
    if (p.packed) nc_put_att_double(file, variables[i], "scale_factor", NC_DOUBLE, 1, &scale);
    if (p.packed) nc_put_att_double(file, variables[i], "add_offset", NC_DOUBLE, 1, &offset);
    nc_put_att_double(file, variables[i], "missing_value", p.type, 1, &missing);
    nc_put_att_double(file, variables[i], "valid_min", p.type == NC_UBYTE ? NC_DOUBLE : p.type, 1, &low);
  }
  nc_enddef(file);
  std::vector<double> times, values;
  for (size_t t = 0; t < kT; ++t) times.push_back(static_cast<double>(t));
  for (size_t i = 0; i < kT * kH * kW; ++i)
    values.push_back(p.type == NC_FLOAT || p.type == NC_DOUBLE ? 16 * std::sin(0.4 * static_cast<double>(i))
                                                               : static_cast<double>(i % 16));
  int id;
  nc_inq_varid(file, "time", &id);
  nc_put_var_double(file, id, times.data());
  nc_put_var_double(file, variables[1], values.data());
  if (at >= 0) values[static_cast<size_t>(at)] = value;
  nc_put_var_double(file, variables[0], values.data());
  nc_close(file);
}

TEST(Deliver, NetcdfOfEveryPacking) {
  for (const auto& p : kPackings) {
    const TemporaryFolder root;
    write_netcdf(root / "s/real/a.nc", p);
    expect_same_of("netcdf_cf", root.path(), {"a", "b"}, p.name, Side::real);
  }
}

TEST(Deliver, NetcdfGapsFollowTheRuleOrAreRefused) {
  for (const auto& p : kPackings)
    for (const double gap : {17.0, -51.0}) {
      if (gap < 0 && p.type == NC_UBYTE) continue;
      const TemporaryFolder root;
      write_netcdf(root / "s/real/a.nc", p, 60, gap);
      Scenario s = scenario("netcdf_cf", {"a", "b"}, Side::real);
      std::vector<float> out(kT * kH * kW);
      const auto open = [&] { return open_trajectories(s, root.path(), Side::real)->open("a.nc"); };
      const auto e = error_of([&] { open()->deliver({{0}}, 0, kT, 1, out.data(), 1); });
      EXPECT_NE(e.found().find("field 'f0' is missing at frame 1, row 2, column 4"), std::string::npos)
          << p.name << ": " << e.found();
      open()->deliver({{0}}, 2, kT, 1, out.data(), 1);  // another window is whole
      for (const std::string rule : {"zero", "frame_mean"}) {
        s.fill["f0"] = rule;
        expect_same(*open(), 2, p.name + (" " + rule));
      }
    }
}

TEST(Deliver, PlanesWithGapsFollowTheRuleOrAreRefused) {
  auto values = numbers(2 * 4 * 5 * 6);
  values[(1 * 4 + 2) * 30 + 9] = std::nan("");
  for (const auto& [name, storage] : kStorages) {
    const TemporaryFolder root;
    write_hdf5(root / "s/numerical/2D.hdf5", "density", {2, 4, 5, 6}, values, storage);
    Scenario s = scenario("pdebench", {"density"}, Side::numerical);
    std::vector<float> out(4 * 5 * 6);
    const auto open = [&] {
      return open_trajectories(s, root.path(), Side::numerical)->open("2D.hdf5#0001");
    };
    const auto e = error_of([&] { open()->deliver({{0}}, 0, 4, 1, out.data(), 1); });
    EXPECT_NE(e.found().find("field 'f0' is not a number at frame 2, row 1, column 3"), std::string::npos)
        << e.found();
    open()->deliver({{0}}, 0, 4, 2, out.data(), 1);  // row 1 is not delivered
    for (const std::string rule : {"zero", "frame_mean"}) {
      s.fill["f0"] = rule;
      expect_same(*open(), 1, name + (" " + rule));
    }
  }
}

TEST(Deliver, GroupsKeepTheirDecodedChunks) {
  const PdebenchFile file(kGolden / "pdebench/2D_diff-react_NA_NA.h5");
  const auto array = file.open("0000/data", 3);
  EXPECT_TRUE(array->lock_free());
  EXPECT_EQ(array->name(), "0003/data");
}

}  // namespace
}  // namespace windtunnel::datasets

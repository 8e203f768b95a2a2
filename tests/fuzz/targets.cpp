#include "tests/fuzz/targets.h"

#include <netcdf.h>

#include <algorithm>

#include "core/file.h"
#include "core/json.h"
#include "core/safetensors.h"
#include "datasets/formats/arrow_table.h"
#include "datasets/formats/arrow_writer.h"
#include "datasets/formats/pdebench_file.h"
#include "datasets/formats/well_file.h"
#include "datasets/normalizer.h"
#include "datasets/split.h"
#include "datasets/trajectory.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::fuzz {

namespace fs = std::filesystem;
using namespace datasets;

namespace {

const fs::path kGolden = fs::path(WINDTUNNEL_GOLDEN);
constexpr int64_t kMostFrames = 40;  // a damaged length must not turn one read into a long one

Seed file(const fs::path& folder, const std::string& name) { return {name, core::read_file(folder / name)}; }

std::vector<Seed> golden(const fs::path& folder, const std::vector<std::string>& endings,
                         const std::string& prefix = "") {
  std::vector<Seed> out;
  std::error_code none;
  for (const auto& entry : fs::recursive_directory_iterator(folder, none)) {
    const std::string ending = entry.path().extension().string();
    if (entry.is_regular_file() && std::find(endings.begin(), endings.end(), ending) != endings.end())
      out.push_back({prefix + entry.path().filename().string(), core::read_file(entry.path())});
  }
  std::sort(out.begin(), out.end(), [](const Seed& a, const Seed& b) { return a.name < b.name; });
  return out;
}

/// Every frame of every field, its times and spacing.
void read_trajectory(const Trajectory& t, const Scenario& scenario, Side side) {
  std::vector<int64_t> fields;
  for (int64_t i = 0; i < scenario.channels(); ++i)
    if (scenario.fields[static_cast<size_t>(i)].on(side)) fields.push_back(i);
  const int64_t frames = std::min(t.frames(), kMostFrames);
  const auto sample = t.read(fields, 0, frames);
  std::vector<ChannelSource> channels;
  for (const int64_t field : fields) channels.push_back({field});
  std::vector<float> out(sample.data.size());
  t.deliver(channels, 0, frames, 1, out.data(), static_cast<int64_t>(fields.size()));
  t.times();
  t.axes();
}

std::vector<Seed> hdf5_seeds(const fs::path& scratch) {
  std::vector<double> values;
  for (int i = 0; i < 30 * 4 * 6; ++i) values.push_back(i * 0.25);
  const testing::Storage storages[] = {{},
                                       {.chunked = true},
                                       {.chunked = true, .deflate = true, .shuffle = true},
                                       {.chunked = true, .deflate = true, .checksum = true},
                                       {.float64 = true}};
  std::vector<Seed> out;
  for (const auto& storage : storages) {
    const fs::path path = scratch / "toy/numerical/1000.h5";
    fs::remove(path);
    for (const char* name : {"measured_data/u", "measured_data/v", "measured_data/p"})
      testing::write_hdf5(path, name, {30, 4, 6}, values, storage);
    testing::write_hdf5(path, "t", {30}, std::vector<double>(values.begin(), values.begin() + 30));
    out.push_back(file(scratch, "toy/numerical/1000.h5"));
  }
  return out;
}

Scenario weather() {
  return scenario_from_json(
      {{"name", "weather"},
       {"formats", {"netcdf_cf"}},
       {"dt", 1},
       {"in_frames", 2},
       {"out_frames", 1},
       {"trunk_length", 4},
       {"frames", 12},
       {"file_pattern", ".*\\.nc"},
       {"fields",
        {{{"name", "w"}, {"measured", true}, {"sides", {"real"}}, {"source", {{"netcdf_cf", "wind"}}}}}}},
      "weather");
}

std::vector<Seed> netcdf_seeds(const fs::path& scratch) {
  std::vector<Seed> out;
  for (const int mode : {0, NC_64BIT_OFFSET, NC_NETCDF4}) {
    const fs::path path = scratch / "weather/real/a.nc";
    fs::create_directories(path.parent_path());
    int id, dims[3], variable, axis;
    nc_create(path.c_str(), NC_CLOBBER | mode, &id);
    nc_def_dim(id, "time", 12, &dims[0]);
    nc_def_dim(id, "latitude", 3, &dims[1]);
    nc_def_dim(id, "longitude", 4, &dims[2]);
    nc_def_var(id, "wind", NC_SHORT, 3, dims, &variable);
    const double scale = 0.5;
    nc_put_att_double(id, variable, "scale_factor", NC_DOUBLE, 1, &scale);
    nc_def_var(id, "time", NC_DOUBLE, 1, dims, &axis);
    const std::string units = "seconds since 2000-01-01";
    nc_put_att_text(id, axis, "units", units.size(), units.c_str());
    if (mode == NC_NETCDF4) {  // lies in a global heap
      const char* history[] = {"measured", "interpolated"};
      nc_put_att_string(id, NC_GLOBAL, "history", 2, history);
    }
    nc_enddef(id);
    std::vector<short> values(12 * 3 * 4, 7);
    std::vector<double> times;
    for (int i = 0; i < 12; ++i) times.push_back(i);
    nc_put_var_short(id, variable, values.data());
    nc_put_var_double(id, axis, times.data());
    nc_close(id);
    out.push_back(file(scratch, "weather/real/a.nc"));
  }
  return out;
}

std::vector<Seed> arrow_seeds(const fs::path& scratch) {
  const fs::path folder = scratch / "rows";
  fs::remove_all(folder);
  write_arrow_folder(folder,
                     {{"sim_id", ArrowType::text}, {"u", ArrowType::binary}, {"shape_t", ArrowType::int32}},
                     3, 1, [](int64_t row) -> std::vector<ArrowValue> {
                       return {std::to_string(row) + ".h5", std::string(160, 'x'), row};
                     });
  return {file(scratch, "rows/data-00000-of-00001.arrow"), file(scratch, "rows/state.json")};
}

void read_arrow(const fs::path& folder, const std::string& name) {
  const bool index = name.find(".json") != std::string::npos;
  const ArrowTable table = index ? ArrowTable::open_folder(folder / "rows") : ArrowTable({folder / name});
  for (int64_t row = 0; row < std::min<int64_t>(table.rows(), 50); ++row)
    for (const auto& column : table.columns()) {
      if (!table.has(row, column)) continue;
      try {
        if (const auto bytes = table.bytes(row, column))
          if (std::count(bytes->begin(), bytes->end(), 'q') > 1'000'000'000) throw core::data_error("never");
      } catch (const core::Error&) {
        try {
          table.text(row, column);
        } catch (const core::Error&) {
          table.integer(row, column);
        }
      }
    }
}

void read_pdebench(const fs::path& folder, const std::string& name) {
  const PdebenchFile f(folder / name);
  const std::vector<int64_t> whole(f.extent().size(), -1);
  std::vector<float> buffer;
  for (int64_t sample = 0; sample < std::min<int64_t>(f.samples(), 3); ++sample) {
    for (const auto& channel : f.channels()) {
      const int64_t frames = std::min<int64_t>(f.frames(), 5);
      f.read(channel, sample, 0, frames);
      const auto [dataset, component] = f.place(channel);
      f.block(dataset, *f.open(dataset, sample), sample, 0, frames, whole, buffer);
    }
    f.times(sample);
  }
  for (size_t axis = 0; axis < f.extent().size(); ++axis) f.coordinates(axis);
}

void read_well(const fs::path& folder, const std::string& name) {
  const WellFile f(folder / name);
  const std::vector<int64_t> whole(f.dims().size(), -1);
  std::vector<float> buffer;
  for (int64_t run = 0; run < std::min<int64_t>(f.trajectories(), 2); ++run) {
    for (const auto& field : f.fields()) {
      f.read(field, run, 0, std::min<int64_t>(f.steps(), 3));
      f.block(field, run, 0, std::min<int64_t>(f.steps(), 3), whole, buffer);
    }
    for (const auto& scalar : f.scalars()) f.scalar(scalar, run, 0, std::min<int64_t>(f.steps(), 3));
    f.times(run);
    f.grid(run);
    f.boundaries(run);
  }
}

/// Index files of one side, pickled or JSON; the other files of the index are whole.
void read_index(const fs::path& folder, const std::string& name) {
  const Scenario scenario = load_scenario("combustion");
  load_split(scenario, folder, name.find("numerical") != std::string::npos ? Side::numerical : Side::real);
}

std::vector<Seed> index_seeds(const std::string& ending) {
  auto out = golden(kGolden / "datasets/realpdebench/data/combustion", {ending}, "combustion/");
  if (ending == ".json")
    for (const char* mode : {"train", "val", "test"})
      out.push_back(
          {std::string("combustion/") + mode + "_index_real.json",
           R"([{"sim_id": "40NH3_1.1.h5", "time_id": 3}, {"sim_id": "0NH3_0.75.h5", "time_id": 0}])"});
  return out;
}

void read_tensors(const fs::path& folder, const std::string& name) {
  const core::SafetensorsFile f(folder / name);
  for (const auto& tensor : f.names()) {
    const auto& view = f.at(tensor);
    if (view.type != core::DType::c64 && view.type != core::DType::c128) f.doubles(tensor);
  }
}

std::vector<Seed> scenario_seeds() {
  std::vector<Seed> out;
  for (const char* name : {"cylinder.yaml", "combustion.yaml"})
    out.push_back({name, core::read_file(fs::path(WINDTUNNEL_SOURCE) / "datasets/scenarios" / name)});
  return out;
}

}  // namespace

const std::vector<Target>& targets() {
  static const std::vector<Target> list = {
      {"hdf5", hdf5_seeds,
       [](const fs::path& folder, const std::string&) {
         const Scenario scenario = testing::toy_scenario();
         const auto store = open_trajectories(scenario, folder, Side::numerical);
         read_trajectory(*store->open("1000.h5"), scenario, Side::numerical);
       }},
      {"netcdf", netcdf_seeds,
       [](const fs::path& folder, const std::string&) {
         const Scenario scenario = weather();
         read_trajectory(*open_trajectories(scenario, folder, Side::real)->open("a.nc"), scenario,
                         Side::real);
       }},
      {"arrow", arrow_seeds, read_arrow},
      {"pdebench",
       [](const fs::path&) {
         return golden(kGolden / "datasets/pdebench", {".h5", ".hdf5"});
       },
       read_pdebench},
      {"well",
       [](const fs::path&) {
         return golden(kGolden / "datasets/the_well", {".h5", ".hdf5"});
       },
       read_well},
      {"index_pickle", [](const fs::path&) { return index_seeds(".pt"); }, read_index},
      {"index_json", [](const fs::path&) { return index_seeds(".json"); }, read_index},
      {"normalizer_cache",
       [](const fs::path&) { return golden(kGolden / "datasets/realpdebench/expected", {".pt"}); },
       [](const fs::path& folder, const std::string& name) {
         read_normalizer_cache(folder / name, name.find("max") != std::string::npos ? "range" : "gaussian");
       }},
      {"safetensors", [](const fs::path&) { return golden(kGolden / "core", {".safetensors"}); },
       read_tensors},
      {"scenario_yaml", [](const fs::path&) { return scenario_seeds(); },
       [](const fs::path& folder, const std::string& name) { load_scenario((folder / name).string()); }},
  };
  return list;
}

}  // namespace windtunnel::fuzz

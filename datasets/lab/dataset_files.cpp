#include "datasets/lab/dataset_files.h"

#include <algorithm>
#include <map>

#include "core/file.h"
#include "core/sha256.h"
#include "datasets/convert.h"
#include "datasets/split.h"

namespace windtunnel::datasets::lab {

using core::Json;
namespace fs = std::filesystem;

Json data_options(const LabOptions& options) {
  LabOptions copy = options;
  Json values = core::write_options(copy);
  for (const char* key : {"out", "threads", "size"}) values.erase(key);
  return values;
}

namespace {

/// What differs from the built-in scenario.
Json deviations(const LabOptions& o, const LabSettings& settings) {
  const auto list = configurations(settings, o.trajectories);
  const double reynolds = list[list.size() / 2].reynolds;
  const double scale = o.pixels * static_cast<double>(o.real_stride) / settings.pixels;
  // Pieces long enough for several windows, short enough that every split gets some of each trajectory.
  const int64_t horizon = o.in_step + o.out_step;
  const int64_t trunk = std::max(horizon + 2 * o.interval, std::min(o.frames / 4, 4 * horizon));
  const int64_t held_out = std::max<int64_t>(1, o.trajectories / 10);
  Json values = {
      {"name", o.scenario},
      {"origin", "virtual-lab"},
      {"synthetic", true},
      {"notes",
       "Made by the virtual laboratory: both sides are computed, none of the numbers is a measurement. Times "
       "differ between trajectories, see t in the files; dt is that of the middle one."},
      {"licence", "Apache-2.0"},
      {"formats", {"realpdebench_hdf5"}},
      {"dt", frame_interval(o, settings, reynolds) * settings.diameter / settings.velocity(reynolds)},
      {"in_frames", o.in_step},
      {"out_frames", o.out_step},
      {"interval", o.interval},
      {"trunk_length", trunk},
      {"frames", o.frames},
      {"stride", {{"real", o.real_stride}, {"numerical", o.numerical_stride}}},
      {"held_out_in_dist", o.trajectories >= 10 ? held_out : 0},
      {"held_out_out_dist", o.trajectories >= 10 ? held_out : 0},
  };
  if (!settings.body.empty())
    values["geometry"] = {{"d", o.pixels * static_cast<double>(o.real_stride)},
                          {"center_x", settings.centre.x * scale},
                          {"center_y", settings.centre.y * scale}};
  return values;
}

template <class Use>
void with_splits(const LabOptions& o, const LabSettings& settings, Use use) {
  const Scenario scenario = made_scenario(o, settings);
  std::vector<TrajectoryName> names;
  for (const auto& c : configurations(settings, o.trajectories))
    names.push_back({c.sim_id, scenario.parse_name(c.sim_id).value_or(std::vector<double>{}), o.frames});
  for (const Side side : {Side::real, Side::numerical})
    use(leak_free_split(scenario, names, side, static_cast<uint64_t>(o.seed)), side);
}

}  // namespace

Scenario made_scenario(const LabOptions& o, const LabSettings& settings) {
  return scenario_from_json(core::merged(load_scenario(o.scenario).json(), deviations(o, settings)),
                            "scenario " + o.scenario + " of the virtual laboratory");
}

void write_scenario(const LabOptions& o, const LabSettings& settings, const Scenario& written) {
  const bool native = written.formats == made_scenario(o, settings).formats;
  core::write_file_atomic(fs::path(o.out) / o.scenario / "scenario.yaml",
                          core::to_yaml(native ? deviations(o, settings) : written.json()));
}

void check_index(const LabOptions& o, const LabSettings& settings) {
  with_splits(o, settings, [](const Split&, Side) {});
}

void write_index(const LabOptions& o, const LabSettings& settings, const Scenario& written) {
  const FormatInfo& format = formats().at(written.formats.at(0));
  std::map<std::string, std::string> names;
  for (const auto& c : configurations(settings, o.trajectories))
    names[c.sim_id] = name_in_format(c.sim_id, format);
  with_splits(o, settings, [&](Split split, Side side) {
    rename_trajectories(split, names);
    write_split(split, written, o.out, side);
  });
}

int64_t write_manifest(const LabOptions& options) {
  return write_manifest(fs::path(options.out) / options.scenario, data_options(options));
}

int64_t write_manifest(const fs::path& folder, const Json& options) {
  const fs::path manifest = folder / "manifest.json";
  Json files = Json::object();
  int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path() == manifest || entry.path().extension() == ".part") continue;
    const auto size = static_cast<int64_t>(entry.file_size());
    bytes += size;
    files[entry.path().lexically_relative(folder).generic_string()] = {
        {"bytes", size}, {"sha256", core::sha256_file(entry.path())}};
  }
  const Json values = {{"origin", "virtual-lab"},
                       {"version", kLabVersion},
                       {"seed", options.at("seed")},
                       {"options", options},
                       {"files", files}};
  core::write_file_atomic(manifest, values.dump(2) + "\n");
  return bytes;
}

}  // namespace windtunnel::datasets::lab

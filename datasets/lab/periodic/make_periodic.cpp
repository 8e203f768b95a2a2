#include "datasets/lab/periodic/make_periodic.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"
#include "datasets/formats/hdf5_values.h"
#include "datasets/lab/board.h"
#include "datasets/lab/dataset_files.h"
#include "datasets/lab/periodic/system.h"
#include "datasets/lab/periodic/well_statistics.h"
#include "datasets/lab/periodic/well_writer.h"

namespace windtunnel::datasets::lab {
namespace {

namespace fs = std::filesystem;
using core::Json;
using Clock = std::chrono::steady_clock;

constexpr const char* kVersion = "virtual-lab periodic 1";

/// One trajectory to make.
struct Trajectory {
  std::string part;  ///< train | valid | test
  std::vector<double> parameters;
  int64_t number = 0;  ///< among those of the same parameters, over all parts
  fs::path path;
  std::string key;  ///< of what its bytes depend on
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

Json data_options(const PeriodicOptions& options) {
  Json values = options.values();
  for (const char* key : {"out", "threads", "size"}) values.erase(key);
  return values;
}

std::string file_name(const std::string& pattern, const Trajectory& t, const SystemInfo& info) {
  std::string name = pattern;
  const auto fill = [&](const std::string& key, const std::string& text) {
    const size_t at = name.find("{" + key + "}");
    if (at != std::string::npos) name.replace(at, key.size() + 2, text);
  };
  for (size_t i = 0; i < info.parameters.size(); ++i) fill(info.parameters[i], core::number(t.parameters[i]));
  char number[16];
  std::snprintf(number, sizeof number, "%03lld", static_cast<long long>(t.number));
  fill("n", number);
  return name;
}

std::vector<Trajectory> trajectories_of(const PeriodicOptions& options, const SystemInfo& info) {
  const std::string pattern = periodic_settings(options.scenario).at("file");
  Json values = data_options(options);
  // These decide which trajectories and windows exist, not what is in one of them.
  for (const char* k : {"train", "valid", "test", "in_step", "out_step", "interval"}) values.erase(k);
  std::vector<Trajectory> list;
  for (const auto& parameters : info.combinations(options)) {
    int64_t number = 0;
    for (const auto& [part, count] : {std::pair{"train", options.train}, std::pair{"valid", options.valid},
                                      std::pair{"test", options.test}})
      for (int64_t n = 0; n < count; ++n) {
        Trajectory t{part, parameters, number++, {}, {}};
        const std::string name = file_name(pattern, t, info);
        t.path = fs::path(options.out) / options.scenario / "data" / part / name;
        values["file"] = std::string(part) + "/" + name;
        values["number"] = t.number;
        values["version"] = kVersion;
        t.key = core::sha256(core::canonical(values));
        list.push_back(std::move(t));
      }
  }
  return list;
}

bool finished(const Trajectory& t) {
  try {
    return hdf5_attribute(Hdf5File(t.path), "/", "key").texts == std::vector<std::string>{t.key};
  } catch (const core::Error&) {
    return false;  // absent, or cut short
  }
}

WellContents contents_of(const PeriodicOptions& options, const SystemInfo& info, const Trajectory& t) {
  WellContents contents;
  contents.dataset = periodic_settings(options.scenario).at("dataset");
  contents.fields = info.fields;
  for (size_t i = 0; i < info.parameters.size(); ++i)
    contents.parameters.emplace_back(info.parameters[i], t.parameters[i]);
  for (int64_t k = 0; k < options.frames; ++k)
    contents.times.push_back(static_cast<double>(options.skip_frames + k) * options.frame_interval);
  const auto axis = [](int64_t points, double length) {
    std::vector<double> values;
    for (int64_t i = 0; i < points; ++i)
      values.push_back(static_cast<double>(i) * length / static_cast<double>(points));
    return values;
  };
  contents.x = axis(options.height, options.length_x);
  contents.y = axis(options.width, options.length_y);
  contents.notes = {{"key", t.key}, {"origin", "virtual-lab"}, {"version", kVersion}};
  return contents;
}

void require_finite(const std::vector<std::vector<float>>& fields, const Trajectory& t, int64_t frame) {
  for (const auto& field : fields)
    for (const float value : field)
      if (!std::isfinite(value))
        throw core::data_error(t.path.filename().string() + " diverged at frame " + std::to_string(frame),
                               "finite values", "use a shorter step or a larger refinement");
}

void make(const PeriodicOptions& options, const SystemInfo& info, const Trajectory& t, Board& board) {
  const auto system = info.make(options, t.parameters);
  const std::string note = t.part + "/" + t.path.filename().string();
  system->start(core::stream_seed(static_cast<uint64_t>(options.seed), t.path.filename().string()), t.number);
  core::write_atomic(t.path, [&](const fs::path& part) {
    WellWriter writer(part, contents_of(options, info, t));
    for (int64_t k = -options.skip_frames; k < options.frames; ++k) {
      if (k > -options.skip_frames) system->advance();
      if (k >= 0) {
        const auto fields = system->fields();
        require_finite(fields, t, k);
        writer.write_frame(k, fields);
      }
      board.add(1, note);
    }
    writer.close();
  });
}

void write_scenario(const PeriodicOptions& o, const SystemInfo& info) {
  const Json settings = periodic_settings(o.scenario);
  Json fields = Json::array(), parameters = Json::array();
  for (const auto& field : info.fields) {
    const bool vector = field.order == 1;
    for (const std::string& axis :
         vector ? std::vector<std::string>{"_x", "_y"} : std::vector<std::string>{""})
      fields.push_back({{"name", field.name + axis},
                        {"unit", field.unit},
                        {"label", vector ? field.name + ", " + axis.substr(1) : field.name},
                        {"latex", vector ? field.latex + "_{" + axis.substr(1) + "}" : field.latex},
                        {"sides", {"numerical"}},
                        {"source", {{"the_well", field.name + axis}}}});
  }
  for (const auto& name : info.parameters)
    parameters.push_back({{"name", name}, {"unit", "1"}, {"attribute", name}});
  const Json values = {{"name", o.scenario},
                       {"title", settings.at("title")},
                       {"origin", "virtual-lab"},
                       {"synthetic", true},
                       {"notes", "Computed by the virtual laboratory in the layout of The Well."},
                       {"licence", "Apache-2.0"},
                       {"formats", {"the_well"}},
                       {"metrics", {"the_well"}},
                       {"paired", false},
                       {"fields", fields},
                       {"parameters", parameters},
                       {"file_pattern", ".*"},
                       {"dt", o.frame_interval},
                       {"in_frames", o.in_step},
                       {"out_frames", o.out_step},
                       {"interval", o.interval},
                       {"trunk_length", o.frames},
                       {"frames", o.frames}};
  core::write_file_atomic(fs::path(o.out) / o.scenario / "scenario.yaml", core::to_yaml(values));
}

int64_t bytes_of_one(const PeriodicOptions& options, const SystemInfo& info) {
  int64_t channels = 0;
  for (const auto& field : info.fields) channels += field.order == 0 ? 1 : 2;
  return 4 * channels * options.frames * options.height * options.width + 16384;
}

/// Files of other options would silently become part of the data set.
void require_no_strangers(const fs::path& data, const std::vector<Trajectory>& list) {
  std::error_code code;
  for (const auto& entry : fs::recursive_directory_iterator(data, code)) {
    const auto extension = entry.path().extension();
    if (extension != ".h5" && extension != ".hdf5") continue;
    if (std::none_of(list.begin(), list.end(), [&](const auto& t) { return t.path == entry.path(); }))
      throw core::usage_error(entry.path().string() + " is not of the data set to make",
                              "a folder with files of the same options only",
                              "remove it or choose another --out");
  }
}

void require_space(const fs::path& folder, int64_t needed) {
  std::error_code code;
  const auto space = fs::space(folder, code);
  if (!code && static_cast<int64_t>(space.available) < needed)
    throw core::environment_error(
        folder.string() + ": " + std::to_string(space.available / 1000000) + " MB free",
        std::to_string(needed / 1000000) + " MB", "free disk space, choose another folder or fewer frames");
}

}  // namespace

LabEstimate estimate(const PeriodicOptions& options) {
  const SystemInfo& info = periodic_systems().at(options.scenario);
  const auto list = trajectories_of(options, info);
  const auto probe = options.clone();
  LabEstimate e;
  double steps = 0;
  for (const auto& parameters : info.combinations(options))
    steps += static_cast<double>(info.make(options, parameters)->steps_per_frame() * options.trajectories() *
                                 (options.frames + options.skip_frames));
  // One solver step per frame: what a step costs does not depend on its length.
  probe->frame_interval = probe->step = 1e-6;
  const auto system = info.make(*probe, list.front().parameters);
  system->start(0, 0);
  system->advance();
  const auto begin = Clock::now();
  int64_t count = 0;
  for (; count < 3 || seconds_since(begin) < 0.05; ++count) system->advance();
  e.core_seconds = steps * seconds_since(begin) / static_cast<double>(count);
  const int64_t threads = threads_for(options.threads, list.size());
  e.seconds = e.core_seconds / static_cast<double>(threads);
  e.bytes = bytes_of_one(options, info) * static_cast<int64_t>(list.size());
  e.text = std::to_string(list.size()) + " trajectories of " + std::to_string(options.frames) +
           " frames of " + options.scenario + ": about " + readable_seconds(e.seconds) + " on " +
           std::to_string(threads) + " threads, " + readable_bytes(static_cast<double>(e.bytes)) + " on disk";
  return e;
}

LabReport make_periodic(const PeriodicOptions& options, const LabControl& control) {
  const auto begin = Clock::now();
  if (options.out.empty()) throw core::usage_error("no folder for the data", "option out");
  const SystemInfo& info = periodic_systems().at(options.scenario);
  auto list = trajectories_of(options, info);
  LabReport report;
  report.folder = fs::path(options.out) / options.scenario;
  require_no_strangers(report.folder / "data", list);
  std::vector<fs::path> training;
  for (const auto& t : list) {
    core::make_folder(t.path.parent_path());
    if (t.part == "train") training.push_back(t.path);
  }
  write_scenario(options, info);
  report.kept = std::erase_if(list, finished);
  report.made = static_cast<int64_t>(list.size());
  require_space(report.folder, bytes_of_one(options, info) * report.made);
  Board board(control, static_cast<double>(
                           std::max<int64_t>(1, report.made * (options.frames + options.skip_frames))));
  board.work(threads_for(options.threads, list.size()), list.size(),
             [&](size_t i) { make(options, info, list[i], board); });
  board.finish();
  core::write_file_atomic(report.folder / "stats.yaml", core::to_yaml(well_statistics(training)));
  report.bytes = write_manifest(report.folder, data_options(options));
  report.seconds = seconds_since(begin);
  return report;
}

}  // namespace windtunnel::datasets::lab

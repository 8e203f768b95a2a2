#include "datasets/convert.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "datasets/formats/writers.h"
#include "datasets/split.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

/// Where a field goes in a format for which the scenario names no place.
std::string default_place(const std::string& format, const std::string& field) {
  std::string name = field;
  for (char& c : name)
    if (std::string("[]:/@ ").find(c) != std::string::npos) c = '_';
  return format == "realpdebench_hdf5" ? "measured_data/" + name : name;
}

/// A pattern for the new names: an extension that it ends with is replaced.
std::string renamed_pattern(const std::string& pattern, const std::string& extension) {
  for (const char* known : {"\\.h5", "\\.hdf5", "\\.nc", "\\.nc4", "\\.cdf"})
    if (pattern.ends_with(known))
      return pattern.substr(0, pattern.size() - std::string(known).size()) + "\\" + extension;
  return pattern;
}

}  // namespace

Scenario in_format(const Scenario& scenario, const FormatInfo& format, bool parts) {
  Scenario to = scenario;
  to.formats = {format.name};
  to.folders.clear();
  if (const auto it = scenario.folders.find("surrogate"); it != scenario.folders.end())
    to.folders.insert(*it);
  if (!parts) {
    to.file_pattern = renamed_pattern(to.file_pattern, format.extension);
    for (auto& [side, pattern] : to.patterns) pattern = renamed_pattern(pattern, format.extension);
  }
  for (auto& parameter : to.parameters)
    if (!parameter.attribute.empty())
      throw usage_error(
          "parameter '" + parameter.name + "' of scenario '" + scenario.name + "' is inside the files",
          "parameters in the file names, which every format keeps");
  for (auto& field : to.fields)
    for (const Side side : field.sides)
      field.source[format.name].emplace(side, default_place(format.name, field.name));
  return to;
}

std::string name_in_format(const std::string& id, const FormatInfo& format) {
  std::string name = id;
  for (const char* known : {".h5", ".hdf5", ".nc", ".nc4", ".cdf"})
    if (name.ends_with(known)) {
      name.erase(name.size() - std::string(known).size());
      break;
    }
  for (char& c : name)
    if (c == '/' || c == '#') c = '_';
  return name + format.extension;
}

void rename_trajectories(Split& split, const std::map<std::string, std::string>& names) {
  for (auto* windows : {&split.train, &split.val, &split.test})
    for (auto& window : *windows)
      if (const auto it = names.find(window.trajectory); it != names.end()) window.trajectory = it->second;
  for (auto* group : {&split.in_dist, &split.out_dist, &split.remain})
    for (auto& name : *group)
      if (const auto it = names.find(name.id); it != names.end()) name.id = it->second;
}

std::vector<int64_t> fields_on(const Scenario& scenario, Side side) {
  std::vector<int64_t> fields;
  for (int64_t i = 0; i < scenario.channels(); ++i)
    if (scenario.fields[static_cast<size_t>(i)].on(side)) fields.push_back(i);
  return fields;
}

int64_t parse_size(const std::string& text) {
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto r = std::from_chars(text.data(), end, number);
  const std::map<std::string, int64_t> units = {{"KB", 1000}, {"MB", 1000'000}, {"GB", 1000'000'000}};
  const auto unit = units.find(std::string(r.ptr, end));
  if (r.ec != std::errc() || number < 1 || unit == units.end() || number > (int64_t{1} << 62) / unit->second)
    throw usage_error("size '" + text + "'", "a whole number with a unit, such as 500MB (KB, MB or GB)");
  return number * unit->second;
}

Converted convert(const Scenario& scenario, const fs::path& root, const fs::path& out,
                  const ConvertOptions& options) {
  const FormatInfo& format = formats().at(options.format);
  if (!format.write) {
    std::vector<std::string> writable;
    for (const auto& name : formats().names())
      if (formats().at(name).write) writable.push_back(name);
    throw usage_error("format '" + format.name + "' is only read", "one of " + core::join(writable, ", "));
  }
  std::vector<Side> sides = options.sides;
  for (const Side side : {Side::real, Side::numerical}) {
    if (!options.sides.empty() || !scenario.has_side(side)) continue;
    const bool there = std::any_of(scenario.formats.begin(), scenario.formats.end(), [&](const auto& name) {
      return formats().at(name).detect(scenario, root, side);
    });
    if (there) sides.push_back(side);
  }
  if (sides.empty())
    throw data_error("no trajectories of scenario '" + scenario.name + "' in " + scenario.home(root).string(),
                     "data of at least one side");
  std::map<Side, std::unique_ptr<TrajectoryStore>> stores;
  bool parts = false;  // trajectories that are parts of files
  for (const Side side : sides) {
    const auto ids = (stores[side] = open_trajectories(scenario, root, side))->ids();
    parts =
        parts || std::any_of(ids.begin(), ids.end(), [](const auto& id) { return id.find('#') != id.npos; });
  }
  const Scenario to = in_format(scenario, format, parts);
  for (const Side side : sides)
    if (format.detect(to, out, side))
      throw usage_error(to.home(out).string() + " holds " + format.name + " data of the " + to_string(side) +
                            " side already",
                        "an empty folder");

  Converted result;
  for (const Side side : sides) {
    const auto& store = stores.at(side);
    ConvertJob job{scenario, to, side, *store, {}, out, options.shard_bytes};
    std::map<std::string, std::string> names;
    std::set<std::string> taken;
    for (const auto& id : store->ids()) {
      if (!scenario.parse_name(id, side)) continue;
      const std::string name = name_in_format(id, format);
      if (to.parse_name(name, side) != scenario.parse_name(id, side))
        throw usage_error(
            "trajectory '" + id + "' would become '" + name + "', which does not match " + to.pattern(side),
            "a file_pattern that does not depend on the end of the name");
      if (!taken.insert(name).second)
        throw data_error("trajectories of " + scenario.home(root).string() + " would share the name " + name,
                         "names that stay different");
      names[id] = name;
      job.ids.emplace_back(id, name);
    }
    std::sort(job.ids.begin(), job.ids.end(),
              [](const auto& a, const auto& b) { return a.second < b.second; });
    core::make_folder(to.home(out));
    format.write(job);
    result.trajectories += static_cast<int64_t>(job.ids.size());
    if (!job.ids.empty())
      if (auto unnamed = store->open(job.ids.front().first)->unnamed(); !unnamed.empty())
        result.left_behind[side] = std::move(unnamed);

    std::optional<Split> split;
    if (has_split(scenario, root, side))
      split = load_split(scenario, root, side);
    else
      split = store->own_split("corrected");
    if (!split) continue;
    rename_trajectories(*split, names);
    write_split(*split, to, out, side);
  }
  core::write_file_atomic(to.home(out) / "scenario.yaml", core::to_yaml(to.json()));
  return result;
}

}  // namespace windtunnel::datasets

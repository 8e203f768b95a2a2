#include <array>
#include <fstream>

#include "core/error.h"
#include "core/file.h"
#include "core/torch_file.h"
#include "datasets/split.h"

namespace windtunnel::datasets {

using core::Json;
namespace fs = std::filesystem;

namespace {

constexpr std::array<const char*, 3> kModes = {"train", "val", "test"};
constexpr std::array<const char*, 3> kGroups = {"in_dist_test_params", "out_dist_test_params",
                                                "remain_params"};

std::array<std::vector<WindowRef>*, 3> windows_of(Split& split) {
  return {&split.train, &split.val, &split.test};
}
std::array<std::vector<TrajectoryName>*, 3> groups_of(Split& split) {
  return {&split.in_dist, &split.out_dist, &split.remain};
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

fs::path index_file(const fs::path& folder, const char* mode, Side side) {
  return folder / (std::string(mode) + "_index_" + to_string(side) + ".json");
}

fs::path sided(const fs::path& folder, const std::string& stem, Side side, const char* extension) {
  return folder / (stem + "_" + to_string(side) + extension);
}

/// The folder whose JSON index files are used, or nothing.
fs::path json_folder(const fs::path& folder, Side side) {
  for (const char* mode : kModes)
    if (is_there(index_file(folder, mode, side))) return folder;
  return {};
}

std::vector<WindowRef> read_index_json(const fs::path& path) {
  const Json list = core::read_json(path.string());
  if (!list.is_array())
    throw data_error(path.string() + " is not a list", R"([{"sim_id": text, "time_id": integer}])");
  std::vector<WindowRef> windows;
  for (size_t i = 0; i < list.size(); ++i) {
    const Json& entry = list[i];
    if (!entry.is_object() || !entry.contains("sim_id") || !entry["sim_id"].is_string() ||
        !entry.contains("time_id") || !entry["time_id"].is_number_integer())
      throw data_error(path.string() + ": entry " + std::to_string(i) + " is " + entry.dump(),
                       R"({"sim_id": text, "time_id": integer})");
    windows.push_back({entry["sim_id"].get<std::string>(), entry["time_id"].get<int64_t>()});
  }
  return windows;
}

void read_mappings(const fs::path& folder, Side side, Split& split) {
  const fs::path id_path = sided(folder, "sim_id_mapping", side, ".pt");
  const fs::path time_path = sided(folder, "time_id_mapping", side, ".pt");
  const core::TorchFile ids(id_path), times(time_path);
  const auto lists = windows_of(split);
  for (size_t m = 0; m < kModes.size(); ++m) {
    const auto id_list = ids.root().find(kModes[m]), time_list = times.root().find(kModes[m]);
    if (!id_list || !time_list)
      throw data_error((id_list ? time_path : id_path).string() + " has no entry '" + kModes[m] + "'",
                       "a dictionary of train, val and test");
    const auto& id_items = id_list->list().items;
    const auto& time_items = time_list->list().items;
    if (id_items.size() != time_items.size())
      throw data_error(id_path.string() + " has " + std::to_string(id_items.size()) + " " + kModes[m] +
                           " windows, " + time_path.string() + " has " + std::to_string(time_items.size()),
                       "lists of equal length");
    for (size_t i = 0; i < id_items.size(); ++i)
      lists[m]->push_back({id_items[i]->text(), time_items[i]->integer()});
  }
  split.origin = id_path.string() + ", " + time_path.string();
}

std::vector<TrajectoryName> read_group_json(const fs::path& path, const Scenario& scenario, Side side) {
  const Json object = core::read_json(path.string());
  if (!object.is_object()) throw data_error(path.string() + " is not an object", "trajectory names as keys");
  std::vector<TrajectoryName> names;
  for (const auto& [id, parameters] : object.items())
    names.push_back({id, scenario.parse_name(id, side).value_or(std::vector<double>()), 0});
  return names;
}

std::vector<TrajectoryName> read_group_pt(const fs::path& path, const Scenario& scenario, Side side) {
  const core::TorchFile file(path);
  std::vector<TrajectoryName> names;
  for (const auto& [key, value] : file.root().dict().items)
    names.push_back({key->text(), scenario.parse_name(key->text(), side).value_or(std::vector<double>()), 0});
  return names;
}

}  // namespace

bool has_split(const Scenario& scenario, const fs::path& root, Side side) {
  const fs::path home = scenario.home(root);
  return !json_folder(home, side).empty() || is_there(sided(home, "sim_id_mapping", side, ".pt")) ||
         is_there(sided(home, "time_id_mapping", side, ".pt")) ||
         !json_folder(home / "hf_dataset", side).empty();
}

Split load_split(const Scenario& scenario, const fs::path& root, Side side) {
  const fs::path home = scenario.home(root);
  Split split;
  fs::path folder = json_folder(home, side);
  const bool mapped = is_there(sided(home, "sim_id_mapping", side, ".pt"));
  if (folder.empty() && !mapped) folder = json_folder(home / "hf_dataset", side);
  if (!folder.empty()) {
    const auto lists = windows_of(split);
    for (size_t m = 0; m < kModes.size(); ++m)
      if (const fs::path path = index_file(folder, kModes[m], side); is_there(path))
        *lists[m] = read_index_json(path);
    split.origin = (folder / (std::string("*_index_") + to_string(side) + ".json")).string();
  } else if (mapped) {
    read_mappings(home, side, split);
  } else {
    throw data_error(
        home.string() + " has no index files for the " + to_string(side) + " side",
        index_file(home, "train", side).filename().string() + " or " +
            sided(home, "sim_id_mapping", side, ".pt").filename().string(),
        "create them with `windtunnel data split`, or use the corrected protocol, which makes a split");
  }
  const auto groups = groups_of(split);
  for (size_t g = 0; g < kGroups.size(); ++g) {
    const fs::path json = sided(home, kGroups[g], side, ".json"), pt = sided(home, kGroups[g], side, ".pt");
    if (is_there(json))
      *groups[g] = read_group_json(json, scenario, side);
    else if (is_there(pt))
      *groups[g] = read_group_pt(pt, scenario, side);
    else if (split.missing_group.empty())
      split.missing_group = json.string();
  }
  return split;
}

void write_split(const Split& split, const Scenario& scenario, const fs::path& root, Side side) {
  const fs::path home = scenario.home(root);
  core::make_folder(home);
  Split copy = split;
  const auto lists = windows_of(copy);
  for (size_t m = 0; m < kModes.size(); ++m) {
    Json list = Json::array();
    for (const auto& w : *lists[m]) list.push_back({{"sim_id", w.trajectory}, {"time_id", w.time}});
    core::write_file_atomic(index_file(home, kModes[m], side), list.dump() + "\n");
  }
  const auto groups = groups_of(copy);
  for (size_t g = 0; g < kGroups.size(); ++g) {
    Json object = Json::object();
    for (const auto& name : *groups[g]) {
      Json values = Json::array();
      for (size_t p = 0; p < name.parameters.size(); ++p) {
        const bool whole = p < scenario.parameters.size() && scenario.parameters[p].type == "int";
        values.push_back(whole ? Json(static_cast<int64_t>(name.parameters[p])) : Json(name.parameters[p]));
      }
      object[name.id] = values;
    }
    core::write_file_atomic(sided(home, kGroups[g], side, ".json"), object.dump(2) + "\n");
  }
}

}  // namespace windtunnel::datasets

#include "datasets/fetch/reduce.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace windtunnel::datasets::fetch {

namespace fs = std::filesystem;
using core::Json;

namespace {

constexpr const char* kModes[] = {"train", "val", "test"};

std::string index_path(const std::string& scenario, const std::string& mode, const std::string& side) {
  return scenario + "/" + mode + "_index_" + side + ".json";
}

Json without(const Json& index, const std::set<std::string>& ids, const fs::path& path) {
  Json kept = Json::array();
  for (const auto& entry : index) {
    if (!entry.is_object() || !entry.contains("sim_id") || !entry["sim_id"].is_string())
      throw data_error(path.string() + " is not an index of windows", "a list of {sim_id, time_id}");
    if (ids.count(entry["sim_id"].get<std::string>())) kept.push_back(entry);
  }
  return kept;
}

void apply(const fs::path& folder, const Reduction& r, Manifest& manifest) {
  const std::string home = r.scenario + "/hf_dataset/";
  if (const std::string state = home + r.side + "/state.json";
      !r.shards.empty() && fs::exists(folder / state)) {
    Json value = core::read_json((folder / state).string());
    Json list = Json::array();
    for (const auto& name : r.shards) list.push_back({{"filename", name}});
    value["_data_files"] = list;
    core::write_file_atomic(folder / state, value.dump(2) + "\n");
    manifest.record_made(state);
  }
  const std::set<std::string> ids(r.ids.begin(), r.ids.end());
  for (const char* mode : kModes) {
    const fs::path source = folder / (home + mode + "_index_" + r.side + ".json");
    if (!fs::exists(source)) continue;
    const std::string target = index_path(r.scenario, mode, r.side);
    core::write_file_atomic(folder / target,
                            without(core::read_json(source.string()), ids, source).dump() + "\n");
    manifest.record_made(target);
  }
}

}  // namespace

void reduce(const fs::path& folder, const std::vector<RemoteFile>& files,
            const std::vector<Reduction>& reductions, Manifest& manifest) {
  const auto reduced = [&](const std::string& scenario, const std::string& side) {
    return std::any_of(reductions.begin(), reductions.end(),
                       [&](const Reduction& r) { return r.scenario == scenario && r.side == side; });
  };
  const auto complete = [&](const std::string& scenario, const std::string& side) {
    const std::string shards = scenario + "/hf_dataset/" + side + "/";
    return !reduced(scenario, side) && std::any_of(files.begin(), files.end(), [&](const RemoteFile& f) {
      return is_data(f.path) && f.path.rfind(shards, 0) == 0;
    });
  };
  for (const auto& path : manifest.made()) {
    const std::string scenario = path.substr(0, path.find('/'));
    for (const char* side : {"real", "numerical"})
      for (const char* mode : kModes)
        if (path == index_path(scenario, mode, side) && complete(scenario, side)) {
          std::error_code ignored;
          fs::remove(folder / path, ignored);
          manifest.forget_made(path);
        }
  }
  for (const auto& r : reductions) apply(folder, r, manifest);
}

}  // namespace windtunnel::datasets::fetch

#include "datasets/fetch/selection.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace windtunnel::datasets::fetch {

using core::Json;

namespace {

constexpr const char* kEverywhere[] = {"README.md", "version.json"};

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// Patterns below a scenario's folder.
std::vector<std::string> small_patterns(const std::string& side) {
  return {"channels.json",
          "scenario.yaml",
          "*_params_" + side + ".json",
          "*_params_" + side + ".pt",
          "*_mapping_" + side + ".pt",
          "*_index_" + side + ".json",
          "hf_dataset/" + side + "/state.json",
          "hf_dataset/" + side + "/dataset_info.json"};
}

const std::vector<std::string> kSurrogate = {"hf_dataset/surrogate_train/*", "hf_dataset/surrogate_train_*",
                                             "real_surrogate_train/*", "numerical_surrogate_train/*"};

class Chooser {
 public:
  Chooser(const std::vector<RemoteFile>& listing, const Selection& selection,
          const std::function<std::string(const RemoteFile&)>& text)
      : listing_(listing), selection_(selection), text_(text) {
    for (const auto& file : listing)
      if (const size_t slash = file.path.find('/'); slash != std::string::npos)
        known_.insert(file.path.substr(0, slash));
  }

  Chosen run() {
    for (const char* name : kEverywhere) take(name);
    const bool all = selection_.scenarios == std::vector<std::string>{"all"};
    const bool none = selection_.scenarios.empty();
    if (none && !selection_.files.empty())
      for (const auto& file : listing_) chosen_.insert(file.path);
    for (const auto& name :
         all || none ? std::vector<std::string>(known_.begin(), known_.end()) : selection_.scenarios) {
      if (!known_.count(name))
        throw usage_error("the repository has no scenario '" + name + "'", "one of its folders, or all",
                          core::suggestion(name, {known_.begin(), known_.end()}));
      for (const auto& side : selection_.sides) {
        for (const auto& pattern : small_patterns(side)) take(name + "/" + pattern);
        if (!none) take_side(name, side);
      }
      if (selection_.surrogate && !none)
        for (const auto& pattern : kSurrogate) take(name + "/" + pattern);
    }
    return ordered();
  }

 private:
  void take(const std::string& pattern) {
    for (const auto& file : listing_)
      if (matches(pattern, file.path)) chosen_.insert(file.path);
  }

  std::vector<const RemoteFile*> below(const std::string& folder, const std::string& ending) const {
    std::vector<const RemoteFile*> list;
    for (const auto& file : listing_)
      if (file.path.rfind(folder, 0) == 0 && file.path.find('/', folder.size()) == std::string::npos &&
          ends_with(file.path, ending))
        list.push_back(&file);
    return list;
  }

  void take_side(const std::string& scenario, const std::string& side) {
    const auto shards = below(scenario + "/hf_dataset/" + side + "/", ".arrow");
    if (!shards.empty()) return take_shards(scenario, side, shards);
    auto files = below(scenario + "/" + side + "/", ".h5");
    const auto beside = below(scenario + "/surrogate/", ".h5");  // a channel of the numerical side
    Reduction reduction{scenario, side, {}, {}};
    const bool limited =
        selection_.trajectories > 0 && selection_.trajectories < static_cast<int64_t>(files.size());
    if (limited) files.resize(static_cast<size_t>(selection_.trajectories));
    std::set<std::string> names;
    for (const auto* file : files) {
      chosen_.insert(file->path);
      names.insert(file_name(file->path));
    }
    if (side == "numerical")
      for (const auto* file : beside)
        if (names.count(file_name(file->path))) chosen_.insert(file->path);
    if (!limited) return;
    reduction.ids.assign(names.begin(), names.end());
    reductions_.push_back(reduction);
  }

  void take_shards(const std::string& scenario, const std::string& side,
                   const std::vector<const RemoteFile*>& shards) {
    if (selection_.trajectories <= 0) {
      for (const auto* shard : shards) chosen_.insert(shard->path);
      return;
    }
    const auto ids = row_ids(scenario, side);
    const size_t n = shards.size(), rows = ids.size(), wanted = static_cast<size_t>(selection_.trajectories);
    if (rows < n)
      throw data_error("cannot tell which shard of " + scenario + "/" + side + " holds which trajectory: " +
                           std::to_string(rows) + " ids for " + std::to_string(n) + " shards",
                       "parameter or index files that name every trajectory",
                       "choose shards by name with --files");
    Reduction reduction{scenario, side, {}, {}};
    // Contiguous runs of rows; the first (rows mod n) shards have one more.
    size_t row = 0;
    for (size_t k = 0; k < n && row < wanted; ++k) {
      const size_t count = rows / n + (k < rows % n ? 1 : 0);
      for (size_t i = 0; i < count; ++i) reduction.ids.push_back(ids[row + i]);
      row += count;
      chosen_.insert(shards[k]->path);
      reduction.shards.push_back(file_name(shards[k]->path));
    }
    if (reduction.shards.size() < n) reductions_.push_back(reduction);
  }

  const RemoteFile* find(const std::string& path) const {
    const auto it =
        std::find_if(listing_.begin(), listing_.end(), [&](const auto& f) { return f.path == path; });
    return it == listing_.end() ? nullptr : &*it;
  }

  /// Ids of the rows in order: all that the parameter files name, or else the index files, sorted by bytes.
  std::vector<std::string> row_ids(const std::string& scenario, const std::string& side) const {
    std::set<std::string> ids;
    for (const char* group : {"in_dist_test", "out_dist_test", "remain"})
      if (const auto* file = find(scenario + "/" + group + "_params_" + side + ".json")) {
        const Json value = core::parse_json(text_(*file), file->path);
        if (!value.is_object()) throw data_error(file->path + " is not an object", "id -> parameters");
        for (const auto& [id, parameters] : value.items()) ids.insert(id);
      }
    if (ids.empty())
      for (const char* mode : {"train", "val", "test"})
        if (const auto* file = find(scenario + "/hf_dataset/" + mode + "_index_" + side + ".json")) {
          const Json value = core::parse_json(text_(*file), file->path);
          for (const auto& entry : value)
            if (entry.is_object() && entry.contains("sim_id") && entry["sim_id"].is_string())
              ids.insert(entry["sim_id"].get<std::string>());
        }
    return {ids.begin(), ids.end()};
  }

  Chosen ordered() {
    const auto any = [](const std::vector<std::string>& patterns, const std::string& path) {
      return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return matches(p, path); });
    };
    Chosen out;
    out.reductions = std::move(reductions_);
    const auto everywhere = [](const std::string& path) {
      return std::find(std::begin(kEverywhere), std::end(kEverywhere), path) != std::end(kEverywhere);
    };
    bool some = false;
    for (const auto& file : listing_) {
      if (!chosen_.count(file.path) || any(selection_.exclude, file.path)) continue;
      if (!selection_.files.empty() && !any(selection_.files, file.path) && !everywhere(file.path)) continue;
      out.files.push_back(file);
      some = some || selection_.files.empty() || any(selection_.files, file.path);
    }
    if (!some)
      throw usage_error("no file of the repository matches " + core::join(selection_.files, ", "),
                        "patterns such as 'cylinder/hf_dataset/real/*'");
    std::stable_sort(out.files.begin(), out.files.end(), [](const RemoteFile& a, const RemoteFile& b) {
      const auto rank = [](const std::string& path) {
        return path == "version.json" ? 0 : is_data(path) ? 2 : 1;
      };
      return rank(a.path) < rank(b.path);
    });
    return out;
  }

  const std::vector<RemoteFile>& listing_;
  const Selection& selection_;
  const std::function<std::string(const RemoteFile&)>& text_;
  std::set<std::string> known_, chosen_;
  std::vector<Reduction> reductions_;
};

}  // namespace

bool matches(const std::string& pattern, const std::string& path) {
  return ::fnmatch(pattern.c_str(), path.c_str(), 0) == 0;
}

bool is_data(const std::string& path) { return ends_with(path, ".arrow") || ends_with(path, ".h5"); }

Chosen choose(const std::vector<RemoteFile>& listing, const Selection& selection,
              const std::function<std::string(const RemoteFile&)>& text) {
  return Chooser(listing, selection, text).run();
}

}  // namespace windtunnel::datasets::fetch

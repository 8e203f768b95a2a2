#include "datasets/inspect.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "datasets/dataset.h"

namespace windtunnel::datasets {

using core::Json;
namespace fs = std::filesystem;

namespace {

constexpr int64_t kSampledFrames = 16;  // per trajectory, for the ranges
constexpr int64_t kChunk = 64;          // frames read at once
constexpr Side kSides[] = {Side::real, Side::numerical};

std::vector<int64_t> fields_on(const Scenario& scenario, Side side) {
  std::vector<int64_t> fields;
  for (int64_t i = 0; i < scenario.channels(); ++i)
    if (scenario.fields[static_cast<size_t>(i)].on(side)) fields.push_back(i);
  return fields;
}

bool is_there(const Scenario& scenario, const fs::path& root, Side side) {
  std::error_code ignored;
  return fs::exists(scenario.folder(root, to_string(side)), ignored) ||
         std::any_of(scenario.formats.begin(), scenario.formats.end(), [&](const auto& name) {
           return formats().contains(name) && formats().at(name).detect(scenario, root, side);
         });
}

struct Extent {
  float low = std::numeric_limits<float>::infinity(), high = -std::numeric_limits<float>::infinity();
  double sum = 0;
  int64_t count = 0;

  void add(float value) {
    low = std::min(low, value);
    high = std::max(high, value);
    sum += value;
    ++count;
  }
};

void add_frames(const core::Array& frames, std::vector<Extent>& extents) {
  for (size_t k = 0; k < frames.data.size(); ++k) extents[k % extents.size()].add(frames.data[k]);
}

Json parameters_json(const Scenario& scenario, const std::vector<double>& values) {
  Json out = Json::object();
  for (size_t i = 0; i < std::min(values.size(), scenario.parameters.size()); ++i)
    out[scenario.parameters[i].name] = values[i];
  return out;
}

Json split_json(const Scenario& scenario, const fs::path& root, Side side, const TrajectoryStore& store,
                const std::vector<TrajectoryName>& names) {
  const auto own = has_split(scenario, root, side) ? std::optional(load_split(scenario, root, side))
                                                   : store.own_split("corrected");
  const bool stored = own.has_value();
  const Split split = stored ? *own : leak_free_split(scenario, names, side, 0);
  const int64_t frames = scenario.in_frames + scenario.out_frames;
  return {{"origin", split.origin},
          {"stored", stored},
          {"sha256", sha256(split)},
          {"train", split.train.size()},
          {"val", split.val.size()},
          {"test", split.test.size()},
          {"trajectories",
           {{"in_dist", split.in_dist.size()},
            {"out_dist", split.out_dist.size()},
            {"remain", split.remain.size()}}},
          {"windows_sharing_frames",
           {{"train_with_test", shared_frames(split.train, split.test, frames)},
            {"train_with_val", shared_frames(split.train, split.val, frames)},
            {"val_with_test", shared_frames(split.val, split.test, frames)}}}};
}

Json describe_side(const fs::path& root, const Scenario& scenario, Side side, bool ranges, Json& fields) {
  std::string format;
  const auto store = open_trajectories(scenario, root, side, &format);
  const auto names = list_trajectories(scenario, root, side);
  const std::vector<int64_t> present = fields_on(scenario, side);
  std::vector<Extent> extents(present.size());
  Json list = Json::array();
  int64_t stride = scenario.side_stride(side), height = 0, width = 0, frames = 0;
  core::Progress progress(std::string("reading ") + to_string(side), static_cast<int64_t>(names.size()));
  for (const auto& name : names) {
    const auto t = store->open(name.id);
    list.push_back({{"id", name.id},
                    {"parameters", parameters_json(scenario, name.parameters)},
                    {"frames", t->frames()},
                    {"height", t->height()},
                    {"width", t->width()}});
    height = t->height();
    width = t->width();
    frames += t->frames();
    if (ranges)
      for (int64_t k = 0; k < std::min(kSampledFrames, t->frames()); ++k) {
        const int64_t frame =
            k * (t->frames() - 1) / std::max<int64_t>(1, std::min(kSampledFrames, t->frames()) - 1);
        add_frames(t->read(present, frame, frame + 1), extents);
      }
    progress.update(static_cast<int64_t>(list.size()));
  }
  if (ranges)
    for (size_t i = 0; i < present.size(); ++i)
      fields[static_cast<size_t>(present[i])]["range"][to_string(side)] = {
          {"min", extents[i].low},
          {"max", extents[i].high},
          {"mean", extents[i].sum / static_cast<double>(extents[i].count)},
          {"frames_read", extents[i].count / (height * width)}};
  return {{"format", format},
          {"folder", scenario.folder(root, to_string(side)).string()},
          {"trajectories", list},
          {"frames", frames},
          {"stored_grid", {height, width}},
          {"stride", stride},
          {"delivered_grid", {(height + stride - 1) / stride, (width + stride - 1) / stride}},
          {"split", split_json(scenario, root, side, *store, names)}};
}

/// Collects findings about one data set.
class Verifier {
 public:
  Verifier(const fs::path& root, const Scenario& scenario) : root_(root), scenario_(scenario) {}

  std::vector<Finding> run() {
    std::vector<Side> there;
    for (const Side side : kSides)
      if (scenario_.has_side(side) && is_there(scenario_, root_, side)) there.push_back(side);
    for (const Side side : kSides) {
      if (!scenario_.has_side(side)) continue;
      // One side alone is enough for some tasks.
      if (!there.empty() && !is_there(scenario_, root_, side))
        warn(to_string(side), "no folder " + scenario_.folder(root_, to_string(side)).string());
      else
        guarded(to_string(side), [&] { check_side(side); });
    }
    check_pairs();
    guarded("manifest.json", [&] { check_manifest(); });
    return std::move(findings_);
  }

 private:
  void error(const std::string& place, const std::string& message) {
    findings_.push_back({"error", place, message});
  }
  void warn(const std::string& place, const std::string& message) {
    findings_.push_back({"warning", place, message});
  }

  template <class Check>
  void guarded(const std::string& place, Check check) {
    try {
      check();
    } catch (const core::Error& e) {
      error(place, e.found() + (e.expected().empty() ? "" : "; expected: " + e.expected()));
    }
  }

  void check_side(Side side) {
    const auto store = open_trajectories(scenario_, root_, side);
    const std::string label = to_string(side);
    auto& ids = ids_[side];
    for (const auto& id : store->ids()) {
      if (scenario_.parse_name(id, side))
        ids.push_back(id);
      else if (scenario_.strict_names)
        error(label + "/" + id, "the name does not match " + scenario_.file_pattern);
    }
    if (ids.empty()) error(label, "no file is named like a trajectory: " + scenario_.file_pattern);
    std::map<std::string, int64_t> frames;
    std::map<std::string, std::string> contents;
    core::Shape grid;
    core::Progress progress("checking " + label, static_cast<int64_t>(ids.size()));
    int64_t done = 0;
    for (const auto& id : ids) {
      guarded(label + "/" + id, [&] {
        const auto t = store->open(id);
        frames[id] = t->frames();
        check_trajectory(*t, side, label + "/" + id, grid, contents);
      });
      progress.update(++done);
    }
    guarded(label + " split", [&] { check_split(side, *store, frames); });
  }

  void check_trajectory(const Trajectory& t, Side side, const std::string& place, core::Shape& grid,
                        std::map<std::string, std::string>& contents) {
    if (grid.empty()) grid = {t.height(), t.width()};
    if (grid != core::Shape{t.height(), t.width()})
      error(place, "grid " + core::to_string({t.height(), t.width()}) + "; the first trajectory has " +
                       core::to_string(grid));
    if (t.frames() < scenario_.in_frames + scenario_.out_frames)
      error(place, std::to_string(t.frames()) + " frames hold no window");
    else if (t.frames() < scenario_.frames)
      warn(place, std::to_string(t.frames()) + " frames; the scenario counts on " +
                      std::to_string(scenario_.frames));
    const std::vector<int64_t> present = fields_on(scenario_, side);
    std::vector<Extent> extents(present.size());
    core::Sha256 hash;
    for (int64_t begin = 0; begin < t.frames(); begin += kChunk) {
      const auto frames = t.read(present, begin, std::min(begin + kChunk, t.frames()));
      add_frames(frames, extents);
      hash.update(frames.data.data(), frames.data.size() * sizeof(float));
    }
    for (size_t i = 0; i < present.size(); ++i)
      if (extents[i].low == extents[i].high)
        warn(place, "field '" + scenario_.fields[static_cast<size_t>(present[i])].name + "' is constant");
    const auto [first, fresh] = contents.emplace(hash.hex(), place);
    if (!fresh) error(place, "the same values as " + first->second);
  }

  void check_split(Side side, const TrajectoryStore& store, const std::map<std::string, int64_t>& frames) {
    const std::string label = to_string(side);
    const auto stored = has_split(scenario_, root_, side) ? std::optional(load_split(scenario_, root_, side))
                                                          : store.own_split("corrected");
    if (!stored) {
      warn(label, "no index files; the corrected protocol makes a split in memory");
      return;
    }
    const Split& split = *stored;
    if (!split.missing_group.empty()) warn(label, split.missing_group + " does not exist: no subsets");
    const int64_t length = scenario_.in_frames + scenario_.out_frames;
    for (const char* mode : {"train", "val", "test"}) {
      std::set<std::pair<std::string, int64_t>> seen;
      int64_t repeated = 0, outside = 0;
      std::set<std::string> absent;
      for (const auto& w : split.windows(mode)) {
        repeated += !seen.insert({w.trajectory, w.time}).second;
        const auto it = frames.find(w.trajectory);
        if (it == frames.end())
          absent.insert(w.trajectory);
        else
          outside += w.time < 0 || w.time + length > it->second;
      }
      const std::string place = label + " " + mode;
      for (const auto& id : absent)
        error(place, "names trajectory '" + id + "', which is missing or unreadable");
      if (outside) error(place, std::to_string(outside) + " windows pass the end of their trajectory");
      if (repeated) warn(place, std::to_string(repeated) + " windows appear more than once");
    }
    check_sharing(label, "train", split.train, "test", split.test, length);
    check_sharing(label, "train", split.train, "val", split.val, length);
    check_sharing(label, "val", split.val, "test", split.test, length);
  }

  void check_sharing(const std::string& label, const std::string& a_name, const std::vector<WindowRef>& a,
                     const std::string& b_name, const std::vector<WindowRef>& b, int64_t length) {
    if (const int64_t shared = shared_frames(a, b, length))
      warn(label + " " + a_name, std::to_string(shared) + " of " + std::to_string(a.size()) +
                                     " windows share frames with " + b_name +
                                     " windows; the corrected protocol separates them");
  }

  void check_pairs() {
    if (!scenario_.paired || ids_.size() < 2) return;
    const auto missing = [&](Side from, Side in) {
      const bool by_name = scenario_.pairing == "name";
      const auto same = [&](const std::string& a, const std::string& b) {
        return by_name ? a == b : scenario_.parse_name(a, from) == scenario_.parse_name(b, in);
      };
      for (const auto& id : ids_[from])
        if (std::none_of(ids_[in].begin(), ids_[in].end(),
                         [&](const auto& other) { return same(id, other); }))
          warn(std::string(to_string(from)) + "/" + id,
               std::string("no partner on the ") + to_string(in) + " side");
    };
    missing(Side::real, Side::numerical);
    missing(Side::numerical, Side::real);
  }

  void check_manifest() {
    const fs::path home = scenario_.home(root_), path = home / "manifest.json";
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return;
    const Json manifest = core::read_json(path.string());
    const auto files = manifest.find("files");
    if (files == manifest.end() || !files->is_object())
      throw data_error(path.string() + " has no 'files'", "file name -> {bytes, sha256}");
    for (const auto& [name, entry] : files->items()) {
      const fs::path file = home / name;
      if (!fs::exists(file, ignored)) {
        error(name, "named by manifest.json, but missing");
        continue;
      }
      const auto size = static_cast<int64_t>(fs::file_size(file));
      if (entry.contains("bytes") && entry["bytes"] != size)
        error(name, std::to_string(size) + " bytes; manifest.json says " + entry["bytes"].dump());
      else if (entry.contains("sha256") && entry["sha256"] != core::sha256_file(file))
        error(name, "the content differs from the SHA-256 in manifest.json");
    }
  }

  const fs::path& root_;
  const Scenario& scenario_;
  std::map<Side, std::vector<std::string>> ids_;
  std::vector<Finding> findings_;
};

}  // namespace

Json describe(const fs::path& root, const Scenario& scenario, bool ranges) {
  Json out = {
      {"name", scenario.name},       {"title", scenario.title},         {"notes", scenario.notes},
      {"licence", scenario.licence}, {"origin", scenario.origin},       {"synthetic", scenario.synthetic},
      {"dt", scenario.dt},           {"in_frames", scenario.in_frames}, {"out_frames", scenario.out_frames},
      {"sha256", scenario.sha256()}, {"sides", Json::object()}};
  Json fields = Json::array();
  for (const auto& f : scenario.fields) {
    Json sides = Json::array();
    for (const Side side : f.sides) sides.push_back(to_string(side));
    fields.push_back(
        {{"name", f.name}, {"unit", f.unit}, {"label", f.label}, {"measured", f.measured}, {"sides", sides}});
  }
  bool any = false;
  for (const Side side : kSides) any = any || (scenario.has_side(side) && is_there(scenario, root, side));
  for (const Side side : kSides) {
    if (!scenario.has_side(side)) continue;
    if (any && !is_there(scenario, root, side))
      out["sides"][to_string(side)] = nullptr;
    else
      out["sides"][to_string(side)] = describe_side(root, scenario, side, ranges, fields);
  }
  out["fields"] = fields;
  return out;
}

std::vector<Finding> verify(const fs::path& root, const Scenario& scenario) {
  return Verifier(root, scenario).run();
}

}  // namespace windtunnel::datasets

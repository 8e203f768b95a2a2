#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/text.h"
#include "datasets/dataset.h"
#include "datasets/fetch/manifest.h"
#include "datasets/fetch/transfer.h"
#include "datasets/formats/writers.h"
#include "datasets/inspect.h"
#include "datasets/plausible.h"

namespace windtunnel::datasets {

using core::Json;
namespace fs = std::filesystem;

namespace {

constexpr int64_t kChunk = 64;  // frames read at once
constexpr Side kSides[] = {Side::real, Side::numerical};

/// Collects findings about one data set.
class Verifier {
 public:
  Verifier(const fs::path& root, const Scenario& scenario, int64_t threads)
      : root_(root), scenario_(scenario), threads_(threads) {}

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
    guarded(fetch::kManifestName, [&] { check_fetched(); });
    return std::move(findings_);
  }

 private:
  /// Smallest and largest value and moments of a field, in the order of the file.
  struct Extent {
    float low = std::numeric_limits<float>::infinity(), high = -std::numeric_limits<float>::infinity();
    double sum = 0, squares = 0, origin = 0;
    size_t count = 0;

    void add(const float* values, size_t points, size_t step) {
      if (count == 0 && points) origin = static_cast<double>(values[0]);
      for (size_t i = 0; i < points; ++i) {
        const float v = values[i * step];
        low = std::min(low, v);
        high = std::max(high, v);
        const double d = static_cast<double>(v) - origin;
        sum += d;
        squares += d * d;
      }
      count += points;
    }
    double variance() const {
      const auto n = static_cast<double>(count);
      return count ? std::max(0.0, squares / n - sum / n * (sum / n)) : 0;
    }
  };

  struct Facts {
    int64_t frames = 0;
    core::Shape grid;
    std::vector<double> parameters;
    std::vector<Extent> extents;
    std::string hash, error;
    double fluctuation = 0;
  };

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
    const auto facts = read_all(*store, side);
    std::map<std::string, int64_t> frames;
    std::map<std::string, std::string> contents;
    std::vector<Fluctuation> fluctuations;
    auto& grid = grids_[side];
    for (size_t i = 0; i < ids.size(); ++i) {
      const Facts& f = facts[i];
      const std::string place = label + "/" + ids[i];
      if (f.frames) frames[ids[i]] = f.frames;
      if (!f.error.empty()) {
        error(place, f.error);
        continue;
      }
      if (grid.empty()) grid = f.grid;
      if (grid != f.grid)
        error(place,
              "grid " + core::to_string(f.grid) + "; the first trajectory has " + core::to_string(grid));
      check_values(f, side, place);
      const auto [first, fresh] = contents.emplace(f.hash, place);
      if (!fresh) error(place, "the same values as " + first->second);
      fluctuations.push_back({ids[i], f.parameters, f.fluctuation});
    }
    check_scales(side, fluctuations);
    guarded(label + " split", [&] { check_split(side, *store, frames); });
  }

  /// The trajectories of a side, read by several threads, facts in the order of the ids.
  std::vector<Facts> read_all(const TrajectoryStore& store, Side side) {
    const auto& ids = ids_[side];
    std::vector<Facts> facts(ids.size());
    std::atomic<size_t> next{0}, done{0};
    const auto work = [&] {
      for (size_t i; (i = next++) < ids.size(); ++done) facts[i] = read_one(store, side, ids[i]);
    };
    core::Progress progress(std::string("checking ") + to_string(side), static_cast<int64_t>(ids.size()));
    const auto processors = static_cast<int64_t>(std::max(1u, std::thread::hardware_concurrency()));
    std::vector<std::jthread> threads;
    for (int64_t t = 1; t < (threads_ > 0 ? threads_ : processors); ++t) threads.emplace_back(work);
    for (size_t i; (i = next++) < ids.size(); ++done) {
      facts[i] = read_one(store, side, ids[i]);
      progress.update(static_cast<int64_t>(done));
    }
    threads.clear();
    progress.update(static_cast<int64_t>(ids.size()));
    return facts;
  }

  Facts read_one(const TrajectoryStore& store, Side side, const std::string& id) const {
    Facts facts;
    try {
      const auto t = store.open(id);
      facts.frames = t->frames();
      facts.grid = {t->height(), t->width()};
      facts.parameters = t->parameters();
      const std::vector<int64_t> present = fields_on(scenario_, side);
      const auto n = static_cast<int64_t>(present.size());
      facts.extents.resize(present.size());
      core::Sha256 hash;
      std::vector<float> buffer(static_cast<size_t>(kChunk * t->height() * t->width() * n));
      for (int64_t begin = 0; begin < t->frames(); begin += kChunk) {
        const int64_t end = std::min(begin + kChunk, t->frames());
        t->read(present, begin, end, 1, buffer.data(), n);
        const auto points = static_cast<size_t>((end - begin) * t->height() * t->width());
        for (size_t c = 0; c < present.size(); ++c)
          facts.extents[c].add(buffer.data() + c, points, present.size());
        hash.update(buffer.data(), points * present.size() * sizeof(float));
      }
      facts.hash = hash.hex();
      double squares = 0;
      for (size_t c = 0; c < present.size(); ++c)
        if (scenario_.fields[static_cast<size_t>(present[c])].measured)
          squares += facts.extents[c].variance();
      facts.fluctuation = std::sqrt(squares);
    } catch (const core::Error& e) {
      facts.error = e.found() + (e.expected().empty() ? "" : "; expected: " + e.expected());
    } catch (const std::exception& e) {
      facts.error = e.what();
    }
    return facts;
  }

  void check_values(const Facts& f, Side side, const std::string& place) {
    if (f.frames < scenario_.in_frames + scenario_.out_frames)
      error(place, std::to_string(f.frames) + " frames hold no window");
    else if (f.frames < scenario_.frames)
      warn(place,
           std::to_string(f.frames) + " frames; the scenario counts on " + std::to_string(scenario_.frames));
    const std::vector<int64_t> present = fields_on(scenario_, side);
    for (size_t c = 0; c < present.size(); ++c) {
      const FieldInfo& field = scenario_.fields[static_cast<size_t>(present[c])];
      const Extent& e = f.extents[c];
      if (e.low == e.high) warn(place, "field '" + field.name + "' is constant");
      const PlausibleRange range = plausible_range(field, side);
      if (static_cast<double>(e.low) < range.min || static_cast<double>(e.high) > range.max)
        warn(place, "field '" + field.name + "' has values from " + core::number(static_cast<double>(e.low)) +
                        " to " + core::number(static_cast<double>(e.high)) + " " + field.unit +
                        "; physically possible: " + core::number(range.min) + " to " +
                        core::number(range.max));
    }
  }

  void check_scales(Side side, const std::vector<Fluctuation>& fluctuations) {
    const std::string version = data_version(root_);
    for (const auto& outlier : scale_outliers(fluctuations)) {
      char factor[32];
      std::snprintf(factor, sizeof factor, "%.3g", outlier.factor);
      const std::string place = std::string(to_string(side)) + "/" + outlier.id;
      const std::string text = std::string("fluctuations ") + factor +
                               " times those of the trajectories with the nearest parameters";
      const std::string known = known_fault(scenario_, side, outlier.id, version);
      if (known.empty())
        warn(place, text + ": wrong scale or unit?");
      else
        error(place, known + " (" + text + ")");
    }
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
    const auto delivered = [&](Side side) {
      core::Shape grid = grids_[side];
      for (auto& n : grid) n = (n + scenario_.side_stride(side) - 1) / scenario_.side_stride(side);
      return grid;
    };
    if (!grids_[Side::real].empty() && !grids_[Side::numerical].empty() &&
        delivered(Side::real) != delivered(Side::numerical))
      error("pairs", "the real side delivers a grid of " + core::to_string(delivered(Side::real)) +
                         ", the numerical side " + core::to_string(delivered(Side::numerical)));
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

  /// Files of this scenario that `data fetch` brought.
  void check_fetched() {
    const fetch::Manifest manifest(root_);
    for (const auto& [path, file] : manifest.files()) {
      if (path.rfind(scenario_.name + "/", 0) != 0) continue;
      std::error_code ignored;
      if (!fs::exists(root_ / path, ignored))
        error(path, "fetched, but missing now");
      else if (!fetch::has_content(root_ / path, file))
        error(path, "the content differs from what was fetched");
    }
  }

  const fs::path& root_;
  const Scenario& scenario_;
  int64_t threads_ = 0;
  std::map<Side, std::vector<std::string>> ids_;
  std::map<Side, core::Shape> grids_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> verify(const fs::path& root, const Scenario& scenario, int64_t threads) {
  return Verifier(root, scenario, threads).run();
}

}  // namespace windtunnel::datasets

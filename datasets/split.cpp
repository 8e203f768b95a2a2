#include "datasets/split.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "core/random.h"
#include "core/sha256.h"
#include "core/text.h"

namespace windtunnel::datasets {
namespace {

const std::vector<std::string> kModes = {"train", "val", "test"};
const std::vector<std::string> kSubsets = {"all",    "in_dist", "out_dist",  "seen",
                                           "unseen", "first",   "first_last"};

bool contains(const std::vector<TrajectoryName>& names, const std::string& id) {
  return std::any_of(names.begin(), names.end(), [&](const TrajectoryName& n) { return n.id == id; });
}

std::map<std::string, std::vector<int64_t>> starts_of(const std::vector<WindowRef>& windows) {
  std::map<std::string, std::vector<int64_t>> starts;
  for (const auto& w : windows) starts[w.trajectory].push_back(w.time);
  for (auto& [id, times] : starts) std::sort(times.begin(), times.end());
  return starts;
}

/// Does a window of `frames` frames at `w` share a frame with one of `starts`?
bool touches(const std::map<std::string, std::vector<int64_t>>& starts, const WindowRef& w, int64_t frames) {
  const auto it = starts.find(w.trajectory);
  if (it == starts.end()) return false;
  const auto next = std::lower_bound(it->second.begin(), it->second.end(), w.time - frames + 1);
  return next != it->second.end() && *next < w.time + frames;
}

/// A chain: val and test windows of one trajectory, each sharing frames with the next.
struct Chain {
  std::string id;
  int64_t begin = 0, end = 0, windows = 0;
  bool crosses = false;  ///< holds windows of both sets
  uint64_t order = 0;
};

std::vector<Chain> chains_of(const Split& split, int64_t frames) {
  std::map<std::string, std::vector<std::pair<int64_t, int>>> starts;
  for (const auto& w : split.val) starts[w.trajectory].push_back({w.time, 0});
  for (const auto& w : split.test) starts[w.trajectory].push_back({w.time, 1});
  std::vector<Chain> chains;
  for (auto& [id, times] : starts) {
    std::sort(times.begin(), times.end());
    int set = -1;
    for (const auto& [time, which] : times) {
      if (set < 0 || time >= chains.back().end) {
        chains.push_back(
            {id, time, time + frames, 0, false, core::stream_seed(0, id + "@" + std::to_string(time))});
        set = which;
      }
      Chain& chain = chains.back();
      chain.end = std::max(chain.end, time + frames);
      chain.crosses = chain.crosses || which != set;
      ++chain.windows;
    }
  }
  return chains;
}

int group_of(const Split& split, const std::string& id) {
  return contains(split.in_dist, id) ? 0 : contains(split.out_dist, id) ? 1 : 2;
}

}  // namespace

const std::vector<WindowRef>& Split::windows(const std::string& mode) const {
  if (mode == "train") return train;
  if (mode == "val") return val;
  if (mode == "test") return test;
  throw usage_error("unknown mode '" + mode + "'", core::join(kModes, ", "), core::suggestion(mode, kModes));
}

void check_subset(const std::string& subset) {
  if (std::find(kSubsets.begin(), kSubsets.end(), subset) == kSubsets.end())
    throw usage_error("unknown subset '" + subset + "'", "one of " + core::join(kSubsets, ", "),
                      core::suggestion(subset, kSubsets));
}

bool in_subset(const Split& split, const std::string& id, const std::string& subset) {
  if (subset == "all" || subset == "first" || subset == "first_last") return true;
  if (subset == "in_dist") return contains(split.in_dist, id);
  if (subset == "out_dist") return contains(split.out_dist, id);
  if (subset == "seen") return contains(split.remain, id);
  check_subset(subset);
  return contains(split.in_dist, id) || contains(split.out_dist, id);
}

int64_t shared_frames(const std::vector<WindowRef>& a, const std::vector<WindowRef>& b, int64_t frames) {
  const auto starts = starts_of(b);
  return std::count_if(a.begin(), a.end(), [&](const WindowRef& w) { return touches(starts, w, frames); });
}

Split without_leaks(const Split& original, int64_t frames, bool keep_train) {
  Split split = original;
  if (keep_train) {
    const auto trained = starts_of(split.train);
    for (auto* list : {&split.val, &split.test})
      std::erase_if(*list, [&](const WindowRef& w) { return touches(trained, w, frames); });
  }
  std::vector<WindowRef> judged = split.val;
  judged.insert(judged.end(), split.test.begin(), split.test.end());
  const auto starts = starts_of(judged);
  std::erase_if(split.train, [&](const WindowRef& w) { return touches(starts, w, frames); });
  if (shared_frames(split.val, split.test, frames) == 0) return split;

  std::vector<Chain> chains = chains_of(split, frames);
  // Share of the test set in each group, then every chain goes where most is missing; chains that lie in one
  // set already stay there.
  double val[3] = {}, test[3] = {};
  for (const auto& w : split.val) ++val[group_of(split, w.trajectory)];
  for (const auto& w : split.test) ++test[group_of(split, w.trajectory)];
  std::map<std::string, std::map<int64_t, bool>> to_test;  // trajectory -> chain begin -> goes to test
  const auto val_starts = starts_of(split.val);
  std::vector<const Chain*> undecided;
  for (const auto& chain : chains) {
    const int group = group_of(split, chain.id);
    if (chain.crosses) {
      undecided.push_back(&chain);
      continue;
    }
    const bool is_val = touches(val_starts, {chain.id, chain.begin}, 1);
    to_test[chain.id][chain.begin] = !is_val;
    (is_val ? val : test)[group] -= static_cast<double>(chain.windows);
  }
  std::sort(undecided.begin(), undecided.end(),
            [](const Chain* a, const Chain* b) { return a->order < b->order; });
  for (const Chain* chain : undecided) {
    const int group = group_of(split, chain->id);
    const bool goes = test[group] >= val[group];
    to_test[chain->id][chain->begin] = goes;
    (goes ? test : val)[group] -= static_cast<double>(chain->windows);
  }
  split.val.clear();
  split.test.clear();
  for (const auto& w : judged) {
    const auto& of_trajectory = to_test.at(w.trajectory);
    (std::prev(of_trajectory.upper_bound(w.time))->second ? split.test : split.val).push_back(w);
  }
  return split;
}

std::string sha256(const Split& split) {
  core::Sha256 hash;
  for (const auto& mode : kModes) {
    std::string text = mode + "\n";
    for (const auto& w : split.windows(mode)) text += w.trajectory + "@" + std::to_string(w.time) + "\n";
    hash.update(text.data(), text.size());
  }
  return hash.hex();
}

}  // namespace windtunnel::datasets

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "core/random.h"
#include "core/sha256.h"
#include "datasets/split.h"

namespace windtunnel::datasets {
namespace {

using Names = std::vector<TrajectoryName>;

/// Trajectories that may be held out, each list in the order of `sorted`.
struct Candidates {
  Names in, out;
};

/// One parameter: the first and last tenth are `out`. Two or more: `out` has an extreme first or second
/// parameter; of the others, the extreme second parameters within each first parameter are neither. None: all
/// are `in`.
Candidates candidates(const Names& sorted, size_t parameter_count) {
  Candidates c;
  const size_t n = sorted.size();
  if (parameter_count == 0) return {sorted, {}};
  if (parameter_count == 1) {
    const size_t tail = n / 10;
    for (size_t i = 0; i < n; ++i) (i < tail || i >= n - tail ? c.out : c.in).push_back(sorted[i]);
    return c;
  }
  const auto bounds = [](const Names& names, size_t p) {
    const auto [low, high] =
        std::minmax_element(names.begin(), names.end(),
                            [&](const auto& a, const auto& b) { return a.parameters[p] < b.parameters[p]; });
    return std::pair(low->parameters[p], high->parameters[p]);
  };
  if (n == 0) return c;
  const auto extreme = [](double v, std::pair<double, double> range) {
    return v == range.first || v == range.second;
  };
  const auto first = bounds(sorted, 0), second = bounds(sorted, 1);
  std::map<double, Names> inner;
  for (const auto& name : sorted) {
    if (extreme(name.parameters[0], first) || extreme(name.parameters[1], second))
      c.out.push_back(name);
    else
      inner[name.parameters[0]].push_back(name);
  }
  for (const auto& [value, group] : inner) {
    const auto range = bounds(group, 1);
    for (const auto& name : group)
      if (!extreme(name.parameters[1], range)) c.in.push_back(name);
  }
  return c;
}

void require_parameters(const Scenario& scenario, const Names& names) {
  for (const auto& name : names)
    if (name.parameters.size() != scenario.parameters.size())
      throw data_error(
          "trajectory " + name.id + " has " + std::to_string(name.parameters.size()) + " parameters",
          std::to_string(scenario.parameters.size()) + ", as scenario '" + scenario.name + "' declares");
}

Names without(const Names& all, const Names& a, const Names& b) {
  std::set<std::string> taken;
  for (const auto* list : {&a, &b})
    for (const auto& name : *list) taken.insert(name.id);
  Names rest;
  for (const auto& name : all)
    if (!taken.count(name.id)) rest.push_back(name);
  return rest;
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from, size_t begin, size_t end) {
  to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(begin),
            from.begin() + static_cast<std::ptrdiff_t>(end));
}

}  // namespace

Split published_split(const Scenario& s, const Names& names, Side side, uint64_t python_seed,
                      bool split_numerical, SplitCounts* before, SplitCounts* after) {
  require_parameters(s, names);
  const int64_t horizon = s.in_frames + s.out_frames;
  const bool divided = side == Side::real || split_numerical;
  SplitCounts counts;
  counts.trajectories = static_cast<int64_t>(names.size());
  counts.per_trajectory = (s.frames - horizon + 1) / s.interval;
  const int64_t all = counts.trajectories * counts.per_trajectory;
  counts.train = divided ? static_cast<int64_t>(static_cast<double>(all) * s.train_ratio) : all;
  const int64_t judged = all - counts.train;
  counts.val = static_cast<int64_t>(0.5 * static_cast<double>(judged));
  counts.test = judged - counts.val;
  counts.in_dist = divided ? s.held_out_in_dist : 0;
  counts.out_dist = divided ? s.held_out_out_dist : 0;
  if (before) *before = counts;

  Names sorted = names;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.parameters < b.parameters; });
  Candidates held = candidates(sorted, s.parameters.size());
  core::PythonRandom random(python_seed);
  if (s.shuffle_in_dist_first) {
    random.shuffle(held.in);
    random.shuffle(held.out);
  } else {
    random.shuffle(held.out);
    random.shuffle(held.in);
  }
  held.in.resize(std::min(held.in.size(), static_cast<size_t>(counts.in_dist)));
  held.out.resize(std::min(held.out.size(), static_cast<size_t>(counts.out_dist)));

  Split split;
  split.in_dist = held.in;
  split.out_dist = held.out;
  split.remain = without(sorted, held.in, held.out);
  counts.in_dist = static_cast<int64_t>(held.in.size());
  counts.out_dist = static_cast<int64_t>(held.out.size());
  counts.windows_in_dist = counts.in_dist * counts.per_trajectory;
  counts.windows_out_dist = counts.out_dist * counts.per_trajectory;
  counts.windows_remain = divided ? judged - counts.windows_in_dist - counts.windows_out_dist : 0;
  if (after) *after = counts;

  using Windows = std::vector<WindowRef>;
  const auto whole = [&](const Names& group) {
    Windows windows;
    for (const auto& name : group)
      for (int64_t k = 0; k < counts.per_trajectory; ++k) windows.push_back({name.id, k * s.interval});
    return windows;
  };
  Windows in = whole(held.in), out = whole(held.out), rest;
  std::vector<Windows> trunks;
  for (const auto& name : split.remain)
    for (int64_t begin = 0; begin < s.frames; begin += s.trunk_length) {
      const int64_t end = std::min(begin + s.trunk_length, s.frames - horizon + 1);
      Windows trunk;
      for (int64_t t = begin; t < end; t += s.interval) trunk.push_back({name.id, t});
      trunks.push_back(std::move(trunk));
    }
  random.shuffle(trunks);
  for (const auto& trunk : trunks) {
    Windows& set = static_cast<int64_t>(split.train.size()) < counts.train ? split.train : rest;
    append(set, trunk, 0, trunk.size());
  }
  random.shuffle(in);
  random.shuffle(out);
  random.shuffle(split.train);
  random.shuffle(rest);
  for (const Windows* part : {&in, &out, &rest}) {
    append(split.val, *part, 0, part->size() / 2);
    append(split.test, *part, part->size() / 2, part->size());
  }
  random.shuffle(split.val);
  random.shuffle(split.test);
  random.shuffle(split.train);
  split.origin = "published algorithm, seed " + std::to_string(python_seed);
  return split;
}

namespace {

struct Trunk {
  size_t trajectory;
  int64_t begin, end;
  int set = 2;  ///< 0 train, 1 val, 2 test
};

void add_windows(std::vector<WindowRef>& list, const std::string& id, int64_t begin, int64_t end,
                 int64_t horizon, int64_t interval) {
  for (int64_t t = begin; t + horizon <= end; t += interval) list.push_back({id, t});
}

/// Gives each trunk a set: train until it has its frames, then test and val in turn.
void deal(std::vector<Trunk>& trunks, core::PythonRandom& random, double train_frames,
          bool judged_elsewhere) {
  std::vector<Trunk*> order;
  for (auto& trunk : trunks) order.push_back(&trunk);
  random.shuffle(order);
  const size_t reserve = judged_elsewhere ? 0 : 2;  // one trunk each for val and test
  double given = 0;
  size_t judged = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const bool must = i == 0, may = order.size() - i > reserve;
    if (must || (may && judged == 0 && given < train_frames)) {
      order[i]->set = 0;
      given += static_cast<double>(order[i]->end - order[i]->begin);
    } else {
      order[i]->set = judged++ % 2 == 0 ? 2 : 1;
    }
  }
}

}  // namespace

Split leak_free_split(const Scenario& s, const Names& names, Side side, uint64_t seed, bool split_numerical) {
  require_parameters(s, names);
  const int64_t horizon = s.in_frames + s.out_frames;
  const bool divided = side == Side::real || split_numerical;
  Names sorted = names;
  for (auto& name : sorted) {
    name.frames = name.frames > 0 ? std::min(name.frames, s.frames) : s.frames;
    if (name.frames < horizon)
      throw data_error("trajectory " + name.id + " has " + std::to_string(name.frames) + " frames",
                       "at least " + std::to_string(horizon) + ", one window");
  }
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(a.parameters, a.id) < std::tie(b.parameters, b.id);
  });
  Split split;
  split.origin = "leak-free algorithm, seed " + std::to_string(seed);
  core::PythonRandom random(core::stream_seed(seed, "leak-free split"));

  if (divided) {
    Candidates held = candidates(sorted, s.parameters.size());
    random.shuffle(held.out);
    random.shuffle(held.in);
    const auto allowed = static_cast<int64_t>((1 - s.train_ratio) * static_cast<double>(sorted.size()));
    int64_t out = s.held_out_out_dist, in = s.held_out_in_dist;
    if (in + out > allowed) {
      out = allowed * out / (in + out);
      in = std::min(in, allowed - out);
    }
    held.in.resize(std::min(held.in.size(), static_cast<size_t>(in)));
    held.out.resize(std::min(held.out.size(), static_cast<size_t>(out)));
    split.in_dist = held.in;
    split.out_dist = held.out;
  }
  split.remain = without(sorted, split.in_dist, split.out_dist);

  int64_t total = 0;
  for (const auto& name : sorted) total += name.frames;
  for (const auto* group : {&split.in_dist, &split.out_dist})
    for (size_t i = 0; i < group->size(); ++i)
      add_windows(i < group->size() / 2 ? split.val : split.test, (*group)[i].id, 0, (*group)[i].frames,
                  horizon, s.interval);

  std::vector<Trunk> trunks;
  const int64_t length = std::max(s.trunk_length, horizon);
  for (size_t i = 0; i < split.remain.size(); ++i) {
    const int64_t frames = split.remain[i].frames;
    // A last piece that holds no window is joined to the one before it.
    for (int64_t begin = 0; begin < frames;) {
      const int64_t end = frames - begin - length < horizon ? frames : begin + length;
      trunks.push_back({i, begin, end, divided ? 2 : 0});
      begin = end;
    }
  }
  if (divided)
    deal(trunks, random, s.train_ratio * static_cast<double>(total),
         !split.val.empty() && !split.test.empty());
  for (size_t i = 0; i < trunks.size();) {
    size_t j = i + 1;  // a run of trunks of one trajectory and one set
    while (j < trunks.size() && trunks[j].trajectory == trunks[i].trajectory &&
           trunks[j].set == trunks[i].set)
      ++j;
    auto& list = trunks[i].set == 0 ? split.train : trunks[i].set == 1 ? split.val : split.test;
    add_windows(list, split.remain[trunks[i].trajectory].id, trunks[i].begin, trunks[j - 1].end, horizon,
                s.interval);
    i = j;
  }
  if (divided && (split.train.empty() || split.val.empty() || split.test.empty()))
    throw data_error("scenario '" + s.name + "': " + std::to_string(trunks.size()) + " pieces of " +
                         std::to_string(length) + " frames cannot be dealt to train, val and test",
                     "at least three", "use more trajectories or frames, or a smaller trunk_length");
  return split;
}

}  // namespace windtunnel::datasets

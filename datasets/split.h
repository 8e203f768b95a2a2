#pragma once

#include <string>
#include <utility>
#include <vector>

#include "datasets/scenario.h"

namespace windtunnel::datasets {

/// Where a window starts: frames [time, time + in_frames + rounds * out_frames) of a trajectory.
struct WindowRef {
  std::string trajectory;
  int64_t time = 0;
  bool operator==(const WindowRef&) const = default;
};

/// A trajectory and its parameters, as the split sees it.
struct TrajectoryName {
  std::string id;
  std::vector<double> parameters;
  int64_t frames = 0;  ///< stored frames; 0 = the scenario's count
};

/// Windows of one side, and which trajectories were held out: in_dist (parameters inside the trained range),
/// out_dist (at its border) and remain (trained on).
struct Split {
  std::vector<WindowRef> train, val, test;
  std::vector<TrajectoryName> in_dist, out_dist, remain;
  std::string origin;         ///< files read, or the algorithm and seed
  std::string missing_group;  ///< file that would name a group and does not exist; empty: groups are known

  /// "train" | "val" | "test"; anything else is a usage error.
  const std::vector<WindowRef>& windows(const std::string& mode) const;
};

/// Which set of a `subset` (all | in_dist | out_dist | seen | unseen) the windows of trajectory `id` belong
/// to.
bool in_subset(const Split& split, const std::string& id, const std::string& subset);
void check_subset(const std::string& subset);

/// True if index files of this side exist below <root>/<scenario>.
bool has_split(const Scenario& scenario, const std::filesystem::path& root, Side side);

/// Reads the index files of a side. For the windows the first kind that exists for any split is used:
///   1. {train,val,test}_index_{side}.json            written by this program
///   2. {sim_id,time_id}_mapping_{side}.pt
///   3. hf_dataset/{train,val,test}_index_{side}.json
/// and for the groups {in_dist_test,out_dist_test,remain}_params_{side}.json before the .pt of the same name.
/// A split without a file is empty. Malformed files are data errors naming file and entry.
Split load_split(const Scenario& scenario, const std::filesystem::path& root, Side side);

/// Counts that the published algorithm derives (dataset specification 5.1, 5.2).
struct SplitCounts {
  int64_t trajectories = 0, per_trajectory = 0, train = 0, val = 0, test = 0, in_dist = 0, out_dist = 0;
  int64_t windows_in_dist = 0, windows_out_dist = 0, windows_remain = 0;
};

/// The published algorithm, draw for draw; `names` in listing order (it decides ties). The real side is
/// divided, the numerical side goes to train unless `split_numerical`.
Split published_split(const Scenario& scenario, const std::vector<TrajectoryName>& names, Side side,
                      uint64_t python_seed, bool split_numerical = false, SplitCounts* before = nullptr,
                      SplitCounts* after = nullptr);

/// Without leaks: no window of one split shares a frame with a window of another. Held-out trajectories
/// (chosen as in the published algorithm, at most the share that is not for training) go whole to val or
/// test; the others are cut into trunks of trunk_length frames, dealt out whole, and a window must lie inside
/// one run of trunks of its own split. The numerical side goes to train. Depends on the set of names, the
/// frames and the seed only. Too few frames for three splits are a data error.
Split leak_free_split(const Scenario& scenario, const std::vector<TrajectoryName>& names, Side side,
                      uint64_t seed, bool split_numerical = false);

/// The split without shared frames; `frames` is the length of a window. A clean split is unchanged.
/// Train loses the windows that share a frame with val or test. Val and test together keep every window, but
/// a chain of windows that share frames with one another goes whole to the set that lacks most in its group
/// (chains in an order fixed by their names). With `keep_train`, for data that are there to be trained on,
/// train stays whole and val and test lose windows instead.
Split without_leaks(const Split& split, int64_t frames, bool keep_train = false);

/// SHA-256 of the windows of the three splits, in order.
std::string sha256(const Split& split);

/// Number of windows of `a` that share a frame with a window of `b`.
int64_t shared_frames(const std::vector<WindowRef>& a, const std::vector<WindowRef>& b, int64_t frames);

/// Writes {split}_index_{side}.json and the three parameter files in <root>/<scenario>, atomically.
void write_split(const Split& split, const Scenario& scenario, const std::filesystem::path& root, Side side);

}  // namespace windtunnel::datasets

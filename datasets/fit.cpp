#include "datasets/fit.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/log.h"
#include "datasets/split.h"
#include "datasets/trajectory.h"

namespace windtunnel::datasets {
namespace {

/// Frames between the latest window start of any split and the end of the shortest trajectory of a side.
int64_t room(const Scenario& scenario, const std::filesystem::path& root, Side side, int64_t& stored) {
  const Split split = load_split(scenario, root, side);
  const auto store = open_trajectories(scenario, root, side);
  int64_t latest = 0, frames = std::numeric_limits<int64_t>::max();
  for (const auto& id : store->ids()) frames = std::min(frames, store->open(id)->frames());
  for (const char* mode : {"train", "val", "test"})
    for (const auto& window : split.windows(mode)) latest = std::max(latest, window.time);
  stored = std::min(stored, frames);
  return frames - latest;
}

}  // namespace

Scenario fit_to_data(Scenario scenario, const std::filesystem::path& root) {
  int64_t available = std::numeric_limits<int64_t>::max(), stored = scenario.frames;
  for (const Side side : {Side::real, Side::numerical}) {
    if (!scenario.has_side(side) || !has_split(scenario, root, side)) continue;
    // A whole data set shows in its first file; only a cut-down copy is looked at further.
    const auto store = open_trajectories(scenario, root, side);
    const auto ids = store->ids();
    if (ids.empty() || store->open(ids.front())->frames() >= scenario.frames) continue;
    available = std::min(available, room(scenario, root, side, stored));
  }
  scenario.frames = stored;
  if (available >= scenario.in_frames + scenario.out_frames) return scenario;
  const int64_t frames = available / 2;
  if (frames < 1)
    throw data_error(
        scenario.home(root).string() + ": the index files start windows at the last stored frame",
        "room for an input and an output frame");
  core::log_warning("the data have room for windows of " + std::to_string(available) + " frames: " +
                    std::to_string(frames) + " + " + std::to_string(frames) + " frames instead of " +
                    std::to_string(scenario.in_frames) + " + " + std::to_string(scenario.out_frames));
  scenario.in_frames = scenario.out_frames = frames;
  return scenario;
}

}  // namespace windtunnel::datasets

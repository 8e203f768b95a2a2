#include "datasets/inspect.h"

#include <algorithm>
#include <cmath>

#include "core/log.h"
#include "datasets/dataset.h"
#include "datasets/formats/writers.h"

namespace windtunnel::datasets {

using core::Json;
namespace fs = std::filesystem;

namespace {

constexpr int64_t kSampledFrames = 16;  // per trajectory, for the ranges
constexpr Side kSides[] = {Side::real, Side::numerical};

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

}  // namespace

bool is_there(const Scenario& scenario, const fs::path& root, Side side) {
  std::error_code ignored;
  return fs::exists(scenario.folder(root, to_string(side)), ignored) ||
         std::any_of(scenario.formats.begin(), scenario.formats.end(), [&](const auto& name) {
           return formats().contains(name) && formats().at(name).detect(scenario, root, side);
         });
}

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

}  // namespace windtunnel::datasets

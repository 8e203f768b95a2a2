#include "datasets/formats/writers.h"

#include <algorithm>
#include <map>
#include <memory>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "datasets/formats/arrow_writer.h"
#include "datasets/formats/hdf5_writer.h"
#include "datasets/formats/place.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kChunkBytes = 64 << 20;  // read at once

/// Fields that share a dataset or column: (T,H,W), or (T,H,W,C) if they are channels.
struct Target {
  std::string folder, dataset;
  bool channels = false;
  std::vector<int64_t> fields;  ///< by channel
  bool both_sides = false;      ///< some field is on both sides
};

std::vector<Target> targets_of(const ConvertJob& job, const std::string& format) {
  std::vector<Target> list;
  for (const int64_t f : fields_on(job.to, job.side)) {
    const FieldInfo& field = job.to.fields[static_cast<size_t>(f)];
    const Place place = parse_place(field.place(format, job.side));
    auto it = std::find_if(list.begin(), list.end(), [&](const Target& t) {
      return t.folder == place.folder && t.dataset == place.dataset;
    });
    if (it == list.end())
      it = list.insert(list.end(), {place.folder, place.dataset, place.channel >= 0, {}, false});
    const size_t channel = place.channel < 0 ? 0 : static_cast<size_t>(place.channel);
    if (it->fields.size() <= channel) it->fields.resize(channel + 1, -1);
    if (it->channels != (place.channel >= 0) || it->fields[channel] >= 0)
      throw usage_error("fields of scenario '" + job.to.name + "' share the place '" + place.dataset + "'",
                        "a place of its own for every field");
    it->fields[channel] = f;
    it->both_sides = it->both_sides || field.sides.size() > 1;
  }
  for (const auto& target : list)
    if (std::count(target.fields.begin(), target.fields.end(), -1))
      throw usage_error(
          "scenario '" + job.to.name + "' does not name every channel of '" + target.dataset + "'",
          "channels 0 to " + std::to_string(target.fields.size() - 1));
  return list;
}

/// Calls `take(begin, values)` with runs of frames of the target.
void stream(const Trajectory& t, const Target& target,
            const std::function<void(int64_t, const core::Array&)>& take) {
  const int64_t frame = t.height() * t.width() * static_cast<int64_t>(target.fields.size() * sizeof(float));
  const int64_t chunk = std::max<int64_t>(1, kChunkBytes / std::max<int64_t>(1, frame));
  for (int64_t begin = 0; begin < t.frames(); begin += chunk)
    take(begin, t.read(target.fields, begin, std::min(begin + chunk, t.frames())));
}

core::Shape shape_of(const Trajectory& t, const Target& target) {
  core::Shape shape = {t.frames(), t.height(), t.width()};
  if (target.channels) shape.push_back(static_cast<int64_t>(target.fields.size()));
  return shape;
}

std::string bytes_of(const std::vector<double>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double)};
}

}  // namespace

void write_realpdebench_hdf5(const ConvertJob& job) {
  const auto targets = targets_of(job, "realpdebench_hdf5");
  std::map<std::string, std::vector<Target>> folders;
  for (const auto& target : targets) folders[target.folder].push_back(target);
  core::Progress bar(std::string("writing ") + to_string(job.side), static_cast<int64_t>(job.ids.size()));
  int64_t done = 0;
  for (const auto& [id, name] : job.ids) {
    const auto t = job.store.open(id);
    for (const auto& [folder, list] : folders) {
      const fs::path path = job.to.folder(job.root, folder.empty() ? to_string(job.side) : folder);
      core::make_folder(path);
      core::write_atomic(path / name, [&, &content = list](const fs::path& file) {
        Hdf5Writer writer(file);
        for (const auto& target : content) {
          writer.create(target.dataset, shape_of(*t, target));
          stream(*t, target, [&](int64_t begin, const core::Array& values) {
            writer.write_frames(target.dataset, begin, values.shape[0], values.data.data());
          });
        }
        for (const auto& axis : t->axes()) writer.write_numbers(axis.name, axis.shape, axis.values);
        if (const auto times = t->times(); !times.empty())
          writer.write_numbers("t", {static_cast<int64_t>(times.size())}, times);
        writer.close();
      });
    }
    bar.update(++done);
  }
}

void write_realpdebench_arrow(const ConvertJob& job) {
  auto targets = targets_of(job, "realpdebench_arrow");
  std::stable_partition(targets.begin(), targets.end(), [](const Target& t) { return t.both_sides; });
  // The type of a column and the number of shards follow from all rows.
  int64_t largest = 0, total = 0;
  bool grids = false;
  for (const auto& [id, name] : job.ids) {
    const auto t = job.store.open(id);
    const int64_t field = t->frames() * t->height() * t->width() * static_cast<int64_t>(sizeof(float));
    for (const auto& target : targets) {
      const int64_t bytes = field * static_cast<int64_t>(target.fields.size());
      largest = std::max(largest, bytes);
      total += bytes;
    }
    for (const auto& axis : t->axes()) {
      grids = grids || axis.shape.size() > 1;
      total += static_cast<int64_t>(axis.values.size() * sizeof(double));
    }
    total += static_cast<int64_t>(t->times().size() * sizeof(double));
  }
  const ArrowType wide = largest > (int64_t{1} << 31) - 1 ? ArrowType::large_binary : ArrowType::binary;
  std::vector<ArrowField> fields = {{"sim_id", ArrowType::text}};
  const auto add_targets = [&](bool both) {
    for (const auto& target : targets) {
      if (target.both_sides != both) continue;
      fields.push_back({target.dataset, wide});
      if (target.channels) fields.push_back({target.dataset + "_channels", ArrowType::int32});
    }
  };
  add_targets(true);
  for (const char* axis : {"shape_t", "shape_h", "shape_w"}) fields.push_back({axis, ArrowType::int32});
  for (const std::string axis : {"x", "y"}) {
    fields.push_back({axis, ArrowType::binary});
    fields.push_back({axis + (grids ? "_shape_h" : "_shape"), ArrowType::int32});
    if (grids) fields.push_back({axis + "_shape_w", ArrowType::int32});
  }
  fields.push_back({"t", ArrowType::binary});
  fields.push_back({"t_shape", ArrowType::int32});
  add_targets(false);

  const auto rows = static_cast<int64_t>(job.ids.size());
  const fs::path folder = job.to.folder(job.root, "hf_dataset") / to_string(job.side);
  core::make_folder(folder.parent_path());
  core::Progress bar(std::string("writing ") + to_string(job.side), rows);
  write_arrow_folder(folder, fields, rows, arrow_shards(total, job.shard_bytes, rows), [&](int64_t row) {
    const auto& [id, name] = job.ids[static_cast<size_t>(row)];
    const auto t = job.store.open(id);
    std::map<std::string, ArrowValue> values = {
        {"sim_id", name}, {"shape_t", t->frames()}, {"shape_h", t->height()}, {"shape_w", t->width()}};
    for (const auto& target : targets) {
      std::string bytes;
      bytes.reserve(static_cast<size_t>(core::numel(shape_of(*t, target))) * sizeof(float));
      stream(*t, target, [&](int64_t, const core::Array& run) {
        bytes.append(reinterpret_cast<const char*>(run.data.data()), run.data.size() * sizeof(float));
      });
      values[target.dataset] = std::move(bytes);
      values[target.dataset + "_channels"] = static_cast<int64_t>(target.fields.size());
    }
    for (const auto& axis : t->axes()) {
      values[axis.name] = bytes_of(axis.values);
      values[axis.name + (grids ? "_shape_h" : "_shape")] = axis.shape.at(0);
      values[axis.name + "_shape_w"] = axis.shape.size() > 1 ? axis.shape[1] : int64_t{0};
    }
    if (const auto times = t->times(); !times.empty()) {
      values["t"] = bytes_of(times);
      values["t_shape"] = static_cast<int64_t>(times.size());
    }
    std::vector<ArrowValue> cells;
    for (const auto& field : fields) cells.push_back(std::move(values[field.name]));
    bar.update(row + 1);
    return cells;
  });
}

}  // namespace windtunnel::datasets

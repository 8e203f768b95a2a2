#include "datasets/formats/arrow_rows.h"

#include <algorithm>
#include <map>

#include "core/file.h"
#include "core/log.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

std::string bytes_of(const std::vector<double>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double)};
}

/// The raw numbers of a column, row-major.
std::string bytes_of(const Trajectory& t, const Target& target) {
  std::string bytes;
  bytes.reserve(static_cast<size_t>(core::numel(shape_of(t, target))) * sizeof(float));
  stream(t, target, [&](int64_t, const core::Array& run) {
    bytes.append(reinterpret_cast<const char*>(run.data.data()), run.data.size() * sizeof(float));
  });
  return bytes;
}

}  // namespace

std::string arrow_note_name(const std::string& name) { return "attributes/" + name; }

ArrowRows::ArrowRows(const Scenario& to, Side side) : targets_(targets_of(to, side, "realpdebench_arrow")) {
  std::stable_partition(targets_.begin(), targets_.end(), [](const Target& t) { return t.both_sides; });
}

void ArrowRows::survey(const Trajectory& t) {
  const int64_t field = t.frames() * t.height() * t.width() * static_cast<int64_t>(sizeof(float));
  for (const auto& target : targets_) {
    const int64_t bytes = field * static_cast<int64_t>(target.fields.size());
    largest_ = std::max(largest_, bytes);
    total_ += bytes;
  }
  for (const auto& axis : t.axes()) {
    grids_ = grids_ || axis.shape.size() > 1;
    total_ += static_cast<int64_t>(axis.values.size() * sizeof(double));
  }
  total_ += static_cast<int64_t>(t.times().size() * sizeof(double));
}

std::vector<ArrowField> ArrowRows::fields() const {
  const ArrowType wide = largest_ > (int64_t{1} << 31) - 1 ? ArrowType::large_binary : ArrowType::binary;
  std::vector<ArrowField> fields = {{"sim_id", ArrowType::text}};
  const auto add_targets = [&](bool both) {
    for (const auto& target : targets_) {
      if (target.both_sides != both) continue;
      fields.push_back({target.dataset, wide});
      if (target.channels) fields.push_back({target.dataset + "_channels", ArrowType::int32});
    }
  };
  add_targets(true);
  for (const char* axis : {"shape_t", "shape_h", "shape_w"}) fields.push_back({axis, ArrowType::int32});
  for (const std::string axis : {"x", "y"}) {
    fields.push_back({axis, ArrowType::binary});
    fields.push_back({axis + (grids_ ? "_shape_h" : "_shape"), ArrowType::int32});
    if (grids_) fields.push_back({axis + "_shape_w", ArrowType::int32});
  }
  fields.push_back({"t", ArrowType::binary});
  fields.push_back({"t_shape", ArrowType::int32});
  add_targets(false);
  return fields;
}

std::vector<ArrowValue> ArrowRows::row(const Trajectory& t, const std::string& name) const {
  std::map<std::string, ArrowValue> values = {
      {"sim_id", name}, {"shape_t", t.frames()}, {"shape_h", t.height()}, {"shape_w", t.width()}};
  for (const auto& target : targets_) {
    values[target.dataset] = bytes_of(t, target);
    values[target.dataset + "_channels"] = static_cast<int64_t>(target.fields.size());
  }
  for (const auto& axis : t.axes()) {
    values[axis.name] = bytes_of(axis.values);
    values[axis.name + (grids_ ? "_shape_h" : "_shape")] = axis.shape.at(0);
    values[axis.name + "_shape_w"] = axis.shape.size() > 1 ? axis.shape[1] : int64_t{0};
  }
  if (const auto times = t.times(); !times.empty()) {
    values["t"] = bytes_of(times);
    values["t_shape"] = static_cast<int64_t>(times.size());
  }
  std::vector<ArrowValue> cells;
  for (const auto& field : fields()) cells.push_back(std::move(values[field.name]));
  return cells;
}

void write_realpdebench_arrow(const ConvertJob& job) {
  ArrowRows table(job.to, job.side);
  for (const auto& [id, name] : job.ids) table.survey(*job.store.open(id));
  const auto rows = static_cast<int64_t>(job.ids.size());
  const fs::path folder = job.to.folder(job.root, "hf_dataset") / to_string(job.side);
  core::make_folder(folder.parent_path());
  core::Progress bar(std::string("writing ") + to_string(job.side), rows);
  const auto row = [&](int64_t k) {
    const auto& [id, name] = job.ids[static_cast<size_t>(k)];
    auto cells = table.row(*job.store.open(id), name);
    bar.update(k + 1);
    return cells;
  };
  const auto notes = [&](int64_t begin, int64_t end) {
    ArrowNotes list;
    for (int64_t k = begin; k < end; ++k) {
      const auto& [id, name] = job.ids[static_cast<size_t>(k)];
      const core::Json attributes = job.store.open(id)->attributes();
      if (!attributes.empty()) list[arrow_note_name(name)] = core::canonical(attributes);
    }
    return list;
  };
  write_arrow_folder(folder, table.fields(), rows, arrow_shards(table.bytes(), job.shard_bytes, rows), row,
                     notes);
}

}  // namespace windtunnel::datasets

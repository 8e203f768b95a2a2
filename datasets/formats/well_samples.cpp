#include "datasets/formats/well_samples.h"

#include <algorithm>
#include <limits>

#include "core/error.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

constexpr float kSmallestScale = 1e-4f;

/// Numbers of nested lists, depth first.
void flatten(const core::Json& value, const std::string& place, std::vector<float>& out) {
  if (value.is_array())
    for (const auto& part : value) flatten(part, place, out);
  else if (value.is_number())
    out.push_back(value.get<float>());
  else
    throw data_error(place + " is " + value.dump(), "a number or lists of numbers");
}

/// Appends the channels of `from` (points, c) to `to` (points, c').
void append_channels(core::Array& to, const core::Array& from, int64_t points) {
  const int64_t more = points ? from.numel() / points : 0, before = to.shape.back();
  core::Array joined(to.shape);
  joined.shape.back() = before + more;
  joined.data.resize(static_cast<size_t>(points * (before + more)));
  for (int64_t p = 0; p < points; ++p) {
    std::copy_n(to.data.data() + p * before, before, joined.data.data() + p * (before + more));
    std::copy_n(from.data.data() + p * more, more, joined.data.data() + p * (before + more) + before);
  }
  to = std::move(joined);
}

void check_alike(const WellFile& first, const WellFile& other) {
  const auto names = [](const WellFile& file) {
    std::vector<std::string> list;
    for (const auto& field : file.fields())
      list.push_back(field.name + (field.time_varying ? "" : " (constant)") + std::to_string(field.order));
    return list;
  };
  if (first.dims() != other.dims() || first.resolution() != other.resolution() ||
      names(first) != names(other))
    throw data_error(other.path() + " has other fields or another grid than " + first.path(),
                     "files of one data set");
}

core::Array entries(const core::Array& a, int64_t begin, int64_t end) {
  core::Shape shape = a.shape;
  const int64_t inner = a.numel() / shape[0];
  shape[0] = end - begin;
  return core::Array(shape, {a.data.begin() + begin * inner, a.data.begin() + end * inner});
}

/// The first axis divided into input and output.
void divide(const core::Array& all, int64_t in, const std::string& name,
            std::map<std::string, core::Array>& out) {
  if (all.shape.back() == 0) return;
  out["input_" + name] = entries(all, 0, in);
  out["output_" + name] = entries(all, in, all.shape[0]);
}

}  // namespace

WellSamples::WellSamples(const fs::path& folder, const std::string& split, WellOptions options)
    : options_(std::move(options)) {
  if (options_.in_steps < 1 || options_.out_steps < 1 || options_.dt < 1)
    throw usage_error("a window of " + std::to_string(options_.in_steps) + " + " +
                          std::to_string(options_.out_steps) + " steps, " + std::to_string(options_.dt) +
                          " apart",
                      "positive numbers");
  if (options_.normalization != "" && options_.normalization != "zscore" && options_.normalization != "rms")
    throw usage_error("normalisation '" + options_.normalization + "'", "zscore, rms or nothing");
  std::vector<fs::path> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder / "data" / split, error))
    if (entry.path().extension() == ".h5" || entry.path().extension() == ".hdf5")
      paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  if (paths.empty())
    throw data_error("no files in " + (folder / "data" / split).string(), "*.h5 or *.hdf5 files");
  shortest_ = std::numeric_limits<int64_t>::max();
  for (const auto& path : paths) {
    files_.push_back(std::make_unique<WellFile>(path));
    shortest_ = std::min(shortest_, files_.back()->steps());
    check_alike(*files_.front(), *files_.back());
  }
  const int64_t reach = 1 + options_.dt * (options_.in_steps + options_.out_steps - 1);
  for (const auto& file : files_) {
    windows_.push_back(options_.whole ? 1 : std::max<int64_t>(0, file->steps() - reach + 1));
    if (windows_.back() < 1)
      throw data_error(file->path() + " has runs of " + std::to_string(file->steps()) + " frames",
                       "at least " + std::to_string(reach) + " for a window");
    size_ += windows_.back() * file->trajectories();
  }
  if (options_.whole && shortest_ <= std::max(options_.in_steps * options_.dt, options_.start))
    throw data_error(folder.string() + " has runs of " + std::to_string(shortest_) + " frames",
                     "more than the " + std::to_string(options_.in_steps * options_.dt) + " of the input");
  if (!options_.normalization.empty()) {
    statistics_path_ = (folder / "stats.yaml").string();
    statistics_ = core::read_yaml(statistics_path_);
  }
}

WellSamples::Window WellSamples::window(int64_t index) const {
  if (index < 0 || index >= size_)
    throw usage_error("sample " + std::to_string(index), "0 to " + std::to_string(size_ - 1));
  for (size_t f = 0; f < files_.size(); ++f) {
    const int64_t here = windows_[f] * files_[f]->trajectories();
    if (index >= here) {
      index -= here;
      continue;
    }
    Window w{files_[f].get(), index / windows_[f], index % windows_[f],
             options_.in_steps + options_.out_steps};
    if (options_.whole) {
      const int64_t first = std::max(options_.in_steps * options_.dt, options_.start);
      w.begin = first - options_.in_steps * options_.dt;
      w.steps = options_.in_steps + std::min((shortest_ - first) / options_.dt, options_.max_rollout);
    }
    return w;
  }
  throw usage_error("sample beyond the last file");
}

void WellSamples::normalise(const WellQuantity& field, core::Array& values) const {
  if (options_.normalization.empty()) return;
  const auto statistic = [&](const char* kind) {
    const auto group = statistics_.find(kind);
    if (group == statistics_.end() || !group->contains(field.name))
      throw data_error(statistics_path_ + " has no '" + kind + "' of field '" + field.name + "'",
                       "a statistic for every field");
    std::vector<float> out;
    flatten((*group)[field.name], statistics_path_ + ": " + kind + " of " + field.name, out);
    if (out.empty() || values.numel() % static_cast<int64_t>(out.size()) != 0)
      throw data_error(statistics_path_ + ": " + kind + " of " + field.name + " has " +
                           std::to_string(out.size()) + " numbers",
                       "one per component");
    return out;
  };
  const bool zscore = options_.normalization == "zscore";
  const auto scale = statistic(zscore ? "std" : "rms");
  const auto shift = zscore ? statistic("mean") : std::vector<float>(scale.size(), 0.0f);
  for (size_t k = 0; k < values.data.size(); ++k)
    values.data[k] =
        (values.data[k] - shift[k % shift.size()]) / std::max(scale[k % scale.size()], kSmallestScale);
}

void WellSamples::add_fields(const Window& w, std::map<std::string, core::Array>& out) const {
  core::Shape constant_shape = w.file->resolution();
  constant_shape.push_back(0);
  core::Shape variable_shape = constant_shape;
  variable_shape.insert(variable_shape.begin(), w.steps);
  core::Array variable(variable_shape), constant(constant_shape);
  const int64_t points = core::numel(w.file->resolution());
  for (const auto& field : w.file->fields()) {
    core::Array values = w.file->read(field, w.run, w.begin, w.steps, options_.dt);
    normalise(field, values);
    if (field.time_varying)
      append_channels(variable, values, w.steps * points);
    else
      append_channels(constant, values, points);
  }
  divide(variable, options_.in_steps, "fields", out);
  if (constant.shape.back() > 0) out["constant_fields"] = constant;
}

void WellSamples::add_scalars(const Window& w, std::map<std::string, core::Array>& out) const {
  core::Array variable({w.steps, 0}), constant({1, 0});
  for (const auto& scalar : w.file->scalars()) {
    const auto values = w.file->scalar(scalar, w.run, w.begin, w.steps, options_.dt);
    if (scalar.time_varying)
      append_channels(variable, core::Array({w.steps, 1}, values), w.steps);
    else
      append_channels(constant, core::Array({1, 1}, values), 1);
  }
  divide(variable, options_.in_steps, "scalars", out);
  if (constant.shape.back() > 0)
    out["constant_scalars"] = core::Array({constant.shape.back()}, constant.data);
}

std::map<std::string, core::Array> WellSamples::sample(int64_t index) const {
  const Window w = window(index);
  std::map<std::string, core::Array> out;
  add_fields(w, out);
  add_scalars(w, out);
  out["boundary_conditions"] = w.file->boundaries(w.run);
  out["space_grid"] = w.file->grid(w.run);
  const auto all = w.file->times(w.run);
  core::Array times({w.steps});
  for (int64_t k = 0; k < w.steps; ++k)
    times.data[static_cast<size_t>(k)] =
        static_cast<float>(all.at(static_cast<size_t>(w.begin + k * options_.dt)));
  const float earliest = *std::min_element(times.data.begin(), times.data.end());
  for (auto& time : times.data) time -= earliest;
  divide(times, options_.in_steps, "time_grid", out);
  return out;
}

}  // namespace windtunnel::datasets

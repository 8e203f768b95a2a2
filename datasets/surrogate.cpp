#include "datasets/surrogate.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "datasets/formats/arrow_table.h"
#include "datasets/formats/hdf5_file.h"
#include "datasets/formats/hdf5_values.h"
#include "datasets/formats/hdf5_writer.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kPublishedStep = 20;

std::vector<float> parameters_of(const Scenario& scenario, const std::string& id) {
  const auto values = scenario.parse_name(id);
  if (!values) throw data_error("clip '" + id + "' has no parameters in its name", scenario.file_pattern);
  return {values->begin(), values->end()};
}

/// (step,H,W,C) and the parameters as constant planes.
core::Array with_planes(const float* fields, const core::Shape& shape, const std::vector<float>& planes) {
  const int64_t channels = shape.back(), more = static_cast<int64_t>(planes.size());
  core::Shape joined = shape;
  joined.back() += more;
  core::Array out(joined);
  for (int64_t k = 0; k < core::numel(shape) / channels; ++k) {
    std::copy_n(fields + k * channels, channels, out.data.data() + k * (channels + more));
    std::copy(planes.begin(), planes.end(), out.data.data() + k * (channels + more) + channels);
  }
  return out;
}

void check_finite(const core::Array& values, const std::string& place) {
  if (std::any_of(values.data.begin(), values.data.end(), [](float v) { return !std::isfinite(v); }))
    throw data_error(place + " has values that are not finite", "finite values");
}

class Hdf5Clips : public SurrogateClips {
 public:
  Hdf5Clips(const Scenario& scenario, const fs::path& root, int64_t step)
      : scenario_(scenario),
        real_(scenario.folder(root, "real_surrogate_train")),
        simulated_(scenario.folder(root, "numerical_surrogate_train")) {
    for (const auto& entry : fs::directory_iterator(simulated_))
      if (entry.path().extension() == ".h5") ids_.push_back(entry.path().filename().string());
    std::sort(ids_.begin(), ids_.end());
    if (ids_.empty()) throw data_error("no clips in " + simulated_.string(), "*.h5 files");
    frames_ = arrays(ids_.front()).first.shape()[0];
    step_ = step > 0 ? step : kPublishedStep;
    starts_ = frames_ - step_ + 1;
    if (starts_ < 1)
      throw usage_error(
          "windows of " + std::to_string(step_) + " frames from clips of " + std::to_string(frames_),
          "a shorter --step");
  }

  Sample window(const std::string& id, int64_t time) const override {
    const auto [fields, intensity] = arrays(id);
    std::vector<float> buffer;
    Sample sample;
    sample.trajectory = id;
    sample.time = time;
    const auto planes = parameters_of(scenario_, id);
    sample.parameters.assign(planes.begin(), planes.end());
    core::Shape shape = fields.shape();
    shape[0] = step_;
    sample.input = with_planes(fields.read(time, time + step_, buffer), shape, planes);
    check_finite(sample.input, fields.path());
    shape.back() = 1;
    const float* from = intensity.read(time, time + step_, buffer);
    sample.target = core::Array(shape, {from, from + core::numel(shape)});
    check_finite(sample.target, intensity.path());
    return sample;
  }

 private:
  std::pair<Hdf5Array, Hdf5Array> arrays(const std::string& id) const {
    std::pair<Hdf5Array, Hdf5Array> pair{
        Hdf5Array(std::make_shared<Hdf5File>(simulated_ / id), "measured_data", 4),
        Hdf5Array(std::make_shared<Hdf5File>(real_ / id), "trajectory", 3)};
    core::Shape expected = pair.first.shape();
    expected.pop_back();
    if (pair.second.shape() != expected || (frames_ && expected[0] != frames_))
      throw data_error(pair.second.path() + ": dataset 'trajectory' has shape " +
                           core::to_string(pair.second.shape()) + " beside simulated clips of " +
                           core::to_string(expected),
                       "clips of equal extent" + (frames_ ? ", " + std::to_string(frames_) + " frames" : ""));
    return pair;
  }

  Scenario scenario_;
  fs::path real_, simulated_;
};

class ArrowClips : public SurrogateClips {
 public:
  ArrowClips(const Scenario& scenario, const fs::path& root, int64_t step)
      : scenario_(scenario), table_(ArrowTable::open_folder(folder(scenario, root) / "surrogate_train")) {
    const fs::path meta = folder(scenario, root) / "surrogate_train_meta.json";
    const core::Json values = core::read_json(meta.string());
    const auto integer = [&](const char* key) {
      if (!values.is_object() || !values.contains(key) || !values[key].is_number_integer())
        throw data_error(meta.string() + " has no integer '" + key + "'", "step and n_sim_frame");
      return values[key].get<int64_t>();
    };
    step_ = integer("step");
    frames_ = integer("n_sim_frame");
    starts_ = frames_ - step_;
    if (step > 0 && step != step_)
      throw usage_error(
          "windows of " + std::to_string(step) + " frames",
          std::to_string(step_) + ", the length at which " + meta.string() + " says they were cut");
    const std::string list = values.value("sim_ids_file", "surrogate_train_sim_ids.txt");
    for (const auto& line :
         core::split(core::read_file(folder(scenario, root) / fs::path(list).filename()), '\n'))
      if (const std::string id = core::trim(line); !id.empty()) ids_.push_back(id);
    if (starts_ < 1 || table_.rows() != static_cast<int64_t>(ids_.size()) * starts_)
      throw data_error((folder(scenario, root) / "surrogate_train").string() + " has " +
                           std::to_string(table_.rows()) + " rows",
                       std::to_string(ids_.size()) + " clips times " + std::to_string(starts_) + " windows");
  }

  Sample window(const std::string& id, int64_t time) const override {
    const auto clip = std::find(ids_.begin(), ids_.end(), id);
    if (clip == ids_.end() || time < 0 || time >= starts_)
      throw usage_error("window " + std::to_string(time) + " of clip '" + id + "'",
                        "a listed clip and a start below " + std::to_string(starts_));
    const int64_t row = (clip - ids_.begin()) * starts_ + time;
    const std::string place = table_.file(row) + " (" + id + ", frame " + std::to_string(time) + ")";
    if (table_.text(row, "sim_id") != id || table_.integer(row, "time_id") != time)
      throw data_error(place + ": row " + std::to_string(row) + " holds " + table_.text(row, "sim_id"),
                       "rows in the order of the clips and their frames");
    Sample sample;
    sample.trajectory = id;
    sample.time = time;
    const auto planes = parameters_of(scenario_, id);
    sample.parameters.assign(planes.begin(), planes.end());
    const core::Array fields = values(row, "numerical", true, place);
    sample.input = with_planes(fields.data.data(), fields.shape, planes);
    sample.target = values(row, "real", false, place);
    sample.target.shape.push_back(1);
    check_finite(sample.input, place);
    check_finite(sample.target, place);
    return sample;
  }

 private:
  static fs::path folder(const Scenario& scenario, const fs::path& root) {
    return scenario.folder(root, "hf_dataset");
  }

  core::Array values(int64_t row, const std::string& column, bool channels, const std::string& place) const {
    core::Shape shape;
    for (const char* axis : {"_shape_t", "_shape_h", "_shape_w"})
      shape.push_back(table_.integer(row, column + axis).value_or(0));
    if (channels) shape.push_back(table_.integer(row, column + "_channels").value_or(0));
    const auto bytes = table_.bytes(row, column);
    int64_t elements = 1;
    bool fits = bytes.has_value() && shape[0] == step_;
    for (const int64_t n : shape) fits = fits && n > 0 && !__builtin_mul_overflow(elements, n, &elements);
    if (!fits || elements != static_cast<int64_t>(bytes->size() / sizeof(float)) ||
        bytes->size() % sizeof(float) != 0)
      throw data_error(place + ": column '" + column + "' has " + std::to_string(bytes ? bytes->size() : 0) +
                           " bytes for " + core::to_string(shape),
                       "float32 values of " + std::to_string(step_) + " frames");
    core::Array out(shape);
    std::memcpy(out.data.data(), bytes->data(), bytes->size());
    return out;
  }

  Scenario scenario_;
  ArrowTable table_;
};

}  // namespace

std::unique_ptr<SurrogateClips> SurrogateClips::open(const Scenario& scenario, const fs::path& root,
                                                     int64_t step, Flavour flavour) {
  std::error_code ignored;
  const fs::path hdf5 = scenario.folder(root, "numerical_surrogate_train"),
                 arrow = scenario.folder(root, "hf_dataset") / "surrogate_train";
  if (flavour != Flavour::arrow && fs::is_directory(hdf5, ignored))
    return std::make_unique<Hdf5Clips>(scenario, root, step);
  if (flavour != Flavour::hdf5 && fs::is_directory(arrow, ignored))
    return std::make_unique<ArrowClips>(scenario, root, step);
  throw data_error("no clips for a surrogate in " + scenario.home(root).string(),
                   hdf5.string() + " or " + arrow.string());
}

int64_t surrogate_length(int64_t clips, int64_t frames, bool test) {
  const int64_t n = clips * frames;
  return test ? static_cast<int64_t>(static_cast<double>(n) / 0.8 * (1 - 0.8)) : n;
}

Scenario simulated_part(const Scenario& scenario) {
  Scenario part = scenario;
  std::erase_if(part.fields, [](const FieldInfo& f) { return f.on(Side::real); });
  if (part.fields.empty())
    throw usage_error("scenario '" + scenario.name + "' has no fields of the simulated side alone",
                      "a scenario whose measured field is derived from simulated ones, such as combustion");
  return part;
}

core::Array derive_intensity(const Trajectory& trajectory, const Scenario& simulated, int64_t step,
                             const std::function<core::Array(const core::Array&)>& predict) {
  if (trajectory.frames() < step)
    throw data_error(trajectory.path() + " has " + std::to_string(trajectory.frames()) + " frames",
                     "at least the " + std::to_string(step) + " of a window");
  std::vector<int64_t> fields;
  for (int64_t i = 0; i < simulated.channels(); ++i) fields.push_back(i);
  const std::vector<float> planes(trajectory.parameters().begin(), trajectory.parameters().end());
  core::Array out({trajectory.frames(), trajectory.height(), trajectory.width()});
  const int64_t frame = trajectory.height() * trajectory.width();
  for (int64_t done = 0; done < trajectory.frames();) {
    const int64_t begin = std::min(done, trajectory.frames() - step);
    const core::Array values = trajectory.read(fields, begin, begin + step);
    const core::Array predicted = predict(with_planes(values.data.data(), values.shape, planes));
    std::copy(predicted.data.begin() + (done - begin) * frame, predicted.data.end(),
              out.data.begin() + done * frame);
    done = begin + step;
  }
  return out;
}

void write_surrogate(const Scenario& scenario, const fs::path& root, const std::string& id,
                     const core::Array& intensity) {
  const fs::path folder = scenario.folder(root, "surrogate");
  core::make_folder(folder);
  const Hdf5File source(scenario.folder(root, to_string(Side::numerical)) / id);
  core::write_atomic(folder / id, [&](const fs::path& path) {
    Hdf5Writer writer(path);
    writer.create("measured_data", intensity.shape);
    writer.write_frames("measured_data", 0, intensity.shape[0], intensity.data.data());
    for (const char* axis : {"time", "x", "y"})
      if (const auto values = hdf5_values(source, axis); values.there && !values.numbers.empty())
        writer.write_numbers(axis, values.shape, values.numbers);
    writer.close();
  });
}

}  // namespace windtunnel::datasets

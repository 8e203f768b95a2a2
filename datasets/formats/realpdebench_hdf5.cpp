#include "datasets/formats/realpdebench_hdf5.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "datasets/formats/hdf5_attributes.h"
#include "datasets/formats/hdf5_file.h"
#include "datasets/formats/hdf5_values.h"
#include "datasets/formats/place.h"
#include "datasets/formats/window_layout.h"
#include "datasets/formats/writers.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFormat = "realpdebench_hdf5";

class Hdf5Trajectory : public Trajectory {
 public:
  using Trajectory::read;

  Hdf5Trajectory(const Scenario& scenario, const fs::path& root, Side side, const std::string& id) {
    id_ = id;
    parameters_ = scenario.parse_name(id, side).value_or(std::vector<double>());
    path_ = (scenario.folder(root, to_string(side)) / id).string();
    std::map<std::string, std::shared_ptr<const Hdf5File>> files;
    std::map<std::pair<std::string, std::string>, size_t> known;
    for (const auto& field : scenario.fields) {
      sources_.push_back({});
      names_.push_back(field.name);
      if (!field.on(side)) continue;
      const Place place = parse_place(field.place(kFormat, side));
      auto& file = files[place.folder];
      if (!file)
        file = std::make_shared<Hdf5File>(
            scenario.folder(root, place.folder.empty() ? to_string(side) : place.folder) / id);
      const auto key = std::pair(place.folder, place.dataset);
      if (!known.count(key)) {
        known[key] = arrays_.size();
        arrays_.emplace_back(file, place.dataset, place.channel < 0 ? 3 : 4);
      }
      sources_.back() = {static_cast<int64_t>(known[key]), std::max<int64_t>(place.channel, 0)};
      fit(arrays_[known[key]], place);
    }
  }

  std::string path() const override { return path_; }

  std::vector<double> times() const override {
    const Hdf5File file(path_);
    for (const char* name : {"t", "measured_data/t", "time"})
      if (const auto values = hdf5_values(file, name); values.there) return values.numbers;
    return {};
  }

  std::vector<Axis> axes() const override {
    const Hdf5File file(path_);
    std::vector<Axis> out;
    for (const char* name : {"x", "y"}) {
      auto values = hdf5_values(file, name);
      if (!values.there || values.numbers.empty()) continue;
      if (values.shape.size() == 3) {  // one grid per frame: the first
        values.shape.erase(values.shape.begin());
        values.numbers.resize(static_cast<size_t>(core::numel(values.shape)));
      }
      out.push_back({name, values.shape, values.numbers});
    }
    return out;
  }

  core::Json attributes() const override { return hdf5_attributes(Hdf5File(path_)); }
  std::vector<std::string> unnamed() const override {
    const auto file = std::make_shared<const Hdf5File>(path_);
    std::vector<std::string> list;
    for (const auto& name : file->objects()) {
      const bool known = name == "x" || name == "y" ||  // grids may have three axes
                         std::any_of(arrays_.begin(), arrays_.end(), [&](const Hdf5Array& a) {
                           return a.path() == path_ && a.name() == name;
                         });
      if (!known && file->rank(name) >= 3) list.push_back(name);
    }
    return list;
  }

  void read(const std::vector<int64_t>& fields, int64_t begin, int64_t end, int64_t stride, float* out,
            int64_t step) const override {
    std::vector<ChannelSource> channels;
    for (const int64_t field : fields) channels.push_back({field});
    deliver(channels, begin, end, stride, out, step);
  }

  void deliver(const std::vector<ChannelSource>& channels, int64_t begin, int64_t end, int64_t stride,
               float* out, int64_t step) const override {
    check_frames(begin, end);
    thread_local std::vector<std::vector<float>> buffers;
    if (buffers.size() < arrays_.size()) buffers.resize(arrays_.size());
    std::vector<const float*> data(arrays_.size(), nullptr);
    for (const auto& c : channels) {
      if (c.field < 0) continue;
      const auto a = static_cast<size_t>(source(c.field).array);
      if (!data[a]) data[a] = arrays_[a].read(begin, end, buffers[a]);
    }
    const WindowExtent extent{end - begin, height_, width_, stride};
    std::vector<StoredChannel> stored;
    for (const auto& c : channels) {
      stored.emplace_back();
      if (c.field < 0) continue;
      const Source& from = sources_[static_cast<size_t>(c.field)];
      stored.back() = extent.dense(data[static_cast<size_t>(from.array)] + from.channel, depth(from));
    }
    if (lay_out(channels, stored, extent, out, step)) return;
    std::vector<std::string> places;
    for (const auto& c : channels) {
      places.emplace_back();
      if (c.field < 0) continue;
      const auto array = static_cast<size_t>(sources_[static_cast<size_t>(c.field)].array);
      places.back() = arrays_[array].path() + ": field '" + names_[static_cast<size_t>(c.field)] + "'";
    }
    throw_not_finite(places, stored, extent, begin);
  }

 private:
  struct Source {
    int64_t array = -1, channel = 0;
  };

  const Source& source(int64_t field) const {
    const Source& s = sources_.at(static_cast<size_t>(field));
    if (s.array < 0)
      throw data_error(path_ + ": field '" + names_[static_cast<size_t>(field)] + "' is not on this side");
    return s;
  }

  /// The first array decides the extent.
  void fit(const Hdf5Array& array, const Place& place) {
    const auto& shape = array.shape();
    if (place.channel >= 0 && place.channel >= shape[3])
      throw data_error(array.path() + ": dataset '" + array.name() + "' has shape " + core::to_string(shape),
                       "at least " + std::to_string(place.channel + 1) + " channels");
    if (frames_ == 0 && height_ == 0) {
      frames_ = shape[0];
      height_ = shape[1];
      width_ = shape[2];
      if (frames_ < 1 || height_ < 1 || width_ < 1)
        throw data_error(
            array.path() + ": dataset '" + array.name() + "' has shape " + core::to_string(shape),
            "no empty axis");
      return;
    }
    const bool elsewhere = array.path() != arrays_.front().path();
    if (shape[1] == height_ && shape[2] == width_ && shape[0] == frames_) return;
    if (elsewhere && shape[1] == height_ && shape[2] == width_) {
      frames_ = std::min(frames_, shape[0]);  // a side file may be longer or shorter by a partial window
      return;
    }
    throw data_error(array.path() + ": dataset '" + array.name() + "' has shape " + core::to_string(shape),
                     "(" + std::to_string(frames_) + ", " + std::to_string(height_) + ", " +
                         std::to_string(width_) + ") like dataset '" + arrays_.front().name() + "' of " +
                         arrays_.front().path());
  }

  int64_t depth(const Source& from) const {
    const auto& shape = arrays_[static_cast<size_t>(from.array)].shape();
    return shape.size() == 4 ? shape[3] : 1;
  }

  std::string path_;
  std::vector<Hdf5Array> arrays_;
  std::vector<Source> sources_;  ///< by field of the scenario
  std::vector<std::string> names_;
};

class Hdf5Store : public TrajectoryStore {
 public:
  Hdf5Store(Scenario scenario, fs::path root, Side side)
      : scenario_(std::move(scenario)), root_(std::move(root)), side_(side) {
    for (const auto& entry : fs::directory_iterator(scenario_.folder(root_, to_string(side))))
      if (entry.path().extension() == ".h5") ids_.push_back(entry.path().filename().string());
    std::sort(ids_.begin(), ids_.end());
  }

  std::vector<std::string> ids() const override { return ids_; }

  std::shared_ptr<const Trajectory> open(const std::string& id) const override {
    return std::make_shared<Hdf5Trajectory>(scenario_, root_, side_, id);
  }

 private:
  Scenario scenario_;
  fs::path root_;
  Side side_;
  std::vector<std::string> ids_;
};

bool detect(const Scenario& scenario, const fs::path& root, Side side) {
  std::error_code error;
  const fs::directory_iterator folder(scenario.folder(root, to_string(side)), error);
  if (error) return false;
  return std::any_of(begin(folder), end(folder),
                     [](const auto& entry) { return entry.path().extension() == ".h5"; });
}

const FormatRegistration registration{
    {kFormat, "one HDF5 file per trajectory in <scenario>/{real,numerical,surrogate}", "built in", detect,
     open_realpdebench_hdf5, write_realpdebench_hdf5}};

}  // namespace

std::unique_ptr<TrajectoryStore> open_realpdebench_hdf5(const Scenario& scenario, const fs::path& root,
                                                        Side side) {
  return std::make_unique<Hdf5Store>(scenario, root, side);
}

}  // namespace windtunnel::datasets

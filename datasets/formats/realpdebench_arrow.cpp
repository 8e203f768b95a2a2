#include "datasets/formats/realpdebench_arrow.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <map>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"
#include "datasets/formats/arrow_rows.h"
#include "datasets/formats/arrow_table.h"
#include "datasets/formats/place.h"
#include "datasets/formats/window_layout.h"
#include "datasets/formats/writers.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFormat = "realpdebench_arrow";
using Version = std::array<int, 3>;
constexpr Version kLayout = {0, 2, 0};

std::optional<Version> parse_version(const std::string& text) {
  Version version{};
  const auto parts = core::split(text, '.');
  if (parts.size() < version.size()) return {};
  for (size_t i = 0; i < version.size(); ++i) {
    const char* end = parts[i].data() + parts[i].size();
    const auto r = std::from_chars(parts[i].data(), end, version[i]);
    if (r.ec != std::errc() || r.ptr != end) return {};
  }
  return version;
}

/// Refuses data made for a later layout. An absent or unreadable statement is no statement.
void check_version(const fs::path& root) {
  const fs::path path = root / "version.json";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return;
  const core::Json values = core::Json::parse(core::read_file(path), nullptr, false);
  if (!values.is_object() || !values.contains("min_code_version") || !values["min_code_version"].is_string())
    return;
  const std::string needed = values["min_code_version"];
  if (const auto version = parse_version(needed); version && *version > kLayout)
    throw data_error(path.string() + ": the data need a reader of version " + needed,
                     "the layout of version 0.2.0", "use a later release of this program");
}

class ArrowTrajectory : public Trajectory {
 public:
  using Trajectory::read;

  ArrowTrajectory(const Scenario& scenario, Side side, const std::string& id,
                  std::shared_ptr<const ArrowTable> table, int64_t row)
      : table_(std::move(table)), row_(row) {
    id_ = id;
    parameters_ = scenario.parse_name(id, side).value_or(std::vector<double>());
    frames_ = extent("shape_t");
    height_ = extent("shape_h");
    width_ = extent("shape_w");
    for (const auto& field : scenario.fields) {
      names_.push_back(field.name);
      sources_.push_back({});
      if (!field.on(side)) continue;
      const Place place = parse_place(field.place(kFormat, side));
      sources_.back() = find(place);
      used_.insert(place.dataset);
    }
  }

  std::string path() const override { return table_->file(row_) + " (" + id_ + ")"; }

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
    if (buffers.size() < channels.size()) buffers.resize(channels.size());
    const WindowExtent extent{end - begin, height_, width_, stride};
    std::vector<StoredChannel> stored(channels.size());
    for (size_t c = 0; c < channels.size(); ++c)
      if (channels[c].field >= 0) stored[c] = window(source(channels[c].field), begin, extent, buffers[c]);
    if (lay_out(channels, stored, extent, out, step)) return;
    std::vector<std::string> places;
    for (const auto& c : channels)
      places.push_back(c.field < 0 ? "" : path() + ": field '" + names_[static_cast<size_t>(c.field)] + "'");
    throw_not_finite(places, stored, extent, begin);
  }

  /// Columns as long as a frame series that no field reads.
  std::vector<std::string> unnamed() const override {
    const auto series = static_cast<size_t>(frames_ * height_ * width_) * sizeof(float);
    std::vector<std::string> list;
    for (const auto& column : table_->columns())
      if (!used_.count(column) && table_->has_bytes(row_, column) &&
          table_->bytes(row_, column).value_or("").size() >= series)
        list.push_back(column);
    return list;
  }

  std::vector<double> times() const override {
    return table_->has(row_, "t") ? numbers("t", {"t_shape"}).values : std::vector<double>();
  }

  core::Json attributes() const override {
    const core::Json values =
        core::Json::parse(table_->note(row_, arrow_note_name(id_)).value_or("{}"), nullptr, false);
    return values.is_object() ? values : core::Json::object();
  }

  std::vector<Axis> axes() const override {
    std::vector<Axis> out;
    for (const std::string name : {"x", "y"}) {
      if (!table_->has(row_, name)) continue;
      const bool one = table_->has(row_, name + "_shape");
      Axis axis =
          one ? numbers(name, {name + "_shape"}) : numbers(name, {name + "_shape_h", name + "_shape_w"});
      if (!axis.values.empty()) out.push_back(std::move(axis));
    }
    return out;
  }

 private:
  struct Source {
    const char* data = nullptr;
    int64_t element = 0, channels = 1, channel = 0;
  };

  const Source& source(int64_t field) const {
    const Source& s = sources_.at(static_cast<size_t>(field));
    if (!s.data)
      throw data_error(path() + ": field '" + names_[static_cast<size_t>(field)] + "' is not on this side");
    return s;
  }

  int64_t extent(const std::string& column) const {
    const auto value = table_->integer(row_, column);
    if (!value || *value < 1)
      throw data_error(path() + ": column '" + column + "' is " + (value ? std::to_string(*value) : "null"),
                       "a number of points");
    return *value;
  }

  /// Coordinates, float32 or float64; empty if null. A second extent of 0 stands for one dimension.
  Axis numbers(const std::string& column, const std::vector<std::string>& extents) const {
    Axis axis{column, {}, {}};
    const auto value = table_->bytes(row_, column);
    if (!value) return axis;
    for (const auto& name : extents)
      if (const int64_t n = table_->integer(row_, name).value_or(0); n != 0) axis.shape.push_back(n);
    int64_t count = 1;
    bool fits = true;
    for (const int64_t n : axis.shape) fits = fits && n > 0 && !__builtin_mul_overflow(count, n, &count);
    const size_t element = fits ? value->size() / static_cast<size_t>(count) : 0;
    if (!fits || element * static_cast<size_t>(count) != value->size() ||
        (element != sizeof(float) && element != sizeof(double)))
      wrong_length(column, value->size(), axis.shape);
    axis.values.resize(static_cast<size_t>(count));
    for (size_t i = 0; i < axis.values.size(); ++i) {
      float single = 0;
      std::memcpy(element == sizeof(double) ? static_cast<void*>(&axis.values[i]) : &single,
                  value->data() + i * element, element);
      if (element == sizeof(float)) axis.values[i] = single;
    }
    return axis;
  }

  Source find(const Place& place) const {
    const auto value = table_->bytes(row_, place.dataset);
    if (!value)
      throw data_error(path() + ": column '" + place.dataset + "' is null", "the values of the field");
    Source s;
    s.data = value->data();
    core::Shape shape = {frames_, height_, width_};
    if (place.channel >= 0) {
      s.channel = place.channel;
      s.channels = extent(place.dataset + "_channels");
      if (s.channel >= s.channels)
        throw data_error(
            path() + ": column '" + place.dataset + "' has " + std::to_string(s.channels) + " channels",
            "at least " + std::to_string(s.channel + 1));
      shape.push_back(s.channels);
    }
    int64_t elements = 1;
    bool fits = true;
    for (const int64_t n : shape) fits = fits && !__builtin_mul_overflow(elements, n, &elements);
    const auto size = static_cast<int64_t>(value->size());
    s.element = fits ? size / elements : 0;
    if (!fits || s.element * elements != size ||
        (s.element != sizeof(float) && s.element != static_cast<int64_t>(sizeof(double))))
      wrong_length(place.dataset, value->size(), shape);
    return s;
  }

  [[noreturn]] void wrong_length(const std::string& column, size_t bytes, const core::Shape& shape) const {
    throw data_error(path() + ": column '" + column + "' has " + std::to_string(bytes) + " bytes",
                     "4 or 8 bytes for each of " + core::to_string(shape) + " values");
  }

  /// The window from frame `begin` on where it lies in the mapped row; doubles, and floats at odd addresses,
  /// are copied to `buffer`.
  StoredChannel window(const Source& s, int64_t begin, const WindowExtent& extent,
                       std::vector<float>& buffer) const {
    const int64_t frame = height_ * width_;
    const char* from = s.data + (begin * frame * s.channels + s.channel) * s.element;
    if (s.element == sizeof(float) && reinterpret_cast<uintptr_t>(from) % alignof(float) == 0)
      return extent.dense(reinterpret_cast<const float*>(from), s.channels);
    buffer.resize(static_cast<size_t>(extent.frames * frame));
    for (size_t i = 0; i < buffer.size(); ++i, from += s.channels * s.element) {
      double wide = 0;
      if (s.element == sizeof(float)) {
        std::memcpy(&buffer[i], from, sizeof(float));
      } else {
        std::memcpy(&wide, from, sizeof wide);
        buffer[i] = static_cast<float>(wide);
      }
    }
    return extent.dense(buffer.data());
  }

  std::shared_ptr<const ArrowTable> table_;
  int64_t row_ = 0;
  std::vector<Source> sources_;  ///< by field of the scenario
  std::vector<std::string> names_;
  std::set<std::string> used_ = {"x", "y", "t"};  ///< columns
};

fs::path folder_of(const Scenario& scenario, const fs::path& root, Side side) {
  return scenario.folder(root, "hf_dataset") / to_string(side);
}

class ArrowStore : public TrajectoryStore {
 public:
  ArrowStore(const Scenario& scenario, const fs::path& root, Side side)
      : scenario_(scenario),
        side_(side),
        folder_(folder_of(scenario, root, side)),
        table_(std::make_shared<ArrowTable>(ArrowTable::open_folder(folder_))) {
    check_version(root);
    for (int64_t row = 0; row < table_->rows(); ++row) {
      const std::string id = table_->text(row, "sim_id");
      if (const auto [it, fresh] = rows_.emplace(id, row); !fresh)
        throw data_error(
            table_->file(row) + ": trajectory '" + id + "' is also in " + table_->file(it->second),
            "each sim_id once");
    }
  }

  std::vector<std::string> ids() const override {
    std::vector<std::string> list;
    for (const auto& [id, row] : rows_) list.push_back(id);
    return list;
  }
  std::shared_ptr<const Trajectory> open(const std::string& id) const override {
    const auto it = rows_.find(id);
    if (it == rows_.end())
      throw data_error("trajectory '" + id + "' is not in " + folder_.string(), "a row with this sim_id");
    return std::make_shared<ArrowTrajectory>(scenario_, side_, id, table_, it->second);
  }

 private:
  Scenario scenario_;
  Side side_;
  fs::path folder_;
  std::shared_ptr<const ArrowTable> table_;
  std::map<std::string, int64_t> rows_;
};

bool detect(const Scenario& scenario, const fs::path& root, Side side) {
  const fs::path folder = folder_of(scenario, root, side);
  std::error_code error;
  if (fs::exists(folder / "state.json", error)) return true;
  const fs::directory_iterator list(folder, error);
  return !error && std::any_of(begin(list), end(list),
                               [](const auto& entry) { return entry.path().extension() == ".arrow"; });
}

const FormatRegistration registration{
    {kFormat, "one Arrow row per trajectory in <scenario>/hf_dataset/<side>", "built in", detect,
     open_realpdebench_arrow, write_realpdebench_arrow, ".h5", append_realpdebench_arrow}};

}  // namespace

std::unique_ptr<TrajectoryStore> open_realpdebench_arrow(const Scenario& scenario, const fs::path& root,
                                                         Side side) {
  return std::make_unique<ArrowStore>(scenario, root, side);
}

}  // namespace windtunnel::datasets

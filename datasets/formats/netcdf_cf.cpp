#include "datasets/formats/netcdf_cf.h"

#include <netcdf.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/text.h"
#include "datasets/formats/hdf5_file.h"
#include "datasets/formats/hdf5_heap.h"
#include "datasets/formats/scatter.h"
#include "datasets/formats/window_layout.h"
#include "datasets/formats/writers.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFormat = "netcdf_cf";
enum Axis { kTime, kRow, kColumn, kOther };

/// An open file; every call happens under the lock of the HDF5 library, which NetCDF-4 uses.
class NetcdfFile {
 public:
  explicit NetcdfFile(const fs::path& path) : path_(path.string()) {
    const Hdf5Lock lock;
    check_netcdf_heaps(path);
    check(nc_open(path_.c_str(), NC_NOWRITE, &id_), "cannot be opened");
  }
  ~NetcdfFile() {
    const Hdf5Lock lock;
    nc_close(id_);
  }
  NetcdfFile(const NetcdfFile&) = delete;
  NetcdfFile& operator=(const NetcdfFile&) = delete;

  void check(int status, const std::string& what) const {
    if (status != NC_NOERR)
      throw data_error(path_ + ": " + what + ": " + nc_strerror(status),
                       "a whole NetCDF file with the scenario's fields");
  }
  int id() const { return id_; }
  const std::string& path() const { return path_; }

  std::string text(int variable, const char* attribute) const {
    size_t length = 0;
    nc_type type = NC_NAT;
    if (nc_inq_att(id_, variable, attribute, &type, &length) != NC_NOERR || type != NC_CHAR) return {};
    std::string value(length, '\0');
    nc_get_att_text(id_, variable, attribute, value.data());
    while (!value.empty() && value.back() == '\0') value.pop_back();
    return value;
  }
  /// Global attributes; those of another type than text and numbers are left out.
  core::Json attributes() const {
    const Hdf5Lock lock;
    core::Json all = core::Json::object();
    int count = 0;
    nc_inq_natts(id_, &count);
    for (int i = 0; i < count; ++i) {
      char name[NC_MAX_NAME + 1] = {};
      nc_type type = NC_NAT;
      if (nc_inq_attname(id_, NC_GLOBAL, i, name) != NC_NOERR ||
          nc_inq_atttype(id_, NC_GLOBAL, name, &type) != NC_NOERR)
        continue;
      if (type == NC_CHAR) {
        all[name] = text(NC_GLOBAL, name);
      } else if (type <= NC_UINT64) {
        const bool whole = type != NC_FLOAT && type != NC_DOUBLE;
        core::Json list = core::Json::array();
        for (const double number : numbers(NC_GLOBAL, name))
          list.push_back(whole ? core::Json(static_cast<int64_t>(number)) : core::Json(number));
        all[name] = list.size() == 1 ? list[0] : list;
      }
    }
    return all;
  }
  std::vector<double> numbers(int variable, const char* attribute) const {
    size_t length = 0;
    nc_type type = NC_NAT;
    if (nc_inq_att(id_, variable, attribute, &type, &length) != NC_NOERR || type == NC_CHAR ||
        type == NC_STRING)
      return {};
    std::vector<double> values(length);
    nc_get_att_double(id_, variable, attribute, values.data());
    return values;
  }

 private:
  std::string path_;
  int id_ = -1;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// What the coordinate variable of a dimension says it is.
Axis axis_of(const NetcdfFile& file, int dimension) {
  char name[NC_MAX_NAME + 1] = {};
  nc_inq_dimname(file.id(), dimension, name);
  int variable = -1;
  if (nc_inq_varid(file.id(), name, &variable) != NC_NOERR) return kOther;
  const std::string axis = lower(file.text(variable, "axis")),
                    standard = lower(file.text(variable, "standard_name"));
  const std::string units = lower(file.text(variable, "units"));
  if (axis == "t" || standard == "time" || units.find(" since ") != std::string::npos) return kTime;
  const auto is = [&](const std::string& letter, const std::string& degree,
                      const std::vector<std::string>& names) {
    return axis == letter || units.rfind(degree, 0) == 0 ||
           std::find(names.begin(), names.end(), standard) != names.end();
  };
  if (is("y", "degrees_north", {"latitude", "projection_y_coordinate", "grid_latitude"}) ||
      units.rfind("degree_north", 0) == 0)
    return kRow;
  if (is("x", "degrees_east", {"longitude", "projection_x_coordinate", "grid_longitude"}) ||
      units.rfind("degree_east", 0) == 0)
    return kColumn;
  return kOther;
}

/// Seconds in "days" of "days since 1900-01-01"; 0 if the unit is not known.
double seconds_of(const std::string& units) {
  const std::string unit = lower(core::trim(units.substr(0, lower(units).find(" since "))));
  constexpr double day = 86400, year = 365.2425 * day;
  const std::vector<std::pair<std::vector<std::string>, double>> known = {
      {{"second", "seconds", "sec", "secs", "s"}, 1},
      {{"minute", "minutes", "min", "mins"}, 60},
      {{"hour", "hours", "hr", "hrs", "h"}, 3600},
      {{"day", "days", "d"}, day},
      {{"week", "weeks"}, 7 * day},
      {{"month", "months"}, year / 12},
      {{"year", "years", "yr", "yrs"}, year},
      {{"millisecond", "milliseconds", "msec", "ms"}, 1e-3}};
  for (const auto& [names, seconds] : known)
    if (std::find(names.begin(), names.end(), unit) != names.end()) return seconds;
  return 0;
}

/// A variable with its axes found and the rules of its values.
struct Variable {
  int id = -1;
  std::vector<size_t> extent;     ///< of all dimensions, as stored
  std::array<int, 3> position{};  ///< of time, row, column among them
  int time_dimension = -1, row_dimension = -1, column_dimension = -1;
  nc_type type = NC_NAT;
  double scale = 1, offset = 0;
  bool packed = false;
  std::vector<double> missing;
  double valid_min = -std::numeric_limits<double>::infinity(),
         valid_max = std::numeric_limits<double>::infinity();
  std::string fill;  ///< rule, empty: none

  int64_t size(Axis axis) const { return static_cast<int64_t>(extent[static_cast<size_t>(position[axis])]); }
};

Variable find_variable(const NetcdfFile& file, const std::string& name) {
  Variable v;
  if (nc_inq_varid(file.id(), name.c_str(), &v.id) != NC_NOERR) {
    int count = 0;
    nc_inq_nvars(file.id(), &count);
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) {
      char text[NC_MAX_NAME + 1] = {};
      nc_inq_varname(file.id(), i, text);
      names.push_back(text);
    }
    throw data_error(file.path() + " has no variable '" + name + "'", "one of " + core::join(names, ", "),
                     core::suggestion(name, names));
  }
  int rank = 0;
  nc_type type = NC_NAT;
  file.check(nc_inq_varndims(file.id(), v.id, &rank), "variable " + name);
  std::vector<int> dimensions(static_cast<size_t>(rank));
  file.check(nc_inq_vardimid(file.id(), v.id, dimensions.data()), "variable " + name);
  nc_inq_vartype(file.id(), v.id, &type);
  if (type == NC_CHAR || type == NC_STRING || type > NC_MAX_ATOMIC_TYPE)
    throw data_error(file.path() + ": variable '" + name + "' does not hold numbers", "a numeric variable");

  v.position.fill(-1);
  std::vector<int> unnamed;
  for (int d = 0; d < rank; ++d) {
    size_t length = 0;
    nc_inq_dimlen(file.id(), dimensions[static_cast<size_t>(d)], &length);
    v.extent.push_back(length);
    const Axis axis = axis_of(file, dimensions[static_cast<size_t>(d)]);
    if (axis != kOther && v.position[axis] < 0)
      v.position[axis] = d;
    else if (length != 1)
      unnamed.push_back(d);
  }
  // Axes that say nothing fill the open places from the right: column, row, time.
  for (const Axis axis : {kColumn, kRow, kTime})
    if (v.position[axis] < 0 && !unnamed.empty()) {
      v.position[axis] = unnamed.back();
      unnamed.pop_back();
    }
  if (*std::min_element(v.position.begin(), v.position.end()) < 0 || !unnamed.empty())
    throw data_error(file.path() + ": variable '" + name + "' has " + std::to_string(rank) +
                         " axes that are not time, row and column",
                     "three axes of more than one point (others of length 1)");
  v.time_dimension = dimensions[static_cast<size_t>(v.position[kTime])];
  v.row_dimension = dimensions[static_cast<size_t>(v.position[kRow])];
  v.column_dimension = dimensions[static_cast<size_t>(v.position[kColumn])];

  const auto number = [&](const char* attribute, double& value) {
    if (const auto list = file.numbers(v.id, attribute); !list.empty()) value = list.front();
  };
  number("scale_factor", v.scale);
  number("add_offset", v.offset);
  v.type = type;
  v.packed = v.scale != 1 || v.offset != 0;
  for (const char* attribute : {"_FillValue", "missing_value"})
    for (const double value : file.numbers(v.id, attribute)) v.missing.push_back(value);
  if (v.missing.empty() && type == NC_FLOAT) v.missing.push_back(NC_FILL_FLOAT);
  if (v.missing.empty() && type == NC_DOUBLE) v.missing.push_back(NC_FILL_DOUBLE);
  number("valid_min", v.valid_min);
  number("valid_max", v.valid_max);
  if (const auto range = file.numbers(v.id, "valid_range"); range.size() == 2) {
    v.valid_min = range[0];
    v.valid_max = range[1];
  }
  return v;
}

class NetcdfTrajectory : public Trajectory {
 public:
  using Trajectory::read;

  NetcdfTrajectory(const Scenario& scenario, const fs::path& root, Side side, const std::string& id)
      : file_(scenario.folder(root, to_string(side)) / id) {
    id_ = id;
    parameters_ = scenario.parse_name(id, side).value_or(std::vector<double>());
    const Hdf5Lock lock;
    for (const auto& field : scenario.fields) {
      names_.push_back(field.name);
      variables_.push_back({});
      arrays_.emplace_back();
      if (!field.on(side)) continue;
      Variable& v = variables_.back() = find_variable(file_, field.place(kFormat, side));
      if (const auto rule = scenario.fill.find(field.name); rule != scenario.fill.end())
        v.fill = rule->second;
      if (frames_ == 0) {
        frames_ = v.size(kTime);
        height_ = v.size(kRow);
        width_ = v.size(kColumn);
        read_times(v.time_dimension);
        read_axis("x", v.column_dimension, width_);
        read_axis("y", v.row_dimension, height_);
      }
      arrays_.back() = direct(v, field.place(kFormat, side));
      if (v.size(kTime) != frames_ || v.size(kRow) != height_ || v.size(kColumn) != width_ || frames_ == 0)
        throw data_error(
            path() + ": field '" + field.name + "' has " +
                core::to_string({v.size(kTime), v.size(kRow), v.size(kColumn)}) + " points",
            core::to_string({frames_, height_, width_}) + " (time, row, column) like the first field");
    }
  }

  std::string path() const override { return file_.path(); }
  std::vector<double> times() const override { return times_; }
  std::vector<datasets::Axis> axes() const override { return axes_; }
  core::Json attributes() const override { return file_.attributes(); }

  /// Variables of three and more axes.
  std::vector<std::string> unnamed() const override {
    const Hdf5Lock lock;
    int count = 0;
    nc_inq_nvars(file_.id(), &count);
    std::vector<std::string> list;
    for (int id = 0; id < count; ++id) {
      char name[NC_MAX_NAME + 1] = {};
      int rank = 0;
      nc_inq_varname(file_.id(), id, name);
      nc_inq_varndims(file_.id(), id, &rank);
      const bool known =
          std::any_of(variables_.begin(), variables_.end(), [&](const Variable& v) { return v.id == id; });
      if (rank >= 3 && !known) list.push_back(name);
    }
    return list;
  }

  void read(const std::vector<int64_t>& fields, int64_t begin, int64_t end, int64_t stride, float* out,
            int64_t step) const override {
    check_frames(begin, end);
    if (begin == end) return;
    const int64_t rows = (height_ + stride - 1) / stride, columns = (width_ + stride - 1) / stride;
    std::vector<float> dense;
    for (size_t i = 0; i < fields.size(); ++i) {
      load(fields[i], begin, end, dense);
      for (int64_t t = 0; t < end - begin; ++t)
        for (int64_t row = 0; row < rows; ++row)
          if (!scatter(dense.data() + (t * height_ + row * stride) * width_, columns, stride,
                       out + (t * rows + row) * columns * step + static_cast<int64_t>(i), step))
            throw data_error(path() + ": field '" + names_[static_cast<size_t>(fields[i])] +
                                 "' is infinite at frame " + std::to_string(begin + t) + ", row " +
                                 std::to_string(row * stride),
                             "finite values");
    }
  }

  void deliver(const std::vector<ChannelSource>& channels, int64_t begin, int64_t end, int64_t stride,
               float* out, int64_t step) const override {
    check_frames(begin, end);
    if (begin == end) return;
    const WindowExtent extent{end - begin, height_, width_, stride};
    thread_local std::vector<std::vector<float>> raw, dense;
    if (raw.size() < channels.size()) {
      raw.resize(channels.size());
      dense.resize(channels.size());
    }
    std::vector<StoredChannel> stored(channels.size());
    for (size_t c = 0; c < channels.size(); ++c) {
      const int64_t field = channels[c].field;
      if (field < 0) continue;
      if (arrays_.at(static_cast<size_t>(field))) {
        const auto found = window(field, begin, extent, raw[c], dense[c]);
        if (!found) return deliver_reference(channels, begin, end, stride, out, step);
        stored[c] = *found;
      } else {
        load(field, begin, end, dense[c]);
        stored[c] = extent.dense(dense[c].data());
      }
    }
    if (!lay_out(channels, stored, extent, out, step))
      deliver_reference(channels, begin, end, stride, out, step);  // its error names the place
  }

 private:
  void read_axis(const char* label, int dimension, int64_t length) {
    char name[NC_MAX_NAME + 1] = {};
    nc_inq_dimname(file_.id(), dimension, name);
    int variable = -1, rank = 0;
    nc_type type = NC_NAT;
    if (nc_inq_varid(file_.id(), name, &variable) != NC_NOERR ||
        nc_inq_varndims(file_.id(), variable, &rank) != NC_NOERR || rank != 1 ||
        nc_inq_vartype(file_.id(), variable, &type) != NC_NOERR || type == NC_CHAR || type > NC_UINT64)
      return;
    datasets::Axis axis{label, {length}, std::vector<double>(static_cast<size_t>(length))};
    file_.check(nc_get_var_double(file_.id(), variable, axis.values.data()), "coordinates cannot be read");
    axes_.push_back(std::move(axis));
  }

  void read_times(int dimension) {
    char name[NC_MAX_NAME + 1] = {};
    nc_inq_dimname(file_.id(), dimension, name);
    int variable = -1, rank = 0;
    nc_type type = NC_NAT;
    if (nc_inq_varid(file_.id(), name, &variable) != NC_NOERR ||
        nc_inq_varndims(file_.id(), variable, &rank) != NC_NOERR || rank != 1 ||
        nc_inq_vartype(file_.id(), variable, &type) != NC_NOERR || type == NC_CHAR || type > NC_UINT64)
      return;
    times_.resize(static_cast<size_t>(frames_));
    file_.check(nc_get_var_double(file_.id(), variable, times_.data()), "times cannot be read");
    const std::string units = file_.text(variable, "units");
    const double seconds = units.empty() ? 1 : seconds_of(units);
    if (seconds == 0)
      throw data_error(path() + ": times have units '" + units + "'",
                       "seconds, minutes, hours, days, months ... since a date");
    for (auto& time : times_) time *= seconds;
    for (size_t i = 1; i < times_.size(); ++i)
      if (!(times_[i] > times_[i - 1]))
        throw data_error(path() + ": time number " + std::to_string(i) + " does not follow the one before it",
                         "increasing times");
  }

  /// The variable of a NetCDF-4 file as HDF5 keeps it, where its values are exact in float32 before they are
  /// unpacked (doubles are delivered rounded).
  std::unique_ptr<Hdf5Array> direct(const Variable& v, const std::string& name) const {
    constexpr std::array kExact = {NC_FLOAT, NC_BYTE, NC_UBYTE, NC_SHORT, NC_USHORT};
    const bool exact = std::find(kExact.begin(), kExact.end(), v.type) != kExact.end();
    int format = 0;
    nc_inq_format(file_.id(), &format);
    if ((!exact && (v.type != NC_DOUBLE || v.packed)) ||
        (format != NC_FORMAT_NETCDF4 && format != NC_FORMAT_NETCDF4_CLASSIC))
      return nullptr;
    auto file = std::make_shared<const Hdf5File>(path(), true);
    if (!file->has(name) || file->has("_nc4_non_coord_" + name)) return nullptr;
    auto array = std::make_unique<Hdf5Array>(file, name);
    const core::Shape stored(v.extent.begin(), v.extent.end());
    return array->shape() == stored ? std::move(array) : nullptr;
  }

  /// A window of a field where it lies, or unpacked in `dense`. Nothing if a value may be missing.
  std::optional<StoredChannel> window(int64_t field, int64_t begin, const WindowExtent& extent,
                                      std::vector<float>& raw, std::vector<float>& dense) const {
    const Variable& v = variables_[static_cast<size_t>(field)];
    std::vector<int64_t> start(v.extent.size(), 0), count(v.extent.begin(), v.extent.end());
    start[static_cast<size_t>(v.position[kTime])] = begin;
    count[static_cast<size_t>(v.position[kTime])] = extent.frames;
    const Hdf5Block block = arrays_[static_cast<size_t>(field)]->block(start, count, raw);
    const auto step = [&](Axis axis) { return block.steps[static_cast<size_t>(v.position[axis])]; };
    const StoredChannel stored{block.data, step(kColumn), step(kRow), step(kTime)};
    if (may_miss(v, stored, extent)) return {};
    if (!v.packed) return stored;
    dense.resize(static_cast<size_t>(extent.frames * height_ * width_));
    float* out = dense.data();
    for (int64_t t = 0; t < extent.frames; ++t)
      for (int64_t row = 0; row < height_; ++row, out += width_)
        for (int64_t column = 0; column < width_; ++column)
          out[column] = static_cast<float>(
              static_cast<double>(
                  stored.data[t * stored.frame + row * stored.row_step + column * stored.step]) *
                  v.scale +
              v.offset);
    return extent.dense(dense.data());
  }

  /// False only if no stored value of the window is missing. Doubles were rounded: their limits count as
  /// well.
  static bool may_miss(const Variable& v, const StoredChannel& stored, const WindowExtent& extent) {
    constexpr float kMost = std::numeric_limits<float>::max();
    const bool rounded = v.type == NC_DOUBLE;
    float low = -kMost, high = kMost;
    if (v.valid_min > low) low = static_cast<float>(v.valid_min);
    if (v.valid_max < high) high = static_cast<float>(v.valid_max);
    const bool below = rounded || static_cast<double>(low) < v.valid_min,
               above = rounded || static_cast<double>(high) > v.valid_max;
    if (below && v.valid_min > -kMost) low = std::nextafter(low, kMost);
    if (above && v.valid_max < kMost) high = std::nextafter(high, -kMost);
    std::vector<float> missing;
    for (const double value : v.missing) missing.push_back(static_cast<float>(value));
    bool any = false;
    for (int64_t t = 0; t < extent.frames; ++t)
      for (int64_t row = 0; row < extent.height; ++row) {
        const float* from = stored.data + t * stored.frame + row * stored.row_step;
        for (int64_t column = 0; column < extent.width; ++column) {
          const float value = from[column * stored.step];
          any |= !(value >= low && value <= high);
        }
        for (const float gap : missing)
          for (int64_t column = 0; column < extent.width; ++column) any |= from[column * stored.step] == gap;
      }
    return any;
  }

  /// Frames (T,H,W) of one field, unpacked, with missing values treated: the reference form.
  void load(int64_t field, int64_t begin, int64_t end, std::vector<float>& dense) const {
    const Variable& v = variables_.at(static_cast<size_t>(field));
    if (v.id < 0)
      throw data_error(path() + ": field '" + names_[static_cast<size_t>(field)] + "' is not on this side");
    std::vector<size_t> start(v.extent.size(), 0), count = v.extent;
    start[static_cast<size_t>(v.position[kTime])] = static_cast<size_t>(begin);
    count[static_cast<size_t>(v.position[kTime])] = static_cast<size_t>(end - begin);
    std::vector<size_t> strides(count.size(), 1);
    for (size_t d = count.size(); d-- > 1;) strides[d - 1] = strides[d] * count[d];
    thread_local std::vector<double> stored;
    stored.resize(strides[0] * count[0]);
    {
      const Hdf5Lock lock;
      file_.check(nc_get_vara_double(file_.id(), v.id, start.data(), count.data(), stored.data()),
                  "field '" + names_[static_cast<size_t>(field)] + "' cannot be read");
    }
    const auto stride = [&](Axis axis) { return strides[static_cast<size_t>(v.position[axis])]; };
    dense.resize(static_cast<size_t>((end - begin) * height_ * width_));
    std::vector<size_t> gaps;
    size_t k = 0;
    for (int64_t t = 0; t < end - begin; ++t) {
      gaps.clear();
      double sum = 0;
      for (int64_t row = 0; row < height_; ++row)
        for (int64_t column = 0; column < width_; ++column, ++k) {
          const double raw =
              stored[static_cast<size_t>(t) * stride(kTime) + static_cast<size_t>(row) * stride(kRow) +
                     static_cast<size_t>(column) * stride(kColumn)];
          if (is_missing(v, raw)) {
            if (v.fill.empty()) missing_value(field, begin + t, row, column);
            gaps.push_back(k);
          } else {
            dense[k] = static_cast<float>(v.packed ? raw * v.scale + v.offset : raw);
            sum += dense[k];
          }
        }
      if (!gaps.empty()) fill(v, field, begin + t, gaps, sum, dense);
    }
  }

  static bool is_missing(const Variable& v, double raw) {
    return std::isnan(raw) || raw < v.valid_min || raw > v.valid_max ||
           std::find(v.missing.begin(), v.missing.end(), raw) != v.missing.end();
  }

  void fill(const Variable& v, int64_t field, int64_t frame, const std::vector<size_t>& gaps, double sum,
            std::vector<float>& dense) const {
    const auto present = static_cast<double>(height_ * width_) - static_cast<double>(gaps.size());
    if (v.fill == "frame_mean" && present == 0)
      throw data_error(path() + ": every value of field '" + names_[static_cast<size_t>(field)] +
                           "' is missing in frame " + std::to_string(frame),
                       "some values, as the fill rule frame_mean needs");
    const float value = v.fill == "zero" ? 0.0f : static_cast<float>(sum / present);
    for (const size_t gap : gaps) dense[gap] = value;
  }

  [[noreturn]] void missing_value(int64_t field, int64_t frame, int64_t row, int64_t column) const {
    throw data_error(path() + ": field '" + names_[static_cast<size_t>(field)] + "' is missing at frame " +
                         std::to_string(frame) + ", row " + std::to_string(row) + ", column " +
                         std::to_string(column),
                     "a value everywhere", "name a rule under 'fill' in the scenario: zero or frame_mean");
  }

  NetcdfFile file_;
  std::vector<Variable> variables_;                 ///< by field of the scenario
  std::vector<std::unique_ptr<Hdf5Array>> arrays_;  ///< beside them, where the library is not needed
  std::vector<std::string> names_;
  std::vector<double> times_;
  std::vector<datasets::Axis> axes_;
};

bool is_netcdf(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".nc" || extension == ".nc4" || extension == ".cdf";
}

class NetcdfStore : public TrajectoryStore {
 public:
  NetcdfStore(Scenario scenario, fs::path root, Side side)
      : scenario_(std::move(scenario)), root_(std::move(root)), side_(side) {
    for (const auto& entry : fs::directory_iterator(scenario_.folder(root_, to_string(side))))
      if (const std::string name = entry.path().filename().string();
          is_netcdf(entry.path()) && (scenario_.strict_names || scenario_.parse_name(name, side)))
        ids_.push_back(name);
    std::sort(ids_.begin(), ids_.end());
  }

  std::vector<std::string> ids() const override { return ids_; }
  std::shared_ptr<const Trajectory> open(const std::string& id) const override {
    return std::make_shared<NetcdfTrajectory>(scenario_, root_, side_, id);
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
  return std::any_of(begin(folder), end(folder), [](const auto& entry) { return is_netcdf(entry.path()); });
}

const FormatRegistration registration{{kFormat, "one CF NetCDF file per trajectory, named variables and axes",
                                       "built in", detect, open_netcdf_cf, write_netcdf_cf, ".nc",
                                       append_netcdf_cf}};

}  // namespace

std::unique_ptr<TrajectoryStore> open_netcdf_cf(const Scenario& scenario, const fs::path& root, Side side) {
  return std::make_unique<NetcdfStore>(scenario, root, side);
}

}  // namespace windtunnel::datasets

#include <netcdf.h>

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/text.h"
#include "datasets/formats/hdf5_file.h"
#include "datasets/formats/writers.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFormat = "netcdf_cf";
constexpr int64_t kChunkBytes = 64 << 20;

/// A new NetCDF-4 file; every call happens under the lock of the HDF5 library.
class NetcdfWriter {
 public:
  explicit NetcdfWriter(const fs::path& path) : path_(path.string()) {
    const Hdf5Lock lock;
    check(nc_create(path_.c_str(), NC_NETCDF4 | NC_CLOBBER, &id_));
  }
  ~NetcdfWriter() {
    const Hdf5Lock lock;
    if (id_ >= 0) nc_close(id_);
  }
  NetcdfWriter(const NetcdfWriter&) = delete;
  NetcdfWriter& operator=(const NetcdfWriter&) = delete;

  int dimension(const char* name, int64_t length) {
    const Hdf5Lock lock;
    int id = -1;
    check(nc_def_dim(id_, name, static_cast<size_t>(length), &id));
    return id;
  }
  int variable(const std::string& name, nc_type type, const std::vector<int>& dims,
               const std::vector<std::pair<std::string, std::string>>& texts) {
    const Hdf5Lock lock;
    int id = -1;
    check(nc_def_var(id_, name.c_str(), type, static_cast<int>(dims.size()), dims.data(), &id));
    check(nc_def_var_chunking(id_, id, NC_CONTIGUOUS, nullptr));
    for (const auto& [key, value] : texts) text(id, key, value);
    return id;
  }
  void text(int variable, const std::string& key, const std::string& value) {
    const Hdf5Lock lock;
    if (!value.empty()) check(nc_put_att_text(id_, variable, key.c_str(), value.size(), value.c_str()));
  }
  void number(int variable, const std::string& key, double value) {
    const Hdf5Lock lock;
    check(nc_put_att_double(id_, variable, key.c_str(), NC_DOUBLE, 1, &value));
  }
  /// Global attributes: texts, integers, numbers, lists of numbers; others are left out.
  void attributes(const core::Json& all) {
    for (const auto& [key, value] : all.items()) {
      const Hdf5Lock lock;
      const auto is_number = [](const core::Json& v) { return v.is_number(); };
      if (key.rfind("_", 0) == 0 || key.find('/') != std::string::npos) continue;  // not names for users
      if (value.is_string()) {
        text(NC_GLOBAL, key, value.get<std::string>());
      } else if (value.is_number_integer()) {
        const auto number = value.get<long long>();
        check(nc_put_att_longlong(id_, NC_GLOBAL, key.c_str(), NC_INT64, 1, &number));
      } else if (value.is_number()) {
        this->number(NC_GLOBAL, key, value.get<double>());
      } else if (value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), is_number)) {
        const auto list = value.get<std::vector<double>>();
        check(nc_put_att_double(id_, NC_GLOBAL, key.c_str(), NC_DOUBLE, list.size(), list.data()));
      }
    }
  }
  void put(int variable, const std::vector<double>& values) {
    const Hdf5Lock lock;
    check(nc_put_var_double(id_, variable, values.data()));
  }
  void put_frames(int variable, int64_t begin, const core::Array& frames) {
    const Hdf5Lock lock;
    const size_t start[] = {static_cast<size_t>(begin), 0, 0};
    const size_t count[] = {static_cast<size_t>(frames.shape[0]), static_cast<size_t>(frames.shape[1]),
                            static_cast<size_t>(frames.shape[2])};
    check(nc_put_vara_float(id_, variable, start, count, frames.data.data()));
  }
  void close() {
    const Hdf5Lock lock;
    check(nc_close(std::exchange(id_, -1)));
  }

 private:
  void check(int status) const {
    if (status != NC_NOERR)
      throw environment_error("cannot write " + path_ + ": " + nc_strerror(status),
                              "a folder with free space and write permission");
  }
  std::string path_;
  int id_ = -1;
};

/// One value per row or column if the coordinate does not vary along the other axis; otherwise nothing.
std::vector<double> along(const Axis& axis, bool columns) {
  if (axis.shape.size() == 1) return axis.values;
  const auto height = static_cast<size_t>(axis.shape.at(0)), width = static_cast<size_t>(axis.shape.at(1));
  std::vector<double> line;
  for (size_t k = 0; k < (columns ? width : height); ++k)
    line.push_back(axis.values[columns ? k : k * width]);
  for (size_t row = 0; row < height; ++row)
    for (size_t column = 0; column < width; ++column)
      if (axis.values[row * width + column] != line[columns ? column : row]) return {};
  return line;
}

void write_trajectory(const Scenario& to, Side side, const Trajectory& t, const fs::path& path) {
  NetcdfWriter file(path);
  const std::vector<int> dims = {file.dimension("time", t.frames()), file.dimension("y", t.height()),
                                 file.dimension("x", t.width())};
  const core::Json told = t.attributes();
  file.attributes(told);
  file.text(NC_GLOBAL, "Conventions", "CF-1.8");
  file.text(NC_GLOBAL, "title", to.title);
  file.text(NC_GLOBAL, "licence", to.licence);
  file.text(NC_GLOBAL, "scenario", to.name);
  file.text(NC_GLOBAL, "side", to_string(side));
  file.text(NC_GLOBAL, "trajectory", t.id());
  // Parameters as the file name gives them, unless the trajectory has something of this name to tell itself.
  for (size_t p = 0; p < std::min(t.parameters().size(), to.parameters.size()); ++p)
    if (!told.contains(to.parameters[p].name))
      file.number(NC_GLOBAL, to.parameters[p].name, t.parameters()[p]);

  const auto times = t.times();
  if (static_cast<int64_t>(times.size()) == t.frames())
    file.put(
        file.variable("time", NC_DOUBLE, {dims[0]}, {{"units", "s"}, {"axis", "T"}, {"long_name", "time"}}),
        times);
  std::string auxiliary;
  for (const auto& axis : t.axes()) {
    const bool columns = axis.name == "x";
    const auto line = along(axis, columns);
    if (static_cast<int64_t>(line.size()) == (columns ? t.width() : t.height())) {
      file.put(file.variable(axis.name, NC_DOUBLE, {dims[columns ? 2 : 1]}, {{"axis", columns ? "X" : "Y"}}),
               line);
    } else if (axis.shape == core::Shape{t.height(), t.width()}) {
      file.put(file.variable("grid_" + axis.name, NC_DOUBLE, {dims[1], dims[2]}, {}), axis.values);
      auxiliary += (auxiliary.empty() ? "grid_" : " grid_") + axis.name;
    }
  }
  for (const int64_t f : fields_on(to, side)) {
    const FieldInfo& field = to.fields[static_cast<size_t>(f)];
    const int variable = file.variable(field.place(kFormat, side), NC_FLOAT, dims,
                                       {{"units", field.unit},
                                        {"long_name", field.label.empty() ? field.name : field.label},
                                        {"coordinates", auxiliary}});
    const int64_t chunk = std::max<int64_t>(1, kChunkBytes / (t.height() * t.width() * 4));
    for (int64_t begin = 0; begin < t.frames(); begin += chunk)
      file.put_frames(variable, begin, t.read({f}, begin, std::min(begin + chunk, t.frames())));
  }
  file.close();
}

class NetcdfAppender : public Appender {
 public:
  NetcdfAppender(const Scenario& to, const fs::path& root, Side side)
      : to_(to), side_(side), folder_(to.folder(root, to_string(side))) {}

  bool has(const std::string& name, const std::string& key) const override {
    const Hdf5Lock lock;
    int id = -1;
    if (nc_open((folder_ / name).c_str(), NC_NOWRITE, &id) != NC_NOERR) return false;
    size_t length = 0;
    nc_type type = NC_NAT;
    std::string text;
    if (nc_inq_att(id, NC_GLOBAL, "key", &type, &length) == NC_NOERR && type == NC_CHAR) {
      text.resize(length);
      nc_get_att_text(id, NC_GLOBAL, "key", text.data());
    }
    nc_close(id);
    return text == key;
  }
  void add(const std::string& name, const Trajectory& t) override {
    core::make_folder(folder_);
    core::write_atomic(folder_ / name, [&](const fs::path& path) { write_trajectory(to_, side_, t, path); });
  }
  void finish(const std::vector<std::string>&) override {}

 private:
  const Scenario to_;
  const Side side_;
  const fs::path folder_;
};

}  // namespace

std::unique_ptr<Appender> append_netcdf_cf(const Scenario& to, const fs::path& root, Side side) {
  return std::make_unique<NetcdfAppender>(to, root, side);
}

void write_netcdf_cf(const ConvertJob& job) {
  const fs::path folder = job.to.folder(job.root, to_string(job.side));
  core::make_folder(folder);
  core::Progress bar(std::string("writing ") + to_string(job.side), static_cast<int64_t>(job.ids.size()));
  int64_t done = 0;
  for (const auto& [id, name] : job.ids) {
    const auto t = job.store.open(id);
    core::write_atomic(folder / name,
                       [&](const fs::path& path) { write_trajectory(job.to, job.side, *t, path); });
    bar.update(++done);
  }
}

}  // namespace windtunnel::datasets

#include "datasets/lab/periodic/well_writer.h"

#include <hdf5.h>

#include "core/error.h"

namespace windtunnel::datasets::lab {
namespace {

template <herr_t (*Function)(hid_t)>
int close_with(int64_t id) {
  return Function(id);
}

void check(bool good, const std::string& path) {
  if (!good)
    throw core::environment_error("cannot write " + path, "room and write permission",
                                  "free disk space or choose another folder");
}

/// Groups, datasets and attributes of one file; every call needs the library's lock.
class Sheet {
 public:
  Sheet(int64_t file, const std::string& path) : file_(file), path_(path) {}

  void group(const std::string& name) const {
    const Hdf5Id list(H5Pcreate(H5P_GROUP_CREATE), close_with<H5Pclose>);
    H5Pset_obj_track_times(list.get(), false);
    const Hdf5Id made(H5Gcreate2(file_, name.c_str(), H5P_DEFAULT, list.get(), H5P_DEFAULT),
                      close_with<H5Gclose>);
    check(made.valid(), path_);
  }
  Hdf5Id dataset(const std::string& name, int64_t type, const std::vector<hsize_t>& shape) const {
    const Hdf5Id list(H5Pcreate(H5P_DATASET_CREATE), close_with<H5Pclose>);
    H5Pset_obj_track_times(list.get(), false);
    H5Pset_alloc_time(list.get(), H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(list.get(), H5D_FILL_TIME_NEVER);
    const Hdf5Id space(space_of(shape));
    Hdf5Id made(H5Dcreate2(file_, name.c_str(), type, space.get(), H5P_DEFAULT, list.get(), H5P_DEFAULT),
                close_with<H5Dclose>);
    check(made.valid(), path_);
    return made;
  }
  void numbers(const std::string& name, const std::vector<hsize_t>& shape,
               const std::vector<double>& values) const {
    const Hdf5Id made = dataset(name, H5T_IEEE_F32LE, shape);
    check(H5Dwrite(made.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0, path_);
  }
  void flags(const std::string& name, const std::vector<int8_t>& values) const {
    const Hdf5Id type = boolean();
    const Hdf5Id made = dataset(name, type.get(), {values.size()});
    check(H5Dwrite(made.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0, path_);
  }

  void text(const std::string& object, const std::string& key, const std::string& value) const {
    const Hdf5Id type = utf8();
    const char* pointer = value.c_str();
    put(object, key, type.get(), type.get(), space_of({}), &pointer);
  }
  void texts(const std::string& object, const std::string& key,
             const std::vector<std::string>& values) const {
    if (values.empty()) {  // an empty list of numbers stands for an empty list
      put(object, key, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, space_of({0}), nullptr);
      return;
    }
    const Hdf5Id type = utf8();
    std::vector<const char*> pointers;
    for (const auto& value : values) pointers.push_back(value.c_str());
    put(object, key, type.get(), type.get(), space_of({values.size()}), pointers.data());
  }
  void flag(const std::string& object, const std::string& key, const std::vector<int8_t>& values,
            bool list) const {
    const Hdf5Id type = boolean();
    put(object, key, type.get(), type.get(), list ? space_of({values.size()}) : space_of({}), values.data());
  }
  void flag(const std::string& object, const std::string& key, bool value) const {
    flag(object, key, {static_cast<int8_t>(value)}, false);
  }
  void integer(const std::string& key, int64_t value) const {
    put("/", key, H5T_STD_I64LE, H5T_NATIVE_INT64, space_of({}), &value);
  }
  void number(const std::string& key, double value) const {
    put("/", key, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, space_of({}), &value);
  }

 private:
  static Hdf5Id space_of(const std::vector<hsize_t>& shape) {
    return {shape.empty() ? H5Screate(H5S_SCALAR)
                          : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
            close_with<H5Sclose>};
  }
  static Hdf5Id utf8() {
    Hdf5Id type(H5Tcopy(H5T_C_S1), close_with<H5Tclose>);
    H5Tset_size(type.get(), H5T_VARIABLE);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    return type;
  }
  /// Python's booleans in HDF5: an enumeration over one byte.
  static Hdf5Id boolean() {
    Hdf5Id type(H5Tenum_create(H5T_STD_I8LE), close_with<H5Tclose>);
    for (const auto& [name, value] : {std::pair<const char*, int8_t>{"FALSE", 0}, {"TRUE", 1}})
      H5Tenum_insert(type.get(), name, &value);
    return type;
  }
  void put(const std::string& object, const std::string& key, int64_t type, int64_t memory,
           const Hdf5Id& space, const void* values) const {
    const Hdf5Id made(H5Acreate_by_name(file_, object.c_str(), key.c_str(), type, space.get(), H5P_DEFAULT,
                                        H5P_DEFAULT, H5P_DEFAULT),
                      close_with<H5Aclose>);
    check(made.valid() && (!values || H5Awrite(made.get(), memory, values) >= 0), path_);
  }

  int64_t file_;
  const std::string& path_;
};

}  // namespace

WellWriter::WellWriter(const std::filesystem::path& path, const WellContents& contents)
    : path_(path.string()) {
  const Hdf5Lock lock;
  const Hdf5Id creation(H5Pcreate(H5P_FILE_CREATE), close_with<H5Pclose>);
  H5Pset_obj_track_times(creation.get(), false);
  const Hdf5Id access(H5Pcreate(H5P_FILE_ACCESS), close_with<H5Pclose>);
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18);
  file_ = Hdf5Id(H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), close_with<H5Fclose>);
  check(file_.valid(), path_);
  write_layout(contents);
  const Sheet sheet(file_.get(), path_);
  for (const int order : {0, 1, 2}) {
    const std::string group = "t" + std::to_string(order) + "_fields";
    sheet.group(group);
    std::vector<std::string> names;
    for (const auto& field : contents.fields)
      if (field.order == order) names.push_back(field.name);
    sheet.texts(group, "field_names", names);
  }
  for (const auto& field : contents.fields) {
    const std::string name = "t" + std::to_string(field.order) + "_fields/" + field.name;
    std::vector<hsize_t> shape = {1, contents.times.size(), contents.x.size(), contents.y.size()};
    for (int k = 0; k < field.order; ++k) shape.push_back(2);
    datasets_.push_back(sheet.dataset(name, H5T_IEEE_F32LE, shape));
    sheet.flag(name, "dim_varying", {1, 1}, true);
    sheet.flag(name, "sample_varying", true);
    sheet.flag(name, "time_varying", true);
    if (field.order == 2)
      for (const char* key : {"symmetric", "antisymmetric"}) sheet.flag(name, key, false);
  }
}

void WellWriter::write_layout(const WellContents& contents) {
  const Sheet sheet(file_.get(), path_);
  sheet.text("/", "dataset_name", contents.dataset);
  sheet.text("/", "grid_type", "cartesian");
  sheet.integer("n_spatial_dims", 2);
  sheet.integer("n_trajectories", 1);
  for (const auto& [key, value] : contents.notes) sheet.text("/", key, value);
  std::vector<std::string> names;
  for (const auto& [name, value] : contents.parameters) {
    names.push_back(name);
    sheet.number(name, value);
  }
  sheet.texts("/", "simulation_parameters", names);

  sheet.group("scalars");
  sheet.texts("scalars", "field_names", names);
  for (const auto& [name, value] : contents.parameters) {
    sheet.numbers("scalars/" + name, {}, {value});
    for (const char* key : {"sample_varying", "time_varying"}) sheet.flag("scalars/" + name, key, false);
  }

  sheet.group("dimensions");
  sheet.texts("dimensions", "spatial_dims", {"x", "y"});
  sheet.numbers("dimensions/time", {contents.times.size()}, contents.times);
  sheet.flag("dimensions/time", "sample_varying", false);
  sheet.group("boundary_conditions");
  for (const auto& [dim, values] : {std::pair{"x", &contents.x}, std::pair{"y", &contents.y}}) {
    const std::string coordinates = std::string("dimensions/") + dim;
    sheet.numbers(coordinates, {values->size()}, *values);
    const std::string condition = std::string("boundary_conditions/") + dim + "_periodic";
    sheet.group(condition);
    for (const auto& object : {coordinates, condition})
      for (const char* key : {"sample_varying", "time_varying"}) sheet.flag(object, key, false);
    sheet.text(condition, "bc_type", "PERIODIC");
    sheet.texts(condition, "associated_dims", {dim});
    sheet.texts(condition, "associated_fields", {});
    std::vector<int8_t> mask(values->size(), 0);
    mask.front() = mask.back() = 1;
    sheet.flags(condition + "/mask", mask);
  }
}

WellWriter::~WellWriter() {
  const Hdf5Lock lock;
  datasets_.clear();
  file_ = Hdf5Id();
}

void WellWriter::write_frame(int64_t index, const std::vector<std::vector<float>>& fields) {
  const Hdf5Lock lock;
  for (size_t f = 0; f < datasets_.size(); ++f) {
    const Hdf5Id space(H5Dget_space(datasets_[f].get()), close_with<H5Sclose>);
    std::vector<hsize_t> extent(static_cast<size_t>(H5Sget_simple_extent_ndims(space.get())));
    H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr);
    std::vector<hsize_t> start(extent.size(), 0);
    start[1] = static_cast<hsize_t>(index);
    extent[1] = 1;
    H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr);
    const Hdf5Id memory(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
                        close_with<H5Sclose>);
    check(H5Dwrite(datasets_[f].get(), H5T_NATIVE_FLOAT, memory.get(), space.get(), H5P_DEFAULT,
                   fields.at(f).data()) >= 0,
          path_);
  }
}

void WellWriter::close() {
  const Hdf5Lock lock;
  datasets_.clear();
  check(H5Fflush(file_.get(), H5F_SCOPE_GLOBAL) >= 0, path_);
  file_ = Hdf5Id();
}

}  // namespace windtunnel::datasets::lab

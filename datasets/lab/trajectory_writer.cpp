#include "datasets/lab/trajectory_writer.h"

#include <hdf5.h>

#include <mutex>

#include "core/error.h"

namespace windtunnel::datasets::lab {
namespace {

std::mutex& library() {
  static std::mutex mutex;
  return mutex;
}

/// Closes an HDF5 identifier with its own function.
struct Handle {
  hid_t id;
  herr_t (*close)(hid_t);
  Handle(hid_t i, herr_t (*c)(hid_t)) : id(i), close(c) {}
  ~Handle() {
    if (id >= 0) close(id);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id; }
};

[[noreturn]] void fail(const std::string& path) {
  throw core::environment_error("cannot write " + path, "room and write permission",
                                "free disk space or choose another folder");
}

void check(bool good, const std::string& path) {
  if (!good) fail(path);
}

/// HDF5's own error printing is off while this lives.
struct Silence {
  H5E_auto2_t function = nullptr;
  void* data = nullptr;
  Silence() {
    H5Eget_auto2(H5E_DEFAULT, &function, &data);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Silence() { H5Eset_auto2(H5E_DEFAULT, function, data); }
};

hid_t create_dataset(hid_t where, const char* name, hid_t type, const std::vector<hsize_t>& shape) {
  const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose);
  const Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(list, false);
  H5Pset_layout(list, H5D_CONTIGUOUS);
  H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
  return H5Dcreate2(where, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
}

void write_attribute(hid_t object, const std::string& key, const core::Json& value, const std::string& path) {
  const auto put = [&](hid_t type, hid_t memory, hid_t space, const void* data) {
    const Handle attribute(H5Acreate2(object, key.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    check(attribute >= 0 && H5Awrite(attribute, memory, data) >= 0, path);
  };
  const Handle scalar(H5Screate(H5S_SCALAR), H5Sclose);
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type, std::max<size_t>(1, text.size()));
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    put(type, type, scalar, text.c_str());
  } else if (value.is_number_integer() || value.is_boolean()) {
    const int64_t number = value.is_boolean() ? int64_t{value.get<bool>()} : value.get<int64_t>();
    put(H5T_STD_I64LE, H5T_NATIVE_INT64, scalar, &number);
  } else if (value.is_array()) {
    const auto numbers = value.get<std::vector<double>>();
    const hsize_t n = numbers.size();
    const Handle space(H5Screate_simple(1, &n, nullptr), H5Sclose);
    put(H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, space, numbers.data());
  } else {
    const double number = value.get<double>();
    put(H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, scalar, &number);
  }
}

}  // namespace

TrajectoryWriter::TrajectoryWriter(const std::filesystem::path& path, const StoredFile& file, int64_t frames,
                                   int64_t height, int64_t width)
    : path_(path.string()), arrays_(file.arrays), height_(height), width_(width) {
  const std::lock_guard lock(library());
  const Silence silence;
  const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
  file_ = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, creation, access);
  check(file_ >= 0, path_);
  const Handle group_list(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(group_list, false);
  std::string open_group;
  for (const auto& array : arrays_) {
    const size_t slash = array.name.find('/');
    if (const std::string group = array.name.substr(0, slash);
        slash != std::string::npos && group != open_group) {
      const Handle made(H5Gcreate2(file_, group.c_str(), H5P_DEFAULT, group_list, H5P_DEFAULT), H5Gclose);
      check(made >= 0, path_);
      open_group = group;
    }
    std::vector<hsize_t> shape = {static_cast<hsize_t>(frames), static_cast<hsize_t>(height),
                                  static_cast<hsize_t>(width)};
    if (array.channels > 0) shape.push_back(static_cast<hsize_t>(array.channels));
    datasets_.push_back(create_dataset(file_, array.name.c_str(), H5T_IEEE_F32LE, shape));
    check(datasets_.back() >= 0, path_);
  }
  if (!file.channel_names.empty()) write_names(file.channel_names);
}

TrajectoryWriter::~TrajectoryWriter() {
  const std::lock_guard lock(library());
  const Silence silence;
  release();
}

void TrajectoryWriter::release() {
  for (const auto id : datasets_)
    if (id >= 0) H5Dclose(id);
  datasets_.clear();
  if (file_ >= 0) H5Fclose(file_);
  file_ = -1;
}

void TrajectoryWriter::write_names(const std::vector<std::string>& names) {
  size_t longest = 1;
  for (const auto& name : names) longest = std::max(longest, name.size());
  std::string text;
  for (const auto& name : names) text += name + std::string(longest - name.size(), '\0');
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, longest);
  H5Tset_cset(type, H5T_CSET_UTF8);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  const Handle dataset(create_dataset(file_, "channel_names", type, {static_cast<hsize_t>(names.size())}),
                       H5Dclose);
  check(dataset >= 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()) >= 0, path_);
}

void TrajectoryWriter::write_frames(size_t array, int64_t begin, int64_t count, const float* values) {
  const std::lock_guard lock(library());
  const Silence silence;
  const hid_t dataset = datasets_.at(array);
  const int64_t channels = arrays_[array].channels;
  const hsize_t start[4] = {static_cast<hsize_t>(begin), 0, 0, 0};
  const hsize_t size[4] = {static_cast<hsize_t>(count), static_cast<hsize_t>(height_),
                           static_cast<hsize_t>(width_), static_cast<hsize_t>(channels)};
  const Handle memory(H5Screate_simple(channels > 0 ? 4 : 3, size, nullptr), H5Sclose);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, size, nullptr) >= 0 &&
            H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, values) >= 0,
        path_);
}

void TrajectoryWriter::write_coordinates(const std::vector<Coordinate>& coordinates) {
  const std::lock_guard lock(library());
  const Silence silence;
  for (const auto& c : coordinates) {
    const std::vector<hsize_t> shape(c.shape.begin(), c.shape.end());
    const Handle dataset(create_dataset(file_, c.name.c_str(), H5T_IEEE_F64LE, shape), H5Dclose);
    check(dataset >= 0 &&
              H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, c.values.data()) >= 0,
          path_);
  }
}

void TrajectoryWriter::write_attributes(const core::Json& attributes) {
  const std::lock_guard lock(library());
  const Silence silence;
  for (const auto& [key, value] : attributes.items()) write_attribute(file_, key, value, path_);
}

void TrajectoryWriter::close() {
  const std::lock_guard lock(library());
  const Silence silence;
  const bool flushed = file_ >= 0 && H5Fflush(file_, H5F_SCOPE_LOCAL) >= 0;
  release();
  check(flushed, path_);
}

bool has_attribute(const std::filesystem::path& path, const std::string& key, const std::string& value) {
  const std::lock_guard lock(library());
  const Silence silence;
  const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (file < 0) return false;
  const Handle attribute(H5Aopen(file, key.c_str(), H5P_DEFAULT), H5Aclose);
  if (attribute < 0) return false;
  const Handle type(H5Aget_type(attribute), H5Tclose);
  if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) > 0) return false;
  std::string text(H5Tget_size(type), '\0');
  return H5Aread(attribute, type, text.data()) >= 0 && text == value;
}

}  // namespace windtunnel::datasets::lab

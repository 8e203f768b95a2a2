#include "datasets/lab/trajectory_writer.h"

#include <hdf5.h>

#include "core/error.h"
#include "datasets/formats/hdf5_attributes.h"

namespace windtunnel::datasets::lab {
namespace {

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

hid_t create_dataset(hid_t where, const char* name, hid_t type, const std::vector<hsize_t>& shape) {
  const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose);
  const Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(list, false);
  H5Pset_layout(list, H5D_CONTIGUOUS);
  H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
  return H5Dcreate2(where, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
}

}  // namespace

TrajectoryWriter::TrajectoryWriter(const std::filesystem::path& path, const StoredFile& file, int64_t frames,
                                   int64_t height, int64_t width)
    : path_(path.string()), arrays_(file.arrays), height_(height), width_(width) {
  const Hdf5Lock lock;
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
  const Hdf5Lock lock;
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
  const Hdf5Lock lock;
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
  const Hdf5Lock lock;
  for (const auto& c : coordinates) {
    const std::vector<hsize_t> shape(c.shape.begin(), c.shape.end());
    const Handle dataset(create_dataset(file_, c.name.c_str(), H5T_IEEE_F64LE, shape), H5Dclose);
    check(dataset >= 0 &&
              H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, c.values.data()) >= 0,
          path_);
  }
}

void TrajectoryWriter::write_attributes(const core::Json& attributes) {
  const Hdf5Lock lock;
  write_hdf5_attributes(file_, attributes, path_);
}

void TrajectoryWriter::close() {
  const Hdf5Lock lock;
  const bool flushed = file_ >= 0 && H5Fflush(file_, H5F_SCOPE_LOCAL) >= 0;
  release();
  check(flushed, path_);
}

bool has_attribute(const std::filesystem::path& path, const std::string& key, const std::string& value) {
  const Hdf5Lock lock;
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

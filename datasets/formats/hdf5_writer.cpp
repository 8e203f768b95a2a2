#include "datasets/formats/hdf5_writer.h"

#include <hdf5.h>

#include "core/error.h"
#include "datasets/formats/hdf5_attributes.h"

namespace windtunnel::datasets {
namespace {

template <herr_t (*Function)(hid_t)>
int close_with(int64_t id) {
  return Function(id);
}

}  // namespace

Hdf5Writer::Hdf5Writer(const std::filesystem::path& path) : path_(path.string()) {
  const Hdf5Lock lock;
  file_ = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  check(file_ >= 0, "the file");
}

Hdf5Writer::~Hdf5Writer() {
  const Hdf5Lock lock;
  for (const auto& [name, entry] : open_) H5Dclose(entry.first);
  if (file_ >= 0) H5Fclose(file_);
}

void Hdf5Writer::check(bool ok, const std::string& what) const {
  if (!ok)
    throw environment_error("cannot write " + what + " of " + path_,
                            "a folder with free space and write permission");
}

int64_t Hdf5Writer::make(const std::string& dataset, const core::Shape& shape, int64_t type) {
  const Hdf5Id links(H5Pcreate(H5P_LINK_CREATE), close_with<H5Pclose>);
  H5Pset_create_intermediate_group(links.get(), 1);
  const Hdf5Id layout(H5Pcreate(H5P_DATASET_CREATE), close_with<H5Pclose>);
  H5Pset_obj_track_times(layout.get(), false);
  std::vector<hsize_t> extent(shape.begin(), shape.end());
  const Hdf5Id space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
                     close_with<H5Sclose>);
  const int64_t id =
      H5Dcreate2(file_, dataset.c_str(), type, space.get(), links.get(), layout.get(), H5P_DEFAULT);
  check(id >= 0, "dataset '" + dataset + "'");
  return id;
}

void Hdf5Writer::create(const std::string& dataset, const core::Shape& shape) {
  const Hdf5Lock lock;
  open_[dataset] = {make(dataset, shape, H5T_IEEE_F32LE), shape};
}

void Hdf5Writer::write_frames(const std::string& dataset, int64_t begin, int64_t count, const float* values) {
  const Hdf5Lock lock;
  const auto& [id, shape] = open_.at(dataset);
  std::vector<hsize_t> start(shape.size(), 0), extent(shape.begin(), shape.end());
  start[0] = static_cast<hsize_t>(begin);
  extent[0] = static_cast<hsize_t>(count);
  const Hdf5Id space(H5Dget_space(id), close_with<H5Sclose>);
  H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr);
  const Hdf5Id memory(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
                      close_with<H5Sclose>);
  check(H5Dwrite(id, H5T_NATIVE_FLOAT, memory.get(), space.get(), H5P_DEFAULT, values) >= 0,
        "dataset '" + dataset + "'");
}

void Hdf5Writer::write_numbers(const std::string& dataset, const core::Shape& shape,
                               const std::vector<double>& values) {
  const Hdf5Lock lock;
  const Hdf5Id id(make(dataset, shape, H5T_IEEE_F64LE), close_with<H5Dclose>);
  check(H5Dwrite(id.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0,
        "dataset '" + dataset + "'");
}

void Hdf5Writer::write_texts(const std::string& dataset, const std::vector<std::string>& texts) {
  const Hdf5Lock lock;
  const Hdf5Id type(H5Tcopy(H5T_C_S1), close_with<H5Tclose>);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  std::vector<const char*> pointers;
  for (const auto& text : texts) pointers.push_back(text.c_str());
  const Hdf5Id id(make(dataset, {static_cast<int64_t>(texts.size())}, type.get()), close_with<H5Dclose>);
  check(H5Dwrite(id.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()) >= 0,
        "dataset '" + dataset + "'");
}

void Hdf5Writer::write_attributes(const core::Json& attributes) {
  write_hdf5_attributes(file_, attributes, path_);
}

void Hdf5Writer::close() {
  const Hdf5Lock lock;
  bool ok = true;
  for (const auto& [name, entry] : open_) ok = H5Dclose(entry.first) >= 0 && ok;
  open_.clear();
  ok = H5Fclose(file_) >= 0 && ok;
  file_ = -1;
  check(ok, "the end");
}

}  // namespace windtunnel::datasets

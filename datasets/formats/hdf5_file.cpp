#include "datasets/formats/hdf5_file.h"

#include <hdf5.h>

#include <algorithm>

#include "core/error.h"
#include "datasets/formats/lzf.h"
#include "datasets/stages.h"

namespace windtunnel::datasets {
namespace {

constexpr int64_t kMostValues = int64_t{1} << 46;

std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

/// The innermost message of the library's error stack.
std::string library_message() {
  std::string text;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_DOWNWARD,
      [](unsigned, const H5E_error2_t* error, void* out) -> herr_t {
        if (error->desc) *static_cast<std::string*>(out) = error->desc;
        return 0;
      },
      &text);
  return text.empty() ? "unknown reason" : text;
}

template <herr_t (*Function)(hid_t)>
int close_with(int64_t id) {
  return Function(id);
}

}  // namespace

Hdf5Lock::Hdf5Lock() : lock_(library_mutex()) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // per thread in a thread-safe library
}

Hdf5Id::~Hdf5Id() {
  if (id_ < 0) return;
  const Hdf5Lock lock;
  close_(id_);
}

Hdf5File::Hdf5File(const std::filesystem::path& path, bool beside_netcdf) : path_(path.string()) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    throw data_error(path_ + " does not exist", "an HDF5 trajectory file");
  const Hdf5Lock lock;
  register_lzf_filter();
  const Hdf5Id access(H5Pcreate(H5P_FILE_ACCESS), close_with<H5Pclose>);
  // Two opens of one file must agree.
  if (beside_netcdf) H5Pset_fclose_degree(access.get(), H5F_CLOSE_WEAK);
#if H5_VERSION_GE(1, 10, 7)
  // Read-only and network folders have no locks.
  if (!beside_netcdf) H5Pset_file_locking(access.get(), false, true);
#endif
  file_ = Hdf5Id(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access.get()), close_with<H5Fclose>);
  if (!file_.valid())
    throw data_error(path_ + " is not a readable HDF5 file: " + library_message(), "a whole HDF5 file",
                     "copy or create the file again");
}

bool Hdf5File::has(const std::string& dataset) const {
  const Hdf5Lock lock;
  // H5Lexists needs every group on the way to exist.
  for (size_t slash = dataset.find('/', 1); slash != std::string::npos; slash = dataset.find('/', slash + 1))
    if (H5Lexists(file_.get(), dataset.substr(0, slash).c_str(), H5P_DEFAULT) <= 0) return false;
  return H5Lexists(file_.get(), dataset.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> Hdf5File::names(const std::string& group) const {
  const Hdf5Lock lock;
  std::vector<std::string> list;
  const Hdf5Id id(H5Gopen2(file_.get(), group.c_str(), H5P_DEFAULT), close_with<H5Gclose>);
  if (!id.valid()) throw data_error(path_ + " has no group '" + group + "'");
  H5Literate(
      id.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr,
      [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
        static_cast<std::vector<std::string>*>(out)->push_back(name);
        return 0;
      },
      &list);
  return list;
}

int Hdf5File::rank(const std::string& object) const {
  const Hdf5Lock lock;
  const Hdf5Id id(H5Oopen(file_.get(), object.c_str(), H5P_DEFAULT), close_with<H5Oclose>);
  if (!id.valid() || H5Iget_type(id.get()) != H5I_DATASET) return -1;
  const Hdf5Id space(H5Dget_space(id.get()), close_with<H5Sclose>);
  return H5Sget_simple_extent_ndims(space.get());
}

std::vector<std::string> Hdf5File::objects() const {
  const Hdf5Lock lock;
  std::vector<std::string> list;
  H5Lvisit(
      file_.get(), H5_INDEX_NAME, H5_ITER_NATIVE,
      [](hid_t, const char* name, const H5L_info_t* link, void* out) -> herr_t {
        if (link->type == H5L_TYPE_HARD) static_cast<std::vector<std::string>*>(out)->push_back(name);
        return 0;
      },
      &list);
  return list;
}

void check_hdf5_number(int64_t type, const std::string& place) {
  const H5T_class_t kind = H5Tget_class(type);
  const size_t size = H5Tget_size(type);
  if ((kind == H5T_FLOAT || kind == H5T_INTEGER) &&
      (size == 0 || size > sizeof(double) || H5Tget_precision(type) != 8 * size || H5Tget_offset(type) != 0))
    throw data_error(place + ": numbers of " + std::to_string(size) + " bytes with " +
                         std::to_string(H5Tget_precision(type)) + " bits",
                     "whole numbers or floats of 1 to 8 bytes",
                     "the file is damaged: copy or create it again");
}

void check_hdf5_storage(int64_t dataset, const std::string& place, const std::string& path) {
  const Hdf5Id plist(H5Dget_create_plist(dataset), close_with<H5Pclose>);
  const Hdf5Id type(H5Dget_type(dataset), close_with<H5Tclose>);
  const Hdf5Id space(H5Dget_space(dataset), close_with<H5Sclose>);
  const size_t size = H5Tget_size(type.get());
  const auto damaged = [&](const std::string& found, const std::string& expected) {
    return data_error(place + ": " + found, expected, "the file is damaged: copy or create it again");
  };
  check_hdf5_number(type.get(), place);
  const H5D_layout_t layout = H5Pget_layout(plist.get());
  const uint64_t bytes =
      static_cast<uint64_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space.get()))) * size;
  const haddr_t offset = H5Dget_offset(dataset);
  const bool in_file =
      layout == H5D_CONTIGUOUS && offset != HADDR_UNDEF && H5Pget_external_count(plist.get()) == 0;
  const uint64_t stored = H5Dget_storage_size(dataset);
  if ((in_file || layout == H5D_COMPACT) && stored != bytes)
    throw damaged(std::to_string(stored) + " bytes stored", std::to_string(bytes) + " bytes");
  const uint64_t there = std::filesystem::file_size(path);
  if (in_file && (offset > there || bytes > there - offset))
    throw damaged("ends behind the file (" + std::to_string(there) + " bytes)",
                  std::to_string(offset + bytes) + " bytes");
  for (int i = 0; i < H5Pget_nfilters(plist.get()); ++i) {
    unsigned flags = 0, config = 0;
    unsigned values[8] = {};
    size_t count = 8;
    const H5Z_filter_t filter =
        H5Pget_filter2(plist.get(), static_cast<unsigned>(i), &flags, &count, values, 0, nullptr, &config);
    if (filter == H5Z_FILTER_SHUFFLE && (count < 1 || values[0] != size))
      throw damaged("shuffled for another element size", std::to_string(size) + " bytes");
  }
}

Hdf5Array::Hdf5Array(std::shared_ptr<const Hdf5File> file, const std::string& dataset, size_t rank)
    : path_(file->path()), name_(dataset), file_(std::move(file)) {
  if (!file_->has(dataset)) {
    const std::string group =
        dataset.find('/') == std::string::npos ? "/" : dataset.substr(0, dataset.rfind('/'));
    std::string there;
    if (group == "/" || file_->has(group))
      for (const auto& name : file_->names(group)) there += (there.empty() ? "" : ", ") + name;
    throw data_error(path_ + " has no dataset '" + dataset + "'", "the layout of the scenario",
                     there.empty() ? "" : "group " + group + " holds: " + there);
  }
  const Hdf5Lock lock;
  dataset_ = Hdf5Id(H5Dopen2(file_->id(), dataset.c_str(), H5P_DEFAULT), close_with<H5Dclose>);
  if (!dataset_.valid())
    throw data_error(path_ + ": '" + dataset + "' is not a dataset: " + library_message());
  const Hdf5Id type(H5Dget_type(dataset_.get()), close_with<H5Tclose>);
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind != H5T_FLOAT && kind != H5T_INTEGER)
    throw data_error(path_ + ": dataset '" + dataset + "' does not hold numbers", "float32 or float64");
  const Hdf5Id space(H5Dget_space(dataset_.get()), close_with<H5Sclose>);
  const int dims = H5Sget_simple_extent_ndims(space.get());
  std::vector<hsize_t> extent(static_cast<size_t>(std::max(dims, 0)));
  if (dims > 0) H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr);
  shape_.assign(extent.begin(), extent.end());
  if (rank && shape_.size() != rank)
    throw data_error(path_ + ": dataset '" + dataset + "' has shape " + core::to_string(shape_),
                     std::to_string(rank) + " axes");
  int64_t values = 1;
  for (const int64_t n : shape_)
    if (n < 0 || __builtin_mul_overflow(values, std::max<int64_t>(n, 1), &values) || values > kMostValues)
      throw data_error(path_ + ": dataset '" + dataset + "' has shape " + core::to_string(shape_),
                       "a shape that fits a file", "the file is damaged: copy or create it again");
  check_hdf5_storage(dataset_.get(), path_ + ": dataset '" + dataset + "'", path_);
  map();
}

void Hdf5Array::map() {
  const Hdf5Id plist(H5Dget_create_plist(dataset_.get()), close_with<H5Pclose>);
  const Hdf5Id type(H5Dget_type(dataset_.get()), close_with<H5Tclose>);
  if (H5Pget_layout(plist.get()) != H5D_CONTIGUOUS || H5Pget_external_count(plist.get()) != 0 ||
      H5Tequal(type.get(), H5T_IEEE_F32LE) <= 0)
    return;
  const haddr_t offset = H5Dget_offset(dataset_.get());
  if (offset == HADDR_UNDEF || offset % alignof(float) != 0) return;
  auto mapping = std::make_unique<core::MappedFile>(path_);
  const auto bytes = static_cast<uint64_t>(core::numel(shape_)) * sizeof(float);
  if (offset > mapping->size() || bytes > mapping->size() - offset)
    throw data_error(path_ + ": dataset '" + name_ + "' ends behind the file (" +
                         std::to_string(mapping->size()) + " bytes)",
                     std::to_string(offset + bytes) + " bytes", "the file is truncated: copy it again");
  values_ = reinterpret_cast<const float*>(mapping->data() + offset);
  mapping_ = std::move(mapping);
  dataset_ = Hdf5Id();
  file_.reset();
}

const float* Hdf5Array::read(int64_t begin, int64_t end, std::vector<float>& buffer) const {
  return read({}, begin, end, buffer);
}

const float* Hdf5Array::read(const std::vector<int64_t>& prefix, int64_t begin, int64_t end,
                             std::vector<float>& buffer) const {
  const size_t axis = prefix.size();
  bool inside = axis < shape_.size() && begin >= 0 && begin <= end && end <= shape_[axis];
  for (size_t d = 0; inside && d < axis; ++d) inside = prefix[d] >= 0 && prefix[d] < shape_[d];
  if (!inside)
    throw data_error(path_ + ": entries " + std::to_string(begin) + " to " + std::to_string(end) +
                         " of axis " + std::to_string(axis) + " of dataset '" + name_ + "'",
                     "places within " + core::to_string(shape_));
  int64_t entry = 1, first = 0;
  for (size_t d = axis + 1; d < shape_.size(); ++d) entry *= shape_[d];
  for (size_t d = 0; d < axis; ++d) first = first * shape_[d] + prefix[d];
  first = first * shape_[axis] + begin;
  if (values_) return values_ + first * entry;
  buffer.resize(static_cast<size_t>((end - begin) * entry));
  if (buffer.empty()) return buffer.data();
  std::vector<int64_t> start(shape_.size(), 0), count(shape_);
  for (size_t d = 0; d < axis; ++d) {
    start[d] = prefix[d];
    count[d] = 1;
  }
  start[axis] = begin;
  count[axis] = end - begin;
  if (const Hdf5Chunks* direct = chunks())
    direct->read(start, count, buffer.data());
  else
    read_by_library(start, count, buffer.data());
  return buffer.data();
}

Hdf5Block Hdf5Array::block(const std::vector<int64_t>& start, const std::vector<int64_t>& count,
                           std::vector<float>& buffer) const {
  bool inside = start.size() == shape_.size() && count.size() == shape_.size();
  for (size_t d = 0; inside && d < shape_.size(); ++d)
    inside = start[d] >= 0 && count[d] >= 1 && start[d] <= shape_[d] && count[d] <= shape_[d] - start[d];
  if (!inside)
    throw data_error(path_ + ": a block of " + core::to_string(count) + " entries of dataset '" + name_ + "'",
                     "places within " + core::to_string(shape_));
  const core::Shape& stored = values_ ? shape_ : count;
  Hdf5Block out{values_, std::vector<int64_t>(shape_.size(), 1)};
  for (size_t d = stored.size(); d-- > 1;) out.steps[d - 1] = out.steps[d] * stored[d];
  if (values_) {
    for (size_t d = 0; d < start.size(); ++d) out.data += start[d] * out.steps[d];
    return out;
  }
  buffer.resize(static_cast<size_t>(core::numel(count)));
  if (shape_.empty())
    buffer[0] = static_cast<float>(doubles().at(0));
  else if (const Hdf5Chunks* direct = chunks())
    direct->read(start, count, buffer.data());
  else
    read_by_library(start, count, buffer.data());
  out.data = buffer.data();
  return out;
}

const Hdf5Chunks* Hdf5Array::chunks() const {
  if (!dataset_.valid()) return nullptr;
  std::call_once(lazy_->once, [&] {
    const Hdf5Lock lock;
    lazy_->chunks = Hdf5Chunks::open(dataset_.get(), path_, name_, shape_);
  });
  return lazy_->chunks.get();
}

bool Hdf5Array::lock_free() const { return values_ || chunks(); }

void Hdf5Array::read_by_library(const std::vector<int64_t>& from, const std::vector<int64_t>& counts,
                                float* out) const {
  const StageTimer timer(Stage::library);
  const Hdf5Lock lock;
  const Hdf5Id space(H5Dget_space(dataset_.get()), close_with<H5Sclose>);
  const std::vector<hsize_t> start(from.begin(), from.end()), count(counts.begin(), counts.end());
  H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
  const Hdf5Id memory(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
                      close_with<H5Sclose>);
  if (H5Dread(dataset_.get(), H5T_NATIVE_FLOAT, memory.get(), space.get(), H5P_DEFAULT, out) < 0)
    throw data_error(path_ + ": dataset '" + name_ + "' cannot be read: " + library_message(),
                     "readable data", "the file is damaged: copy or create it again");
}

std::vector<double> Hdf5Array::doubles() const {
  std::vector<double> out(static_cast<size_t>(core::numel(shape_)));
  if (values_) {
    std::copy(values_, values_ + out.size(), out.begin());
    return out;
  }
  const Hdf5Lock lock;
  if (!out.empty() &&
      H5Dread(dataset_.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out.data()) < 0)
    throw data_error(path_ + ": dataset '" + name_ + "' cannot be read: " + library_message());
  return out;
}

}  // namespace windtunnel::datasets

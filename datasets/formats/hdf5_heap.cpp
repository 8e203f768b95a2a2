#include "datasets/formats/hdf5_heap.h"

#include <hdf5.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"

namespace windtunnel::datasets {
namespace {

constexpr int64_t kMostReferences = int64_t{1} << 24;
constexpr uint64_t kMostBytes = uint64_t{1} << 28;  // of the values of one attribute or dataset
constexpr uint64_t kSmallestCollection = 4096;      // the library writes none that is smaller
constexpr const char* kTag = "windtunnel: a reference as stored";

template <herr_t (*Function)(hid_t)>
int close_with(int64_t id) {
  return Function(id);
}

uint64_t aligned(uint64_t size) { return (size + 7) / 8 * 8; }

core::Error damaged(const std::string& place, const std::string& found, const std::string& expected) {
  return data_error(place + ": " + found, expected, "the file is damaged: copy or create it again");
}

/// Conversion of variable-length values to our opaque type: the stored bytes stay as they are.
herr_t keep(hid_t, hid_t to, H5T_cdata_t* data, size_t, size_t, size_t, void*, void*, hid_t) {
  if (data->command != H5T_CONV_INIT) return 0;
  char* tag = H5Tget_class(to) == H5T_OPAQUE ? H5Tget_tag(to) : nullptr;
  const bool ours = tag && std::strcmp(tag, kTag) == 0;
  if (tag) H5free_memory(tag);
  data->need_bkg = H5T_BKG_NO;
  return ours ? 0 : -1;
}

Hdf5Id opaque(size_t size) {
  Hdf5Id type(H5Tcreate(H5T_OPAQUE, size), close_with<H5Tclose>);
  H5Tset_tag(type.get(), kTag);
  return type;
}

void register_conversion() {
  static const bool done = [] {
    const Hdf5Id text(H5Tcopy(H5T_C_S1), close_with<H5Tclose>);
    H5Tset_size(text.get(), H5T_VARIABLE);
    const Hdf5Id raw = opaque(16);
    return H5Tregister(H5T_PERS_SOFT, "stored reference", text.get(), raw.get(), keep) >= 0;
  }();
  if (!done) throw environment_error("the HDF5 library accepts no conversion", "HDF5 1.10 or later");
}

/// The library sees variable texts inside other types as texts only.
bool holds_references(hid_t type) {
  if (H5Tdetect_class(type, H5T_VLEN) > 0) return true;
  const H5T_class_t kind = H5Tget_class(type);
  if (kind == H5T_STRING) return H5Tis_variable_str(type) > 0;
  if (kind == H5T_ARRAY) {
    const Hdf5Id inner(H5Tget_super(type), close_with<H5Tclose>);
    return holds_references(inner.get());
  }
  for (int i = 0; kind == H5T_COMPOUND && i < H5Tget_nmembers(type); ++i) {
    const Hdf5Id member(H5Tget_member_type(type, static_cast<unsigned>(i)), close_with<H5Tclose>);
    if (holds_references(member.get())) return true;
  }
  return false;
}

/// Bytes of one stored element of a value: 1 for texts.
uint64_t element_of(const std::string& place, hid_t type) {
  if (H5Tget_class(type) == H5T_STRING) return 1;
  const Hdf5Id base(H5Tget_super(type), close_with<H5Tclose>);
  const H5T_class_t kind = H5Tget_class(base.get());
  if (kind != H5T_INTEGER && kind != H5T_FLOAT && kind != H5T_REFERENCE && kind != H5T_ENUM)
    throw data_error(place + " holds lists of lists", "texts, or lists of numbers or references");
  return H5Tget_size(base.get());
}

}  // namespace

Hdf5Heap::Hdf5Heap(const Hdf5File& file) : file_(file) {
  const Hdf5Lock lock;
  register_conversion();
  const Hdf5Id plist(H5Fget_create_plist(file.id()), close_with<H5Pclose>);
  hsize_t base = 0;
  if (H5Pget_sizes(plist.get(), &address_width_, &length_width_) < 0 ||
      H5Pget_userblock(plist.get(), &base) < 0 || address_width_ > 8 || length_width_ > 8)
    throw damaged(file.path(), "addresses of " + std::to_string(address_width_) + " bytes", "at most 8");
  base_ = base;
}

uint64_t Hdf5Heap::number(uint64_t at, size_t width) const {
  uint64_t value = 0;
  std::memcpy(&value, bytes_->data() + at, width);
  return value;
}

const Hdf5Heap::Collection& Hdf5Heap::collection(const std::string& place, uint64_t address) {
  if (const auto known = collections_.find(address); known != collections_.end()) return known->second;
  if (!bytes_) bytes_ = std::make_unique<core::MappedFile>(file_.path());
  const uint64_t there = bytes_->size();
  const uint64_t header = aligned(8 + length_width_), object = aligned(8 + length_width_);
  if (base_ > there || address > there - base_ || there - base_ - address < kSmallestCollection)
    throw damaged(place, "refers to a heap behind the file (" + std::to_string(there) + " bytes)",
                  "a heap within the file");
  const uint64_t begin = base_ + address, size = number(begin + 8, length_width_);
  if (std::memcmp(bytes_->data() + begin, "GCOL", 4) != 0 || number(begin + 4, 1) != 1)
    throw damaged(place, "refers to byte " + std::to_string(begin), "a global heap there");
  walked_ += size;
  if (size < kSmallestCollection || size > there - begin || walked_ > there)  // heaps do not overlap
    throw damaged(place, "refers to a heap of " + std::to_string(size) + " bytes", "what the file has");
  Collection objects;
  uint64_t at = header;
  while (size - at >= object) {
    const auto index = static_cast<uint32_t>(number(begin + at, 2));
    const uint64_t bytes = number(begin + at + 8, length_width_);
    const uint64_t room = size - at - (index ? object : 0);
    const bool fits = bytes <= room && (index ? aligned(bytes) <= room : bytes >= object);
    const char* data = reinterpret_cast<const char*>(bytes_->data() + begin + at + object);
    if (!fits || !objects.emplace(index, std::string_view(data, index ? bytes : 0)).second)
      throw damaged(place, "refers to a heap with an object of " + std::to_string(bytes) + " bytes",
                    "objects that fill the heap, each once");
    at += index ? object + aligned(bytes) : bytes;
  }
  objects.erase(0);
  return collections_.emplace(address, std::move(objects)).first->second;
}

std::vector<std::string_view> Hdf5Heap::values(const std::string& place, int64_t type, int64_t count,
                                               const Hdf5Read& read) {
  if (count > kMostReferences)
    throw data_error(place + " has " + std::to_string(count) + " values", "a short list");
  const Hdf5Lock lock;
  const uint64_t element = element_of(place, type);
  const size_t width = 8 + address_width_;
  std::string raw(width * static_cast<size_t>(count), '\0');
  const Hdf5Id stored = opaque(width);
  if (read(stored.get(), raw.data()) < 0) throw damaged(place, "cannot be read", "readable values");
  std::vector<std::string_view> out;
  uint64_t total = 0;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const char* reference = raw.data() + i * width;
    uint64_t address = 0;
    uint32_t length = 0, index = 0;
    std::memcpy(&length, reference, 4);
    std::memcpy(&address, reference + 4, address_width_);
    std::memcpy(&index, reference + 4 + address_width_, 4);
    if (address == 0) {
      out.emplace_back();
      continue;
    }
    const Collection& objects = collection(place, address);
    const auto object = objects.find(index);
    if (object == objects.end())
      throw damaged(place, "refers to object " + std::to_string(index) + " of a heap", "one that is there");
    if (object->second.size() != length * element)
      throw damaged(place, "has a value of " + std::to_string(object->second.size()) + " bytes",
                    std::to_string(length * element));
    total += object->second.size();
    if (total > kMostBytes) throw data_error(place + " has very long values", "a short list");
    out.push_back(object->second);
  }
  return out;
}

void Hdf5Heap::check_attribute(int64_t object, const std::string& name) {
  const std::string place = file_.path() + ": attribute '" + name + "'";
  const Hdf5Id id(H5Aopen(object, name.c_str(), H5P_DEFAULT), close_with<H5Aclose>);
  if (!id.valid()) throw damaged(place, "cannot be opened", "a whole file");
  const Hdf5Id type(H5Aget_type(id.get()), close_with<H5Tclose>);
  const Hdf5Id space(H5Aget_space(id.get()), close_with<H5Sclose>);
  check_hdf5_number(type.get(), place);
  if (!holds_references(type.get())) return;
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind != H5T_STRING && kind != H5T_VLEN)
    throw data_error(place + " holds texts or lists inside another type", "texts, numbers or lists of them");
  const int64_t count = H5Sget_simple_extent_npoints(space.get());
  if (count > 0)
    values(place, type.get(), count,
           [&](int64_t memory, void* out) { return H5Aread(id.get(), memory, out); });
}

void Hdf5Heap::check_dataset(int64_t dataset, const std::string& place) {
  check_hdf5_storage(dataset, place, file_.path());
  const Hdf5Id type(H5Dget_type(dataset), close_with<H5Tclose>);
  const Hdf5Id plist(H5Dget_create_plist(dataset), close_with<H5Pclose>);
  H5D_fill_value_t fill = H5D_FILL_VALUE_UNDEFINED;
  if (!holds_references(type.get()) || H5Pfill_value_defined(plist.get(), &fill) < 0 ||
      fill != H5D_FILL_VALUE_USER_DEFINED)
    return;
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind != H5T_STRING && kind != H5T_VLEN)
    throw data_error(place + " holds texts or lists inside another type", "texts, numbers or lists of them");
  values(place, type.get(), 1,
         [&](int64_t memory, void* out) { return H5Pget_fill_value(plist.get(), memory, out); });
}

void Hdf5Heap::check_all() {
  const Hdf5Lock lock;
  auto objects = file_.objects();
  objects.insert(objects.begin(), "/");
  for (const auto& name : objects) {
    const Hdf5Id object(H5Oopen(file_.id(), name.c_str(), H5P_DEFAULT), close_with<H5Oclose>);
    if (!object.valid()) throw damaged(file_.path() + ": '" + name + "'", "cannot be opened", "a whole file");
    if (H5Iget_type(object.get()) == H5I_DATASET)
      check_dataset(object.get(), file_.path() + ": dataset '" + name + "'");
    std::vector<std::string> attributes;
    H5Aiterate2(
        object.get(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr,
        [](hid_t, const char* attribute, const H5A_info_t*, void* out) -> herr_t {
          static_cast<std::vector<std::string>*>(out)->push_back(attribute);
          return 0;
        },
        &attributes);
    for (const auto& attribute : attributes) check_attribute(object.get(), attribute);
  }
}

void check_netcdf_heaps(const std::filesystem::path& path) {
  const Hdf5Lock lock;
  if (H5Fis_hdf5(path.c_str()) <= 0) return;
  const Hdf5File file(path, true);
  Hdf5Heap(file).check_all();
}

}  // namespace windtunnel::datasets

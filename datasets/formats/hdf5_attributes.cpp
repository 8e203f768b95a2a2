#include "datasets/formats/hdf5_attributes.h"

#include <hdf5.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "datasets/formats/hdf5_values.h"

namespace windtunnel::datasets {
namespace {

constexpr size_t kLongestText = 60'000;

template <herr_t (*Function)(hid_t)>
int close_with(int64_t id) {
  return Function(id);
}

void check(bool good, const std::string& path) {
  if (!good)
    throw environment_error("cannot write " + path, "room and write permission",
                            "free disk space or choose another folder");
}

void put(int64_t object, const std::string& key, const std::string& path, hid_t file_type, hid_t memory_type,
         hid_t space, const void* data) {
  const Hdf5Id attribute(H5Acreate2(object, key.c_str(), file_type, space, H5P_DEFAULT, H5P_DEFAULT),
                         close_with<H5Aclose>);
  check(attribute.valid() && H5Awrite(attribute.get(), memory_type, data) >= 0, path);
}

void write_text(int64_t object, const std::string& key, const std::string& text, const std::string& path) {
  const Hdf5Id scalar(H5Screate(H5S_SCALAR), close_with<H5Sclose>);
  const Hdf5Id type(H5Tcopy(H5T_C_S1), close_with<H5Tclose>);
  H5Tset_size(type.get(), std::max<size_t>(1, text.size()));
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  put(object, key, path, type.get(), type.get(), scalar.get(), text.c_str());
}

void write_attribute(int64_t object, const std::string& key, const core::Json& value,
                     const std::string& path) {
  const Hdf5Id scalar(H5Screate(H5S_SCALAR), close_with<H5Sclose>);
  const auto is_number = [](const core::Json& v) { return v.is_number(); };
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    if (text.size() <= kLongestText) write_text(object, key, text, path);
  } else if (value.is_number_integer() || value.is_boolean()) {
    const int64_t number = value.is_boolean() ? int64_t{value.get<bool>()} : value.get<int64_t>();
    put(object, key, path, H5T_STD_I64LE, H5T_NATIVE_INT64, scalar.get(), &number);
  } else if (value.is_number()) {
    const double number = value.get<double>();
    put(object, key, path, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, scalar.get(), &number);
  } else if (value.is_array() && std::all_of(value.begin(), value.end(), is_number)) {
    const auto numbers = value.get<std::vector<double>>();
    const hsize_t n = numbers.size();
    const Hdf5Id space(H5Screate_simple(1, &n, nullptr), close_with<H5Sclose>);
    put(object, key, path, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, space.get(), numbers.data());
  }
}

std::vector<std::string> names_of(const Hdf5File& file) {
  std::vector<std::string> names;
  const Hdf5Lock lock;
  H5Aiterate2(
      file.id(), H5_INDEX_NAME, H5_ITER_INC, nullptr,
      [](hid_t, const char* name, const H5A_info_t*, void* list) -> herr_t {
        static_cast<std::vector<std::string>*>(list)->emplace_back(name);
        return 0;
      },
      &names);
  return names;
}

core::Json json_of(const Hdf5Values& values) {
  core::Json list = core::Json::array();
  for (const auto& text : values.texts) list.push_back(text);
  for (const double number : values.numbers)
    list.push_back(values.whole ? core::Json(static_cast<int64_t>(number)) : core::Json(number));
  return values.shape.empty() && list.size() == 1 ? list[0] : list;
}

}  // namespace

core::Json hdf5_attributes(const Hdf5File& file) {
  core::Json all = core::Json::object();
  for (const auto& name : names_of(file)) {
    try {
      all[name] = json_of(hdf5_attribute(file, "/", name));
    } catch (const core::Error&) {
      continue;  // of a kind that is no description
    }
  }
  return all;
}

void write_hdf5_attributes(int64_t object, const core::Json& attributes, const std::string& path) {
  const Hdf5Lock lock;
  for (const auto& [key, value] : attributes.items()) write_attribute(object, key, value, path);
}

}  // namespace windtunnel::datasets

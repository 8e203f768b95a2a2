#include "datasets/formats/hdf5_values.h"

#include <hdf5.h>

#include <algorithm>

#include "core/error.h"
#include "datasets/formats/hdf5_heap.h"

namespace windtunnel::datasets {
namespace {

constexpr int64_t kMost = int64_t{1} << 24;     // values; what is larger is not a description
constexpr size_t kMostBytes = size_t{1} << 28;  // of all texts of fixed length

template <herr_t (*Function)(hid_t)>
int close_with(int64_t id) {
  return Function(id);
}

/// Converts what `read` delivers in a memory type of our choice.
Hdf5Values values_of(const Hdf5File& file, const std::string& place, hid_t type, hid_t space,
                     const Hdf5Read& read) {
  Hdf5Values out;
  out.there = true;
  const int rank = H5Sget_simple_extent_ndims(space);
  std::vector<hsize_t> extent(static_cast<size_t>(std::max(rank, 0)));
  if (rank > 0) H5Sget_simple_extent_dims(space, extent.data(), nullptr);
  out.shape.assign(extent.begin(), extent.end());
  const int64_t points = H5Sget_simple_extent_npoints(space);
  if (points <= 0) return out;
  if (points > kMost) throw data_error(place + " has " + std::to_string(points) + " values", "a short list");
  const auto count = static_cast<size_t>(points);
  const auto check = [&](herr_t status) {
    if (status < 0) throw data_error(place + " cannot be read", "readable values", "the file is damaged");
  };
  check_hdf5_number(type, place);
  switch (H5Tget_class(type)) {
    case H5T_STRING:
      if (H5Tis_variable_str(type) > 0) {
        Hdf5Heap heap(file);
        for (const auto text : heap.values(place, type, points, read))
          out.texts.emplace_back(text.substr(0, text.find('\0')));
      } else {
        const size_t size = H5Tget_size(type);
        if (size > kMostBytes / count) throw data_error(place + " has very long texts", "a short list");
        std::string all(size * count, '\0');
        check(read(type, all.data()));
        for (size_t i = 0; i < count; ++i) out.texts.emplace_back(all.substr(i * size, size).c_str());
      }
      return out;
    case H5T_ENUM: {
      const size_t size = H5Tget_size(type);
      if (size != 1)
        throw data_error(place + " is an enumeration of " + std::to_string(size) + " bytes", "1");
      std::vector<int8_t> raw(count);
      check(read(type, raw.data()));
      out.numbers.assign(raw.begin(), raw.end());
      return out;
    }
    case H5T_INTEGER:
      out.whole = true;
      [[fallthrough]];
    case H5T_FLOAT:
      out.numbers.resize(count);
      check(read(H5T_NATIVE_DOUBLE, out.numbers.data()));
      return out;
    default:
      throw data_error(place + " holds neither text nor numbers", "text or numbers");
  }
}

}  // namespace

Hdf5Values hdf5_attribute(const Hdf5File& file, const std::string& object, const std::string& name) {
  const Hdf5Lock lock;
  if (object != "/" && !file.has(object)) throw data_error(file.path() + " has no object '" + object + "'");
  if (H5Aexists_by_name(file.id(), object.c_str(), name.c_str(), H5P_DEFAULT) <= 0) return {};
  const Hdf5Id id(H5Aopen_by_name(file.id(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                  close_with<H5Aclose>);
  const std::string place = file.path() + ": attribute '" + name + "' of '" + object + "'";
  if (!id.valid()) throw data_error(place + " cannot be opened", "a whole file");
  const Hdf5Id type(H5Aget_type(id.get()), close_with<H5Tclose>);
  const Hdf5Id space(H5Aget_space(id.get()), close_with<H5Sclose>);
  return values_of(file, place, type.get(), space.get(),
                   [&](int64_t memory, void* out) { return H5Aread(id.get(), memory, out); });
}

Hdf5Values hdf5_values(const Hdf5File& file, const std::string& dataset) {
  if (!file.has(dataset)) return {};
  const Hdf5Lock lock;
  const Hdf5Id id(H5Dopen2(file.id(), dataset.c_str(), H5P_DEFAULT), close_with<H5Dclose>);
  const std::string place = file.path() + ": dataset '" + dataset + "'";
  if (!id.valid()) throw data_error(place + " cannot be opened", "a dataset");
  check_hdf5_storage(id.get(), place, file.path());
  const Hdf5Id type(H5Dget_type(id.get()), close_with<H5Tclose>);
  const Hdf5Id space(H5Dget_space(id.get()), close_with<H5Sclose>);
  return values_of(file, place, type.get(), space.get(), [&](int64_t memory, void* out) {
    return H5Dread(id.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
  });
}

}  // namespace windtunnel::datasets

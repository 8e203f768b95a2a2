#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "datasets/formats/hdf5_file.h"

namespace windtunnel::datasets {

/// The values of variable length in an HDF5 file, read without the library, which follows damaged global
/// heaps out of its memory or without end. Address width O and length width L are the file's, numbers little
/// endian:
///   reference  := count(4) address(O) index(4)         address 0: no value
///   collection := "GCOL" version(1)=1 0(3) size(L) object*
///   object     := index(2) uses(2) 0(4) size(L) data, padded to 8 bytes
///                                                      index 0: the free rest, whose size counts its header
/// What does not follow this grammar is a data error beginning with the place of the value.
class Hdf5Heap {
 public:
  /// `file` must outlive the object.
  explicit Hdf5Heap(const Hdf5File& file);

  /// Values of `type` (variable-length texts or lists) in their stored form of `element` bytes each: one
  /// entry per reference of an attribute or dataset, which `read` delivers in the memory type it is given.
  std::vector<std::string_view> values(const std::string& place, int64_t type, int64_t count,
                                       const Hdf5Read& read);

  /// Checks what NetCDF has the library read on its own: every attribute, and the storage and fill value of
  /// every dataset.
  void check_all();

 private:
  using Collection = std::map<uint32_t, std::string_view>;
  const Collection& collection(const std::string& place, uint64_t address);
  uint64_t number(uint64_t at, size_t width) const;
  void check_attribute(int64_t object, const std::string& name);
  void check_dataset(int64_t dataset, const std::string& place);

  const Hdf5File& file_;
  std::unique_ptr<core::MappedFile> bytes_;
  uint64_t base_ = 0, walked_ = 0;
  size_t address_width_ = 8, length_width_ = 8;
  std::map<uint64_t, Collection> collections_;  ///< by address
};

/// The check before a NetCDF file is opened; nothing for files of the classic formats.
void check_netcdf_heaps(const std::filesystem::path& path);

}  // namespace windtunnel::datasets

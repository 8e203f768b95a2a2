#pragma once

#include <cstdint>
#include <string>

#include "core/json.h"
#include "datasets/formats/hdf5_file.h"

namespace windtunnel::datasets {

/// Attributes of the file's root group as JSON: texts, integers, numbers, lists of either. An attribute of
/// another kind is left out.
core::Json hdf5_attributes(const Hdf5File& file);

/// Writes texts, numbers, booleans (as integers) and lists of numbers as attributes of an open HDF5 `object`
/// (an identifier of the library), in key order; values of another kind, lists of texts among them, and texts
/// above 60000 bytes, which HDF5 does not keep in an attribute, are left out. `path` is the file that an
/// environment error names.
void write_hdf5_attributes(int64_t object, const core::Json& attributes, const std::string& path);

}  // namespace windtunnel::datasets

#pragma once

#include <string>
#include <vector>

#include "datasets/formats/hdf5_file.h"

namespace windtunnel::datasets {

/// A small attribute or dataset: texts or numbers (booleans, enumerations and integers become numbers).
struct Hdf5Values {
  bool there = false;
  core::Shape shape;
  std::vector<std::string> texts;
  std::vector<double> numbers;
  bool whole = false;  ///< the numbers are stored as integers

  /// The first number is not zero; false if there is none.
  bool flag() const { return !numbers.empty() && numbers.front() != 0; }
};

/// Attribute of a group or dataset ("/" for the file); `there` is false if it has none of this name. An array
/// of length 0 gives neither texts nor numbers.
Hdf5Values hdf5_attribute(const Hdf5File& file, const std::string& object, const std::string& name);

/// A whole dataset; `there` is false if there is none.
Hdf5Values hdf5_values(const Hdf5File& file, const std::string& dataset);

}  // namespace windtunnel::datasets

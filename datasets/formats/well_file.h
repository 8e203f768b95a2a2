#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/array.h"
#include "datasets/formats/hdf5_file.h"

namespace windtunnel::datasets {

/// A field or scalar of a file of The Well. Stored axes: trajectory (if sample_varying), time (if
/// time_varying), the spatial ones (of a field), and `order` axes of the spatial dimension's length for
/// components.
struct WellQuantity {
  std::string name;
  int order = 0;  ///< 0 scalar, 1 vector, 2 tensor
  bool sample_varying = false, time_varying = false;
  std::vector<bool> dim_varying;  ///< a field's; a spatial axis that does not vary has length 1 or is absent
};

/// One HDF5 file of The Well: several runs of equal length on one grid. Data errors name file and object.
class WellFile {
 public:
  explicit WellFile(const std::filesystem::path& path);

  const std::string& path() const { return file_->path(); }
  int64_t trajectories() const { return trajectories_; }
  int64_t steps() const { return steps_; }
  const std::vector<std::string>& dims() const { return dims_; }
  const core::Shape& resolution() const { return resolution_; }

  /// Order 0, 1, 2, and within an order as the file lists them.
  const std::vector<WellQuantity>& fields() const { return fields_; }
  const std::vector<WellQuantity>& scalars() const { return scalars_; }
  /// "density", "velocity_x", "stress_xy": one name per component, row-major.
  std::vector<std::string> channel_names(const WellQuantity& field) const;

  /// `count` frames from `begin`, `dt` apart, of one run: (count, dims.., components..), axes that do not
  /// vary repeated. A constant field ignores the frames and has no time axis.
  core::Array read(const WellQuantity& field, int64_t trajectory, int64_t begin = 0, int64_t count = 1,
                   int64_t dt = 1) const;
  /// Frames [begin, end) of one run where they lie, with all components: steps of time and of each dimension,
  /// 0 where the field does not vary. `at`: by dimension the only index that is needed, which becomes index
  /// 0, or -1 for all.
  Hdf5Block block(const WellQuantity& field, int64_t trajectory, int64_t begin, int64_t end,
                  const std::vector<int64_t>& at, std::vector<float>& buffer) const;
  /// Values at those frames, or the one value of a constant.
  std::vector<float> scalar(const WellQuantity& scalar, int64_t trajectory, int64_t begin = 0,
                            int64_t count = 1, int64_t dt = 1) const;

  std::vector<double> times(int64_t trajectory) const;
  /// Tensor product of the coordinates: (dims.., D).
  core::Array grid(int64_t trajectory) const;
  /// (D,2) codes of the low and high ends: 0 wall, 1 open, 2 periodic.
  core::Array boundaries(int64_t trajectory) const;
  /// Names of the conditions in the file, upper case, sorted.
  std::vector<std::string> boundary_types() const;
  /// A simulation parameter: attribute of the file, or else a constant scalar. Data error if it is neither.
  double parameter(const std::string& name, int64_t trajectory) const;

 private:
  void read_layout();
  void read_fields(int order);
  const Hdf5Array& array(const std::string& name) const { return arrays_.at(name); }
  std::vector<double> coordinates(const std::string& dim, int64_t trajectory) const;

  std::shared_ptr<const Hdf5File> file_;
  int64_t trajectories_ = 0, steps_ = 0;
  std::vector<std::string> dims_;
  core::Shape resolution_;
  std::vector<WellQuantity> fields_, scalars_;
  std::map<std::string, Hdf5Array> arrays_;  ///< by name of field or scalar
};

}  // namespace windtunnel::datasets

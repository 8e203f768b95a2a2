#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/trajectory.h"

namespace windtunnel::datasets {

/// A trajectory on a grid of one to three dimensions, delivered as rows and columns. The source of a field is
///   channel[@axis=index]...    density   velocity_x   pressure@z=12   Vx@z=middle
/// Two axes must be left: the first becomes the rows, the second the columns; a grid of one dimension is one
/// row. All fields must leave the same axes. Missing values (NaN) follow Scenario::fill; without a rule they
/// are data errors.
class PlaneTrajectory : public Trajectory {
 public:
  using Trajectory::read;
  void read(const std::vector<int64_t>& fields, int64_t begin, int64_t end, int64_t stride, float* out,
            int64_t step) const override;

 protected:
  /// Call once the grid is known: names and lengths of its axes; `places` by field of the scenario, empty for
  /// fields that are not on this side. `path()` must work.
  void set_grid(const std::vector<std::string>& axes, const core::Shape& extent, const Scenario& scenario,
                const std::vector<std::string>& places);
  const std::string& channel(int64_t field) const { return fields_[static_cast<size_t>(field)].channel; }

  /// Frames [begin, end) of a field on the whole grid, (T, axes..).
  virtual std::vector<float> load(int64_t field, int64_t begin, int64_t end) const = 0;

 private:
  struct Field {
    std::string name, channel, fill;
    int64_t offset = 0;  ///< of the plane, in values
  };
  void fill_gaps(const Field& field, int64_t frame, std::vector<float>& plane) const;

  std::vector<Field> fields_;
  int64_t row_step_ = 0, column_step_ = 1, frame_ = 1;  ///< distances in values
};

}  // namespace windtunnel::datasets

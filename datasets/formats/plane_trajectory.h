#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/formats/window_layout.h"
#include "datasets/trajectory.h"

namespace windtunnel::datasets {

/// A trajectory on a grid of one to three dimensions, delivered as rows and columns. The source of a field is
///   channel[@axis=index]...    density   velocity_x   pressure@z=12   Vx@z=middle
/// Two axes must be left: the first becomes the rows, the second the columns; a grid of one dimension is one
/// row. All fields must leave the same axes. Missing values (NaN) follow Scenario::fill; without a rule a
/// delivered one is a data error.
class PlaneTrajectory : public Trajectory {
 public:
  using Trajectory::read;
  void read(const std::vector<int64_t>& fields, int64_t begin, int64_t end, int64_t stride, float* out,
            int64_t step) const override;
  void deliver(const std::vector<ChannelSource>& channels, int64_t begin, int64_t end, int64_t stride,
               float* out, int64_t step) const override;

 protected:
  /// A field is one component of a dataset.
  struct Source {
    int64_t dataset = -1, component = 0;
  };
  /// Frames where they lie in memory: component c of value (t, i, j, ..) at
  /// data[t * frame + i * steps[0] + j * steps[1] + .. + c]. A step of 0 repeats.
  struct Grid {
    const float* data = nullptr;
    int64_t frame = 0;
    std::vector<int64_t> steps;
  };

  /// Call once the grid is known: names and lengths of its axes; `places` by field of the scenario, empty for
  /// fields that are not on this side. `path()` must work.
  void set_grid(const std::vector<std::string>& axes, const core::Shape& extent, const Scenario& scenario,
                const std::vector<std::string>& places);
  /// Those of `all` that no field reads.
  std::vector<std::string> others(const std::vector<std::string>& all) const;
  const std::string& channel(int64_t field) const { return fields_[static_cast<size_t>(field)].channel; }

  virtual Source source(int64_t field) const = 0;
  /// Frames [begin, end) of a dataset with all its components. `at` has an entry for each axis of the grid:
  /// the only index that is needed, which becomes index 0, or -1 for all. Values are in a file that is
  /// mapped, or in `buffer`.
  virtual Grid load(int64_t dataset, int64_t begin, int64_t end, const std::vector<int64_t>& at,
                    std::vector<float>& buffer) const = 0;

 private:
  struct Field {
    std::string name, channel, fill;
    std::vector<int64_t> at;  ///< the plane, by axis of the grid: an index, or -1
  };
  /// Rows and columns of a loaded field.
  StoredChannel plane(const Grid& grid, int64_t field) const;
  void fill_gaps(const Field& field, int64_t frame, std::vector<float>& values) const;

  std::vector<Field> fields_;
  int64_t row_axis_ = -1, column_axis_ = 0;  ///< of the grid; -1: there is one row
};

}  // namespace windtunnel::datasets

#pragma once

#include <filesystem>
#include <memory>

#include "datasets/trajectory.h"

namespace windtunnel::datasets {

/// Format "the_well": HDF5 files of The Well in <scenario>/data/{train,valid,test} (folder key "data").
///
/// A trajectory is one run of one file, "train/part_0.h5#3". A field's source is a flattened channel name,
/// and for 3-D data a plane (see PlaneTrajectory): density, velocity_x, stress_xy, velocity_z@z=middle.
/// Fields that do not vary in time or along an axis are repeated. Parameters that name an attribute come from
/// the file's simulation parameters or constant scalars. The folders are the split; windows start `interval`
/// frames apart.
std::unique_ptr<TrajectoryStore> open_the_well(const Scenario& scenario, const std::filesystem::path& root,
                                               Side side);

}  // namespace windtunnel::datasets

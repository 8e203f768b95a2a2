#pragma once

#include <filesystem>
#include <memory>

#include "datasets/trajectory.h"

namespace windtunnel::datasets {

/// Format "realpdebench_arrow": one row per trajectory in the Arrow files of
/// <scenario>/hf_dataset/{real,numerical} (folder key "hf_dataset"), in the layout of `save_to_disk`.
///
/// A field's source in the scenario is `column` or `column[channel]`: a binary value with the raw row-major
/// numbers (shape_t, shape_h, shape_w[, <column>_channels]), float32 or float64, told apart by the length of
/// the value. Column sim_id names the trajectory; t (t_shape), where present, holds the times. A window is
/// read straight from the mapped file and touches its own frames only.
///
/// The schema of a file may keep the attributes of a trajectory, JSON under the name `attributes/<sim_id>`.
///
/// A null or a value of another length is a data error naming file, sim_id and column. So is a version.json
/// whose min_code_version is above 0.2.0, the layout that is read here.
std::unique_ptr<TrajectoryStore> open_realpdebench_arrow(const Scenario& scenario,
                                                         const std::filesystem::path& root, Side side);

}  // namespace windtunnel::datasets

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "datasets/split.h"

namespace windtunnel::datasets {

/// The parameters of a trajectory in the scenario's order: those with an attribute from `attribute`, the
/// others from the name.
std::vector<double> file_parameters(const Scenario& scenario, const std::string& name,
                                    const std::function<double(const std::string&)>& attribute);

/// "part_0.h5#07": run or sample `index` of `count` of a file, numbers as wide as the last one.
std::string numbered(const std::string& file, int64_t index, int64_t count);

/// A split by whole trajectories: every window that starts a multiple of Scenario::interval and fits. The
/// trajectories of `val` and `test` are held out inside the parameter range (in_dist).
Split split_of_parts(const Scenario& scenario, const std::vector<TrajectoryName>& train,
                     const std::vector<TrajectoryName>& val, const std::vector<TrajectoryName>& test);

}  // namespace windtunnel::datasets

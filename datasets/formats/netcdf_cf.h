#pragma once

#include <filesystem>
#include <memory>

#include "datasets/trajectory.h"

namespace windtunnel::datasets {

/// Format "netcdf_cf": one NetCDF file (classic or NetCDF-4) per trajectory with CF attributes.
///
/// A field's source in the scenario is the name of a variable. Its axes are told apart by their coordinate
/// variables (attribute axis or standard_name, units "... since ..." for time, degrees_north, degrees_east);
/// axes that say nothing are taken in the order time, y, x; other axes must have length 1. Any order of axes
/// and any number type:
///   value = stored * scale_factor + add_offset, rounded once to float32
/// A value is missing if it equals _FillValue or missing_value, lies outside valid_range (valid_min,
/// valid_max) or is NaN. Missing values are data errors unless the scenario names a rule under `fill`: zero,
/// or frame_mean, the mean of the present values of that frame. Times must increase; Trajectory::times()
/// gives seconds since the reference date of the units (a month is 1/12 of 365.2425 days).
std::unique_ptr<TrajectoryStore> open_netcdf_cf(const Scenario& scenario, const std::filesystem::path& root,
                                                Side side);

}  // namespace windtunnel::datasets

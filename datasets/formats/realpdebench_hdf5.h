#pragma once

#include <filesystem>
#include <memory>

#include "datasets/trajectory.h"

namespace windtunnel::datasets {

/// Format "realpdebench_hdf5": one HDF5 file per trajectory in the folder of each side.
///
/// A field's source in the scenario is `[folder:]dataset[[channel]]`:
///   measured_data/u             dataset (T,H,W) of the trajectory's file
///   measured_data[3]            channel 3 of a dataset (T,H,W,C)
///   surrogate:measured_data     the same file name in another folder of the scenario
/// Any storage precision, chunking and filter of the library; frames beyond Scenario::frames are allowed.
/// Fields of one file must agree in shape; a field of another folder may have more frames.
std::unique_ptr<TrajectoryStore> open_realpdebench_hdf5(const Scenario& scenario,
                                                        const std::filesystem::path& root, Side side);

}  // namespace windtunnel::datasets

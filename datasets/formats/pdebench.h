#pragma once

#include <filesystem>
#include <memory>

#include "datasets/trajectory.h"

namespace windtunnel::datasets {

/// Format "pdebench": HDF5 files of PDEBench (see PdebenchFile) in the folder of the side, those whose names
/// match the scenario's file_pattern.
///
/// A trajectory is one sample of one file, "2D_diff-react_NA_NA.h5#0007". A field's source is a channel of
/// the file, and for 3-D data a plane (see PlaneTrajectory): tensor, Vx, data[1], pressure@z=middle. Darcy
/// flow has two pseudo-frames, coefficient and solution. Parameters that name an attribute come from the
/// file.
///
/// The split is that of the published loaders: a tenth of each file's samples for test, the first ones of
/// single files, the last ones of seed groups. The published protocol validates on the test part; the
/// corrected one takes the tenth of the training part that lies beside the test part.
std::unique_ptr<TrajectoryStore> open_pdebench(const Scenario& scenario, const std::filesystem::path& root,
                                               Side side);

}  // namespace windtunnel::datasets

#pragma once

#include "datasets/trajectory.h"

namespace windtunnel::runners {

/// The format with its functions, stores and trajectories guarded: whatever they throw but our own errors is
/// a data error that names the plug-in and the call; a `detect` that throws has found nothing. What it opens
/// is checked: ids sorted and without repetition, extents and numbers of parameters as the scenario has them.
datasets::FormatInfo guarded_format(datasets::FormatInfo info);

}  // namespace windtunnel::runners

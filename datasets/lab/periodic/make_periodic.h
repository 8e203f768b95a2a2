#pragma once

#include "datasets/lab/lab.h"
#include "datasets/lab/periodic/options.h"

namespace windtunnel::datasets::lab {

/// Cost before anything is computed, from a few steps of the solver here and now.
LabEstimate estimate(const PeriodicOptions& options);

/// Computes a system of The Well (registry: periodic_systems()) and writes it in The Well's layout:
///   out/scenario/data/{train,valid,test}/*.hdf5   one trajectory per file
///   out/scenario/stats.yaml                       of the training files
///   out/scenario/scenario.yaml, manifest.json
/// The bytes depend on the options, not on the number of threads. Files that carry the same options are kept,
/// so an interrupted run continues. Errors: usage (options), data (the solution is not finite), environment
/// (disk), interrupted.
LabReport make_periodic(const PeriodicOptions& options, const LabControl& control = {});

}  // namespace windtunnel::datasets::lab

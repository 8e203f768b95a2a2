#pragma once

#include "datasets/convert.h"

namespace windtunnel::datasets {

/// One file per trajectory at the places of the scenario; x, y and t at the root.
void write_realpdebench_hdf5(const ConvertJob& job);

/// hf_dataset/<side>, one row per trajectory: sim_id, the fields of both sides, shapes, x, y and t with
/// theirs, then the fields of the simulated side alone. Combustion's places make the columns observed and
/// numerical.
void write_realpdebench_arrow(const ConvertJob& job);

/// One NetCDF-4 file per trajectory with CF attributes: dimensions time, y, x.
void write_netcdf_cf(const ConvertJob& job);

/// Fields of the side (indices into the scenario).
std::vector<int64_t> fields_on(const Scenario& scenario, Side side);

}  // namespace windtunnel::datasets

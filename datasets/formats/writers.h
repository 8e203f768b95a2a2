#pragma once

#include "datasets/convert.h"

namespace windtunnel::datasets {

/// One file per trajectory at the places of the scenario; x, y, t and the attributes at the root.
void write_realpdebench_hdf5(const ConvertJob& job);

/// hf_dataset/<side>, one row per trajectory: sim_id, the fields of both sides, shapes, x, y and t with
/// theirs, then the fields of the simulated side alone. Combustion's places make the columns observed and
/// numerical. Attributes go to the schema of the file.
void write_realpdebench_arrow(const ConvertJob& job);

/// One file per trajectory, <name>.arrow until finish() numbers them, removes the others and writes the
/// state, without which a folder is not read.
std::unique_ptr<Appender> append_realpdebench_arrow(const Scenario& to, const std::filesystem::path& root,
                                                    Side side);

/// One NetCDF-4 file per trajectory with CF attributes: dimensions time, y, x. Attributes become global ones.
void write_netcdf_cf(const ConvertJob& job);
std::unique_ptr<Appender> append_netcdf_cf(const Scenario& to, const std::filesystem::path& root, Side side);

/// Fields that share a dataset or column: (T,H,W), or (T,H,W,C) if they are channels.
struct Target {
  std::string folder, dataset;
  bool channels = false;
  std::vector<int64_t> fields;  ///< by channel
  bool both_sides = false;      ///< some field is on both sides
};

/// Where `format` puts the fields of a side; usage errors: two fields in one place, a channel without field.
std::vector<Target> targets_of(const Scenario& to, Side side, const std::string& format);

/// Shape (T,H,W) or (T,H,W,C) of a target.
core::Shape shape_of(const Trajectory& t, const Target& target);

/// Calls `take(begin, values)` with runs of frames of the target, whole points (T,H,W,fields), in order.
void stream(const Trajectory& t, const Target& target,
            const std::function<void(int64_t begin, const core::Array& values)>& take);

/// Fields of the side (indices into the scenario).
std::vector<int64_t> fields_on(const Scenario& scenario, Side side);

}  // namespace windtunnel::datasets

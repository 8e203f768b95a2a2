#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/options.h"

namespace windtunnel::datasets::lab {

/// What the virtual laboratory makes: paired trajectories of one scenario. The "numerical" side is a coarse,
/// idealised solve; the "real" side is a finer, perturbed solve seen through an instrument. Each cause
/// of the gap between them can be switched off. Lengths in D (diameter or chord), velocities in U (free
/// stream), times in D/U. The members' defaults are those of size "demo" of the cylinder; see lab_options().
struct LabOptions : core::Options {
  std::string scenario = "cylinder";  ///< one of lab_scenarios()
  std::string out;                    ///< dataset root; files go to out/scenario
  std::string size = "demo";          ///< preset: tiny | demo | small | published
  std::string format = "hdf5";        ///< of the files: hdf5 | arrow | netcdf; the values are the same
  int64_t seed = 0;
  int64_t threads = 0;  ///< one trajectory side per thread; 0 = all processors

  int64_t trajectories = 10;
  int64_t frames = 320;
  double frame_interval = 0.12;  ///< D/U between frames; 0 = the scenario's published step in seconds
  double spin_up = 40;           ///< D/U before the first frame

  int64_t height = 32, width = 64;                ///< delivered grid
  int64_t real_stride = 1, numerical_stride = 1;  ///< stored grid = delivered grid x stride
  double pixels = 9;                              ///< delivered pixels per D

  int64_t simulated_cells = 10;  ///< solver cells per D, numerical side
  int64_t measured_cells = 20;   ///< solver cells per D, real side
  double smagorinsky = 0.14;     ///< closure of the numerical side: constant C_s
  double mixing_length = 0.04;   ///< closure of the real side: mixing length in D

  std::string instrument = "noise";  ///< of the real side: ideal | noise | piv | piv_low
  std::string turbulence =
      "kinematic";             ///< unresolved three-dimensional turbulence of the real side: off | kinematic
  bool gap_resolution = true;  ///< false: real side solved with simulated_cells
  bool gap_closure = true;     ///< false: real side closed with smagorinsky
  bool gap_inflow = true;      ///< Reynolds number error, non-uniform and turbulent free stream, time origin
  bool gap_geometry = true;    ///< body offset and camera tilt
  bool truth = false;          ///< also write the real side before the measurement to out/scenario/truth

  int64_t in_step = 10, out_step = 10;  ///< window written into the scenario and the index files
  int64_t interval = 5;                 ///< frames between windows
  std::string kernels = "fast";         ///< fast | reference

  void describe(core::OptionVisitor& visitor) override;
};

/// Preset of values["size"] and values["scenario"], then the other keys of `values`. `where` names the origin
/// of `values` in error messages (usage errors: unknown key, bad value, inconsistent sizes).
LabOptions lab_options(const core::Json& values, const std::string& where);

std::vector<std::string> lab_scenarios();

/// Cost before anything is computed.
struct LabEstimate {
  double core_seconds = 0;  ///< on one processor
  double seconds = 0;       ///< with options.threads
  int64_t bytes = 0;        ///< on disk
  std::string text;         ///< one sentence for the user
};
LabEstimate estimate(const LabOptions& options);

struct LabControl {
  const std::atomic<bool>* stop =
      nullptr;  ///< set: unfinished files are removed and Error(interrupted) is thrown
  /// Share of the work done (0..1) and a note; called from one thread at a time. Null: a progress line is
  /// logged.
  std::function<void(double done, std::string_view note)> progress;
};

struct LabReport {
  std::filesystem::path folder;  ///< out/scenario
  int64_t made = 0, kept = 0;    ///< trajectory files written now; complete files of an earlier run
  int64_t bytes = 0;
  double seconds = 0;
};

/// Writes out/scenario/{real,numerical}/{sim_id} in the published HDF5 layout, or one Arrow file per
/// trajectory in out/scenario/hf_dataset/{real,numerical}, or NetCDF files with CF attributes; index files,
/// scenario.yaml and manifest.json (size and SHA-256 of every file, seed, options). What made a trajectory
/// stands in its file: attributes of the HDF5 root, global attributes, schema of the Arrow file. The bytes
/// depend on the options only, not on the number of threads or the processor. Complete trajectories that
/// carry the same options are kept, so an interrupted run continues. Errors: usage (options, a folder with
/// the same data in another format), environment (disk), interrupted.
LabReport make_dataset(const LabOptions& options, const LabControl& control = {});

}  // namespace windtunnel::datasets::lab

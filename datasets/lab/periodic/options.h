#pragma once

#include <memory>
#include <string>

#include "core/options.h"

namespace windtunnel::datasets::lab {

struct SystemInfo;

/// What is made of a system of The Well; each system adds its own keys. Lengths and times in the system's
/// units. The presets (sizes) are in settings/<system>.yaml.
struct PeriodicOptions : core::Options {
  std::string scenario, out;
  std::string size = "small";  ///< tiny | small | published
  int64_t seed = 0;
  int64_t threads = 0;  ///< one trajectory per thread; 0 = all processors

  int64_t train = 8, valid = 1, test = 1;  ///< trajectories per combination of parameters
  int64_t frames = 64;                     ///< of a trajectory
  double frame_interval = 1;               ///< time between frames
  int64_t skip_frames = 0;                 ///< frames computed before the first one that is kept
  double step = 1;                         ///< longest time step of the solver
  int64_t height = 64, width = 64;         ///< delivered points along x and y
  int64_t refinement = 1;                  ///< solver points per delivered point and direction
  double length_x = 1, length_y = 1;
  int64_t in_step = 4, out_step = 1, interval = 1;  ///< windows of the scenario

  void describe(core::OptionVisitor& v) override;
  virtual std::unique_ptr<PeriodicOptions> clone() const = 0;
  /// Every option with its value.
  core::Json values() const { return core::write_options(*clone()); }
  int64_t trajectories() const { return train + valid + test; }
};

/// Defaults of the system, its preset values["size"], then the other keys. Usage errors name `where`.
std::unique_ptr<PeriodicOptions> periodic_options(const core::Json& values, const std::string& where);

/// title, notes and sizes of a system's settings file.
core::Json periodic_settings(const std::string& system);

}  // namespace windtunnel::datasets::lab

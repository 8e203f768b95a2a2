#pragma once

#include <string>
#include <vector>

#include "core/embedded.h"
#include "core/json.h"
#include "datasets/lab/body.h"
#include "datasets/lab/lab.h"

namespace windtunnel::datasets::lab {

const std::vector<core::EmbeddedFile>& embedded_files();

/// One parameter of a scenario's grid: a range, or a list of values that it takes.
struct GridParameter {
  std::string name;
  double low = 0, high = 0;
  std::vector<double> values;  ///< not empty: only these
  int decimals = 0;            ///< in the file name; -1: as many as the value needs
  std::string suffix;          ///< after the value in the file name
  bool repeat = false;         ///< counts repetitions 1, 2, ... of the same configuration
};

/// What the laboratory knows about a scenario, read from lab/settings/<name>.yaml (compiled in).
struct LabSettings {
  std::string name, summary;
  std::string solver;                    ///< flow | flame, see recording.h
  std::vector<std::string> instruments;  ///< that the scenario knows
  std::string body;                      ///< see bodies.h; empty for a flame
  core::Json body_settings;
  double length = 0, height = 0, upstream = 0;      ///< flow domain, D
  double diameter = 0, viscosity = 0, density = 0;  ///< m, m2/s, kg/m3
  double reynolds = 0;                              ///< of every configuration, if it is no parameter
  core::Json flame;                                 ///< see flame_run.h
  double pixels = 0;                                ///< vectors per D at which `centre` holds
  Vec2 centre;                                      ///< vector coordinates of the flow's origin
  double published_step = 0;                        ///< s
  std::vector<GridParameter> parameters;
  struct Gap {
    double reynolds = 0, offset = 0, tilt = 0, nonuniformity = 0, intensity = 0;
    double amplitude = 0, frequency = 0, mass = 0, damping = 0;  ///< of a moving body
  } gap;
  core::Json sizes;

  double velocity(double reynolds) const { return reynolds * viscosity / diameter; }  ///< m/s
};

LabSettings lab_settings(const std::string& scenario);

/// One configuration of the grid.
struct Configuration {
  std::string sim_id;          ///< file name, "1800.h5"
  std::vector<double> values;  ///< of LabSettings::parameters
  double reynolds = 0;
};

/// `count` configurations spread over the grid, sorted by value. A usage error if the grid has fewer.
std::vector<Configuration> configurations(const LabSettings& settings, int64_t count);

/// D/U between frames of a configuration.
double frame_interval(const LabOptions& options, const LabSettings& settings, double reynolds);

}  // namespace windtunnel::datasets::lab

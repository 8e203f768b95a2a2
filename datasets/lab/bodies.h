#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "datasets/lab/body.h"

namespace windtunnel::datasets::lab {

/// What a maker of bodies gets. `factor` gives 1 + a relative error of the named kind ("amplitude",
/// "frequency", "mass", "damping"): 1 on the idealised side.
struct BodyRequest {
  std::map<std::string, double> parameters;  ///< of the file name
  core::Json settings;                       ///< body_settings of the scenario
  Vec2 offset;                               ///< error of the body's place, D
  std::function<double(const std::string& kind)> factor;
};

/// `kind` is one of body_kinds(); the flow's origin is where the scenario's geometry has its centre.
std::vector<Body> make_bodies(const std::string& kind, const BodyRequest& request);
std::vector<std::string> body_kinds();

}  // namespace windtunnel::datasets::lab

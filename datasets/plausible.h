#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "datasets/scenario.h"

namespace windtunnel::datasets {

/// Limits of a field on a side by the rules in plausible/rules.yaml: unit, name. Infinite where no rule
/// speaks.
struct PlausibleRange {
  double min, max;
};
PlausibleRange plausible_range(const FieldInfo& field, Side side);

/// Size of the fluctuations of one trajectory: parameters and root mean square about the mean of its measured
/// fields.
struct Fluctuation {
  std::string id;
  std::vector<double> parameters;
  double size = 0;
};

/// A trajectory whose fluctuations are `factor` times (or a `factor`-th, if below 1) the median of the four
/// trajectories with the nearest parameters, with a factor of eight or more between them.
struct ScaleOutlier {
  std::string id;
  double factor = 1;
};
/// At least four trajectories are needed; fewer give nothing.
std::vector<ScaleOutlier> scale_outliers(const std::vector<Fluctuation>& list);

/// What is known about a trajectory of the published data; empty if nothing. `version` is the data_version of
/// <root>/version.json; a fault counts for its versions and where the file names none.
std::string known_fault(const Scenario& scenario, Side side, const std::string& id,
                        const std::string& version);
/// data_version of <root>/version.json; empty if there is none.
std::string data_version(const std::filesystem::path& root);

}  // namespace windtunnel::datasets

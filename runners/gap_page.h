#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "datasets/gap.h"

namespace windtunnel::runners {

/// One self-contained HTML page: numbers of every trajectory; for up to `pictured` of them fields, mean and
/// fluctuation with their differences, profiles at the stations, spectra in time and along rows, and
/// distributions.
std::string gap_page(const datasets::Scenario& scenario, const std::vector<datasets::TrajectoryGap>& gaps,
                     size_t pictured = 4);

/// {"scenario", "synthetic", "trajectories": [{"id", "profile_error", "fields": [...]}], "mean": {...}}.
core::Json gap_json(const datasets::Scenario& scenario, const std::vector<datasets::TrajectoryGap>& gaps);

/// The same as a text table.
std::string gap_table(const datasets::Scenario& scenario, const std::vector<datasets::TrajectoryGap>& gaps);

}  // namespace windtunnel::runners

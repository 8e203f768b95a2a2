#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "datasets/trajectory.h"

namespace windtunnel::datasets {

struct ConvertOptions {
  std::string format;                 ///< one that can be written
  std::vector<Side> sides;            ///< empty: those that are there
  int64_t shard_bytes = 500'000'000;  ///< of Arrow files, about
};

/// What a format is asked to write: the trajectories of one side.
struct ConvertJob {
  const Scenario& from;  ///< fields in the order in which the store reads them
  const Scenario& to;    ///< the same fields with places in the format
  Side side;
  const TrajectoryStore& store;
  std::vector<std::pair<std::string, std::string>> ids;  ///< in the store -> written
  const std::filesystem::path& root;
  int64_t shard_bytes;
};

/// Writes the scenario's trajectories below `out` in another format, whole and at full resolution, with axes,
/// times, the index files (names changed as the format needs) and a scenario.yaml that reads the result.
/// Fields that the scenario does not name are left behind. Values are float32, coordinates float64. Usage
/// errors: a format that cannot be written, data already there. Returns the number of trajectories.
int64_t convert(const Scenario& scenario, const std::filesystem::path& root, const std::filesystem::path& out,
                const ConvertOptions& options);

/// Bytes of "500MB", "75KB", "2GB" (decimal); a number without a unit is a usage error.
int64_t parse_size(const std::string& text);

}  // namespace windtunnel::datasets

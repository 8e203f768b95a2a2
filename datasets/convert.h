#pragma once

#include <filesystem>
#include <map>
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

struct Converted {
  int64_t trajectories = 0;
  /// Fields that the scenario does not name, of the first trajectory of each side.
  std::map<Side, std::vector<std::string>> left_behind;
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

/// A side of a data set that is made trajectory by trajectory, in any order and by several threads.
class Appender {
 public:
  virtual ~Appender() = default;
  /// True if trajectory `name` is there, whole, with the text `key` as its attribute "key".
  virtual bool has(const std::string& name, const std::string& key) const = 0;
  /// Writes the trajectory with its attributes as `name`, whole or not at all, in place of an older one.
  virtual void add(const std::string& name, const Trajectory& trajectory) = 0;
  /// Called once, when all of `names` are there: now they are the data set.
  virtual void finish(const std::vector<std::string>& names) = 0;
};

/// The scenario that reads its trajectories as `format` writes them, fields in the same order. With `parts`
/// the trajectories are parts of files, whose names no pattern describes. A usage error if parameters are
/// inside the files.
Scenario in_format(const Scenario& scenario, const FormatInfo& format, bool parts = false);

/// The name under which `format` writes trajectory `id`: "1800.h5" -> "1800.nc"; a part of a file keeps the
/// file's whole name: "train/part.h5#03" -> "train_part.h5_03.nc".
std::string name_in_format(const std::string& id, const FormatInfo& format);

/// Every trajectory that `names` lists under its new name.
void rename_trajectories(Split& split, const std::map<std::string, std::string>& names);

/// Writes the scenario's trajectories below `out` in another format, whole and at full resolution, with axes,
/// times, attributes, the index files (names changed as the format needs) and a scenario.yaml that reads the
/// result. Fields that the scenario does not name are left behind and listed. Values are float32, coordinates
/// float64. Usage errors: a format that cannot be written, data already there.
Converted convert(const Scenario& scenario, const std::filesystem::path& root,
                  const std::filesystem::path& out, const ConvertOptions& options);

/// Bytes of "500MB", "75KB", "2GB" (decimal); a number without a unit is a usage error.
int64_t parse_size(const std::string& text);

}  // namespace windtunnel::datasets

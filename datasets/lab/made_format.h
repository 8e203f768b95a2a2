#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "datasets/convert.h"
#include "datasets/lab/lab.h"
#include "datasets/lab/settings.h"

namespace windtunnel::datasets::lab {

/// How made trajectories come into the format that the options name. The solver writes HDF5 frame by frame;
/// in another format each trajectory is written to a folder of its own first, handed over whole, and that
/// folder is removed.
class MadeFormat {
 public:
  /// A usage error if out/scenario holds trajectories in another format.
  MadeFormat(const LabOptions& options, const LabSettings& settings);

  bool native() const { return appenders_.empty(); }  ///< HDF5: nothing is handed over
  const Scenario& written() const { return written_; }
  /// Folder to which the HDF5 files of a trajectory go: .../real, .../surrogate lie in it.
  std::filesystem::path folder(Side side, const std::string& sim_id) const;

  /// Not for the native format. `key` as in Appender::has().
  bool has(Side side, const std::string& sim_id, const std::string& key) const;
  /// Takes the trajectory over from folder(side, sim_id). Thread safe.
  void take(Side side, const std::string& sim_id) const;
  /// After the last trajectory.
  void finish(const std::vector<std::string>& sim_ids) const;
  /// Removes what is on its way; no take() may be running.
  void clean() const;

 private:
  std::filesystem::path staging(Side side, const std::string& sim_id) const;

  std::filesystem::path root_;
  Scenario made_, written_;
  const FormatInfo* format_;
  std::map<Side, std::unique_ptr<Appender>> appenders_;
};

}  // namespace windtunnel::datasets::lab

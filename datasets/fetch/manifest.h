#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "datasets/fetch/hub.h"

namespace windtunnel::datasets::fetch {

inline constexpr const char* kManifestName = "fetch-manifest.json";

/// What was fetched into a folder, kept in <folder>/fetch-manifest.json:
///   {"repository": owner/name,
///    "files": {path: {"bytes", "commit", "time", "sha256" | "git_blob"}},
///    "made": [path]}       files that were derived here for a reduced set of trajectories
/// Thread safe; every change is written at once.
class Manifest {
 public:
  explicit Manifest(std::filesystem::path folder);

  bool exists() const { return exists_; }
  /// Files with hash, by path.
  std::map<std::string, RemoteFile> files() const;
  std::set<std::string> made() const;
  /// True if `file` was fetched with this content.
  bool has(const RemoteFile& file) const;
  void record(const std::string& repository, const std::string& commit, const RemoteFile& file);
  void record_made(const std::string& path);
  void forget_made(const std::string& path);

 private:
  void write();
  std::filesystem::path path_;
  bool exists_ = false;
  mutable std::mutex mutex_;
  std::string repository_;
  struct Entry {
    RemoteFile file;
    std::string commit, time;
  };
  std::map<std::string, Entry> entries_;
  std::set<std::string> made_;
};

}  // namespace windtunnel::datasets::fetch

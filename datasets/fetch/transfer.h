#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "datasets/fetch/hub.h"

namespace windtunnel::datasets::fetch {

/// Hash of a file's content in the form that `file` gives: SHA-256, or the git blob id.
class ContentHash {
 public:
  explicit ContentHash(const RemoteFile& file);
  ~ContentHash();
  void update(const void* data, size_t bytes);
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// True if the file at `path` has the size and hash of `file`.
bool has_content(const std::filesystem::path& path, const RemoteFile& file);

/// `folder` / `path`, with its folders made. A folder on the way that is a link out of `folder` is a data
/// error.
std::filesystem::path place_below(const std::filesystem::path& folder, const std::string& path);

/// Gets one file whole: into <target>.part beside <target>.part.json {etag, size}, goes on with what an
/// earlier try left if both still match, checks size and hash, flushes and renames. Content with the wrong
/// hash is removed and fetched once more. Errors: data (wrong content), environment (network, disk),
/// interrupted; what has arrived stays for the next try. `arrived` counts bytes as they come (and back, if
/// some must be thrown away).
void transfer(Hub& hub, const HttpPolicy& policy, const std::string& commit, const RemoteFile& file,
              const std::filesystem::path& target, std::atomic<int64_t>& arrived);

}  // namespace windtunnel::datasets::fetch

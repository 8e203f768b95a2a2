#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "datasets/fetch/hub.h"
#include "datasets/fetch/selection.h"

namespace windtunnel::datasets::fetch {

inline constexpr const char* kRepository = "AI4Science-WestlakeU/RealPDEBench";

struct FetchOptions {
  HubSettings hub;
  Selection selection;
  std::filesystem::path out;
  int64_t workers = 2;
};

/// What a fetch would do.
struct FetchPlan {
  std::string commit;
  std::vector<RemoteFile> files;      ///< in the order of the transfers
  std::vector<Reduction> reductions;  ///< sides of which only some trajectories come
  std::vector<bool> present;          ///< by file: already there with this content, according to the manifest
  int64_t bytes = 0, present_bytes = 0, partial_bytes = 0;

  int64_t missing_bytes() const { return bytes - present_bytes - partial_bytes; }
  /// A table: scenario and side, files, bytes, bytes present.
  std::string text() const;
};

/// Pins the revision, lists the repository and chooses. No data are fetched, nothing is written.
FetchPlan plan_fetch(const FetchOptions& options, const HttpPolicy& policy);

/// Carries out a plan with options.workers connections. Files that are there without a manifest entry are
/// checked by hash and kept. Errors: environment if the disk lacks room for what is missing and 5 % more, if
/// access is refused; data if some files could not be had (the others are kept; the message counts both) or a
/// content is wrong; interrupted.
void run_fetch(const FetchOptions& options, const FetchPlan& plan, const HttpPolicy& policy,
               bool quiet = false);

/// Hashes what fetch-manifest.json lists, without network. One line per file that is missing or different.
/// Without a manifest that is a data error.
std::vector<std::string> verify_fetched(const std::filesystem::path& out);

/// The same for files that came another way: against the listing of the repository; only files that are
/// there.
std::vector<std::string> verify_against(const FetchPlan& plan, const std::filesystem::path& out);

}  // namespace windtunnel::datasets::fetch

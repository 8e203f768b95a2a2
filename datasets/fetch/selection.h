#pragma once

#include <functional>
#include <string>
#include <vector>

#include "datasets/fetch/hub.h"

namespace windtunnel::datasets::fetch {

/// What to fetch of a repository in the published layout (dataset specification 2 and 4).
struct Selection {
  std::vector<std::string> scenarios;  ///< empty: the small files of every scenario; "all": every scenario
  std::vector<std::string> sides = {"real", "numerical"};
  std::vector<std::string> files;    ///< if given, only paths that match one of these patterns
  std::vector<std::string> exclude;  ///< never paths that match one of these patterns
  int64_t trajectories = 0;          ///< the first so many of each side, in file order; 0: all
  bool surrogate = false;            ///< also the training pairs of the surrogate model
};

/// One scenario's side of which only some trajectories are fetched.
struct Reduction {
  std::string scenario, side;
  std::vector<std::string> ids;     ///< trajectories that will be there
  std::vector<std::string> shards;  ///< file names that state.json may list; empty if there are no shards
};

struct Chosen {
  std::vector<RemoteFile> files;  ///< version.json, other small files, then data in order
  std::vector<Reduction> reductions;
};

/// Shell pattern where * also crosses "/", as the published downloader has it.
bool matches(const std::string& pattern, const std::string& path);

/// Chooses from the whole listing. `text` delivers the content of a small file; it is only called if
/// `trajectories` is limited. A scenario that the listing lacks and a selection without any file are usage
/// errors.
Chosen choose(const std::vector<RemoteFile>& listing, const Selection& selection,
              const std::function<std::string(const RemoteFile&)>& text);

/// True for files that hold trajectories.
bool is_data(const std::string& path);

}  // namespace windtunnel::datasets::fetch

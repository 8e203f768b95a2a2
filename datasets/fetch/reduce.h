#pragma once

#include <filesystem>
#include <vector>

#include "datasets/fetch/manifest.h"
#include "datasets/fetch/selection.h"

namespace windtunnel::datasets::fetch {

/// Makes a folder with only some trajectories readable: state.json lists the shards that are there, and
/// {train,val,test}_index_{side}.json in the scenario's folder keep the windows of the trajectories that are
/// there. The files of an earlier reduction of the sides that `files` holds in full are removed.
void reduce(const std::filesystem::path& folder, const std::vector<RemoteFile>& files,
            const std::vector<Reduction>& reductions, Manifest& manifest);

}  // namespace windtunnel::datasets::fetch

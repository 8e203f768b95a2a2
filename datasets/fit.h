#pragma once

#include <filesystem>

#include "datasets/scenario.h"

namespace windtunnel::datasets {

/// The scenario as the data below `root` have room for it. Where the index files of a side start windows so
/// late that the scenario's window would pass the end of the stored frames (cut-down copies of a published
/// data set), input and output get as many frames each as every indexed window has room for, and a warning
/// says so. Otherwise, and without index files, the scenario is returned as it is. Scenario::frames never
/// exceeds what is stored.
Scenario fit_to_data(Scenario scenario, const std::filesystem::path& root);

}  // namespace windtunnel::datasets

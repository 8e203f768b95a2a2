#pragma once

#include <string>
#include <vector>

namespace windtunnel::datasets {

/// A zip container that Python's torch.load opens with its safe loader: a tuple of float32 vectors.
std::string pickled_tuple(const std::vector<std::vector<float>>& vectors);

}  // namespace windtunnel::datasets

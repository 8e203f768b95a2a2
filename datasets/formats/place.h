#pragma once

#include <cstdint>
#include <string>

namespace windtunnel::datasets {

/// Where a field lies inside a trajectory: `[folder:]dataset[[channel]]`.
struct Place {
  std::string folder;  ///< empty: the side's own
  std::string dataset;
  int64_t channel = -1;  ///< -1: the dataset has no channel axis
};

/// Usage error for a channel that is not a number.
Place parse_place(const std::string& text);

}  // namespace windtunnel::datasets

#pragma once

#include <string>
#include <vector>

namespace windtunnel::core {

/// A data file compiled into the program (CMake function windtunnel_embed).
struct EmbeddedFile {
  std::string name;  ///< file name without folder, for example "cylinder.yaml"
  std::string text;
};

}  // namespace windtunnel::core

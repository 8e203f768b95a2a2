#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/json.h"

namespace windtunnel::results {

/// What the program knows and this folder cannot ask for.
struct EnvironmentFacts {
  int64_t threads = 0;                           ///< compute threads used; 0: unknown
  std::map<std::string, std::string> libraries;  ///< "libtorch" -> "2.13.0"
  std::map<std::string, bool> flags;             ///< "deterministic", "tf32", "mkldnn"
  std::string gpu_model;                         ///< empty: none used
  int64_t gpu_count = 0;
  std::string gpu_driver;
};

/// The record's block `environment`: CPU model, cores usable, memory, operating system, kernel, architecture,
/// compiler, build type, and the facts given. A white list: no variable of the process, user, host name,
/// address or path enters.
core::Json environment_block(const EnvironmentFacts& facts);

}  // namespace windtunnel::results

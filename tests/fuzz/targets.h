#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace windtunnel::fuzz {

/// A reader under test. `seeds` are whole files, made in an empty folder or taken from the golden data; a
/// mutated seed is written to the folder under `name` and read.
struct Seed {
  std::string name;  ///< path below the folder
  std::string bytes;
};

struct Target {
  std::string name;
  std::function<std::vector<Seed>(const std::filesystem::path& scratch)> seeds;
  /// Reads all that the file offers; throws core::Error if it is refused.
  std::function<void(const std::filesystem::path& folder, const std::string& name)> read;
};

const std::vector<Target>& targets();

}  // namespace windtunnel::fuzz

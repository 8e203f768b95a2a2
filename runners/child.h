#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace windtunnel::runners {

/// Path of the running program.
std::filesystem::path own_path();

/// Runs this program with `arguments` as a child process of `threads` threads (0: as many as it likes), its
/// output appended to `log`. Returns its exit code, or 128 + signal if it was killed: a crash of one run does
/// not take the caller down. Thread safe.
int run_child(const std::vector<std::string>& arguments, const std::filesystem::path& log, int threads = 0);

}  // namespace windtunnel::runners

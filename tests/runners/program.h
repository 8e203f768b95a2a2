#pragma once

#include <filesystem>
#include <string>

namespace windtunnel::runners::testing {

struct Outcome {
  int exit_code = 0;
  std::string output;  ///< standard output and error together
};

Outcome shell(const std::string& command);

/// Runs the windtunnel program with a shell command line tail; `prefix` goes before the program ("ulimit -f
/// 8; ").
Outcome windtunnel(const std::string& arguments, const std::string& prefix = "");

/// Folder of this test process, emptied at first use and removed at exit.
std::filesystem::path scratch();

/// A tiny paired cylinder data set of the virtual laboratory, made once per test process.
std::filesystem::path tiny_data();

}  // namespace windtunnel::runners::testing

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace windtunnel::runners {

/// One command of this program in a process of its own.
struct Job {
  std::string name;
  std::vector<std::string> arguments;
  std::filesystem::path log;       ///< its output is appended here
  std::vector<size_t> after = {};  ///< jobs, by place in the list, that must have succeeded before
};

/// Runs `jobs` in so many processes at once, which share the processors; a job whose predecessor failed is
/// not started and counts as failed. Each failure is printed. Ctrl-C stops everything. Returns the number of
/// failures.
int run_jobs(const std::string& label, const std::vector<Job>& jobs, int64_t processes);

}  // namespace windtunnel::runners

#pragma once

#include <chrono>

namespace windtunnel::runners {

/// Elapsed and processor time since construction, s.
class Stopwatch {
 public:
  Stopwatch();
  double wall() const;
  double cpu() const;

 private:
  std::chrono::steady_clock::time_point start_;
  double cpu_start_;
};

/// Largest resident memory of this process so far, MB.
double peak_memory_mb();
/// What this process can still get from the machine or its control group, MB.
double available_memory_mb();

}  // namespace windtunnel::runners

#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "core/log.h"
#include "datasets/lab/lab.h"

namespace windtunnel::datasets::lab {

/// Shared by the threads that make data: work done, stop flag, first error.
class Board {
 public:
  Board(const LabControl& control, double total);
  /// Throws Error(interrupted) after a stop, or once another thread has failed.
  void add(double work, const std::string& note);
  /// Calls `make` with every index below `count`, from `threads` threads.
  void work(int64_t threads, size_t count, const std::function<void(size_t index)>& make);
  /// Ends the progress line and throws the first error of any thread.
  void finish();

 private:
  void fail(std::exception_ptr error);
  const LabControl& control_;
  double total_, done_ = 0;
  std::unique_ptr<core::Progress> line_;
  std::mutex mutex_;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
};

/// `wanted` threads, 0 = all processors, at most one per task.
int64_t threads_for(int64_t wanted, size_t tasks);

std::string readable_seconds(double seconds);  ///< "3.2 min"
std::string readable_bytes(double bytes);      ///< "1.4 GB"

}  // namespace windtunnel::datasets::lab

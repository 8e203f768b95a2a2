#include "datasets/lab/board.h"

#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

#include "core/error.h"

namespace windtunnel::datasets::lab {
namespace {

std::string readable(double value, const std::vector<const char*>& units, double base) {
  size_t k = 0;
  while (k + 1 < units.size() && value >= base) {
    value /= base;
    ++k;
  }
  char text[48];
  std::snprintf(text, sizeof text, "%.3g %s", value, units[k]);
  return text;
}

}  // namespace

Board::Board(const LabControl& control, double total) : control_(control), total_(total) {
  if (!control.progress) line_ = std::make_unique<core::Progress>("virtual laboratory", 1000, 10.0);
}

void Board::add(double work, const std::string& note) {
  if (failed_ || (control_.stop && *control_.stop))
    throw Error(ErrorKind::interrupted, "interrupted while making data", "",
                "run the same command again: finished trajectories are kept");
  const std::lock_guard lock(mutex_);
  done_ += work;
  const double share = std::min(1.0, done_ / total_);
  if (control_.progress)
    control_.progress(share, note);
  else
    line_->update(static_cast<int64_t>(1000 * share), note);
}

void Board::fail(std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  // The cause comes before the interruptions that it brings about in the other threads.
  if (!failed_.exchange(true)) error_ = error;
}

void Board::work(int64_t threads, size_t count, const std::function<void(size_t)>& make) {
  std::atomic<size_t> next{0};
  const auto worker = [&] {
    try {
      for (size_t i = next++; i < count; i = next++) make(i);
    } catch (...) {
      fail(std::current_exception());
    }
  };
  std::vector<std::thread> others;
  for (int64_t i = 1; i < threads; ++i) others.emplace_back(worker);
  worker();
  for (auto& thread : others) thread.join();
}

void Board::finish() {
  line_.reset();
  if (error_) std::rethrow_exception(error_);
}

int64_t threads_for(int64_t wanted, size_t tasks) {
  if (wanted <= 0) wanted = std::max(1u, std::thread::hardware_concurrency());
  return std::clamp<int64_t>(wanted, 1, static_cast<int64_t>(std::max<size_t>(1, tasks)));
}

std::string readable_seconds(double seconds) { return readable(seconds, {"s", "min", "h"}, 60); }
std::string readable_bytes(double bytes) { return readable(bytes, {"B", "KB", "MB", "GB", "TB"}, 1000); }

}  // namespace windtunnel::datasets::lab

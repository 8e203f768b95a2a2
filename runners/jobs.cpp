#include "runners/jobs.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "core/log.h"
#include "runners/child.h"
#include "runners/interrupt.h"

namespace windtunnel::runners {
namespace {

enum class State { waiting, running, succeeded, failed };

/// The jobs and how far they are, shared by the workers.
class Queue {
 public:
  Queue(const std::string& label, const std::vector<Job>& jobs, int threads)
      : jobs_(jobs),
        threads_(threads),
        states_(jobs.size(), State::waiting),
        progress_(label, static_cast<int64_t>(jobs.size()), 0) {}

  void work() {
    std::unique_lock lock(mutex_);
    while (const auto at = next(lock)) {
      lock.unlock();
      int code = -1;
      std::exception_ptr thrown;
      try {
        code = run_child(jobs_[*at].arguments, jobs_[*at].log, threads_);
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      if (thrown && !error_) error_ = thrown;
      if (code > 0 && !interrupt_flag())
        std::printf("failed (exit code %d): %s, see %s\n", code, jobs_[*at].name.c_str(),
                    jobs_[*at].log.c_str());
      finish(*at, code == 0 ? State::succeeded : State::failed);
    }
  }

  int failures() const {
    if (error_) std::rethrow_exception(error_);
    throw_if_interrupted("run the same command again to continue");
    return static_cast<int>(std::count(states_.begin(), states_.end(), State::failed));
  }

 private:
  /// The first job that may start; waits while others must finish first. Nothing when no job is left.
  std::optional<size_t> next(std::unique_lock<std::mutex>& lock) {
    while (!interrupt_flag() && !error_) {
      bool waiting = false;
      for (size_t i = 0; i < jobs_.size(); ++i) {
        if (states_[i] != State::waiting) continue;
        const auto& after = jobs_[i].after;
        const auto is = [&](State state) { return [this, state](size_t k) { return states_[k] == state; }; };
        if (std::any_of(after.begin(), after.end(), is(State::failed))) {
          std::printf("not started, a run before it failed: %s\n", jobs_[i].name.c_str());
          finish(i, State::failed);
        } else if (std::all_of(after.begin(), after.end(), is(State::succeeded))) {
          states_[i] = State::running;
          return i;
        } else {
          waiting = true;
        }
      }
      if (!waiting) return std::nullopt;
      changed_.wait(lock);
    }
    return std::nullopt;
  }

  void finish(size_t at, State state) {
    states_[at] = state;
    progress_.update(++done_, jobs_[at].name);
    changed_.notify_all();
  }

  const std::vector<Job>& jobs_;
  const int threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<State> states_;
  std::exception_ptr error_;
  int64_t done_ = 0;
  core::Progress progress_;
};

}  // namespace

int run_jobs(const std::string& label, const std::vector<Job>& jobs, int64_t processes) {
  const auto cores = static_cast<int64_t>(std::thread::hardware_concurrency());
  const int threads = processes > 1 ? static_cast<int>(std::max<int64_t>(1, cores / processes)) : 0;
  Queue queue(label, jobs, threads);
  std::vector<std::thread> workers;
  for (int64_t i = 1; i < processes; ++i) workers.emplace_back([&] { queue.work(); });
  queue.work();
  for (auto& worker : workers) worker.join();
  return queue.failures();
}

}  // namespace windtunnel::runners

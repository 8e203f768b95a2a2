#include "datasets/stages.h"

#include <atomic>

namespace windtunnel::datasets {
namespace {

std::array<std::atomic<int64_t>, kStageNames.size()> totals;  // nanoseconds
thread_local StageTimer* current = nullptr;

}  // namespace

std::array<double, 4> stage_seconds() {
  std::array<double, 4> out{};
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(totals[i]) * 1e-9;
  return out;
}

StageTimer::StageTimer(Stage stage)
    : stage_(stage), outer_(current), begin_(std::chrono::steady_clock::now()) {
  current = this;
}

StageTimer::~StageTimer() {
  const auto spent =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin_);
  totals[static_cast<size_t>(stage_)].fetch_add((spent - inner_).count(), std::memory_order_relaxed);
  if (outer_) outer_->inner_ += spent;
  current = outer_;
}

}  // namespace windtunnel::datasets

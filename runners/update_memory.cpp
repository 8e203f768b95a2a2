#include "runners/update_memory.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "baselines/recompute.h"
#include "core/error.h"
#include "core/log.h"
#include "core/text.h"
#include "runners/training_state.h"

namespace windtunnel::runners {
namespace {

constexpr double kKeptCopies = 3;  // of the weights: two moments and the best weights
constexpr double kScratch =
    1.25;  // memory over the tensors in it: scratch of the kernels, gaps of freed pieces

/// Told of every allocation (positive) and release (negative) of tensor memory.
class AllocationMeter : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
    held_ += size;
    peak_ = std::max(peak_, held_);
  }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t peak() const { return peak_; }

 private:
  int64_t held_ = 0, peak_ = 0;
};

int64_t samples_per_part(const Gathering& batch) { return (batch.samples + batch.parts - 1) / batch.parts; }

}  // namespace

int64_t allocation_peak(const std::function<void()>& work) {
  const auto meter = std::make_shared<AllocationMeter>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, meter);
  work();
  return meter->peak();
}

UpdateMemory measure_update(const std::shared_ptr<baselines::Baseline>& model, const at::Tensor& x,
                            const at::Tensor& y) {
  const at::Tensor random = random_state();
  const baselines::StateDict before = copied(model->state());
  model->train();
  const auto peak = [&](int64_t samples) {
    const int64_t bytes =
        allocation_peak([&] { model->loss(x.narrow(0, 0, samples), y.narrow(0, 0, samples)).backward(); });
    for (auto& parameter : model->parameters()) parameter.mutable_grad().reset();
    return static_cast<double>(bytes);
  };
  const int64_t all = x.size(0), half = all / 2;
  const double less = peak(half), more = peak(all);
  model->load_state(before, "the state before the measurement");
  set_random_state(random);
  const double per_sample = std::max(0.0, more - less) / static_cast<double>(half);
  return {std::max(0.0, more - per_sample * static_cast<double>(all)), per_sample};
}

UpdatePlan plan_update(const UpdateMemory& plain, const std::function<UpdateMemory()>& recomputed,
                       const Gathering& batch, double budget) {
  UpdatePlan plan{true, false, batch.parts, plain.of(samples_per_part(batch))};
  if (plan.needed <= budget) return plan;
  const UpdateMemory less = recomputed();
  plan.recompute = true;
  plan.needed = less.of(samples_per_part(batch));
  if (plan.needed <= budget) return plan;
  plan.fits = false;
  const double room = less.per_sample > 0 ? (budget - less.fixed) / less.per_sample : 0;
  const auto at_a_time = std::max<int64_t>(1, static_cast<int64_t>(std::max(0.0, room)));
  plan.parts = samples_per_part({batch.samples, at_a_time});
  return plan;
}

UpdatePlan fit_update(const std::shared_ptr<baselines::Baseline>& model, const at::Tensor& x,
                      const at::Tensor& y, const Gathering& batch, double budget) {
  double weights = 0;
  for (const auto& parameter : model->trainable_parameters())
    weights += static_cast<double>(parameter.nbytes());
  const double kept = kKeptCopies * weights;
  const auto recomputed = [&] {
    const baselines::RecomputeScope scope;
    return measure_update(model, x, y);
  };
  const UpdatePlan plan =
      plan_update(measure_update(model, x, y), recomputed, batch, (budget - kept) / kScratch);
  const auto size = [](double bytes) {
    return bytes < 1e9 ? core::number(std::round(bytes / 1e6)) + " MB"
                       : core::number(std::round(bytes / 1e8) / 10) + " GB";
  };
  const std::string needed = size(plan.needed * kScratch + kept);
  if (!plan.fits)
    throw environment_error("an update of " + std::to_string(batch.samples) + " samples needs about " +
                                needed + " more memory, " + size(budget) + " are allowed",
                            "memory for the batch",
                            "--set training.accumulate=" + std::to_string(plan.parts) +
                                " gathers the same gradient in parts; or a smaller --batch-size or --preset");
  if (plan.recompute) core::log_info("inner values are computed twice: an update takes about " + needed);
  return plan;
}

}  // namespace windtunnel::runners

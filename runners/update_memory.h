#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "baselines/baseline.h"

namespace windtunnel::runners {

/// Largest sum of tensors, bytes, that `work` holds on this thread at a time beyond those that were there
/// before. Scratch memory of the libraries is not seen.
int64_t allocation_peak(const std::function<void()>& work);

/// Memory of one gradient, bytes, as a function of the number of samples n in it: fixed + per_sample * n.
struct UpdateMemory {
  double fixed = 0, per_sample = 0;
  double of(int64_t samples) const { return fixed + per_sample * static_cast<double>(samples); }
};

/// From the gradients of the first half of x and y (B,T,H,W,C) and of all, B even. The larger B, the better
/// for models whose peak lies elsewhere for few samples. The model has run before, so that its caches of
/// constants are filled; its state and the random stream are left as they were.
UpdateMemory measure_update(const std::shared_ptr<baselines::Baseline>& model, const at::Tensor& x,
                            const at::Tensor& y);

/// A batch and the number of parts in which its gradient is gathered.
struct Gathering {
  int64_t samples = 0, parts = 1;
};

struct UpdatePlan {
  bool fits = false;
  bool recompute = false;  ///< inner values of blocks are computed twice
  int64_t parts =
      1;  ///< those asked for if they fit, else the least number that does (one sample each at most)
  double needed = 0;  ///< bytes for the parts asked for
};

/// The cheapest way to gather `batch` within `budget` bytes: as it is, with recomputation, or not at all.
UpdatePlan plan_update(const UpdateMemory& plain, const std::function<UpdateMemory()>& recomputed,
                       const Gathering& batch, double budget);

/// plan_update() from measurements on the samples x and y (B,T,H,W,C), B even, for all that an update
/// takes beyond the model's weights: gradients, Adam's moments, the best weights, scratch of the kernels. A
/// batch that cannot fit is an environment error that names the number of parts that would.
UpdatePlan fit_update(const std::shared_ptr<baselines::Baseline>& model, const at::Tensor& x,
                      const at::Tensor& y, const Gathering& batch, double budget);

}  // namespace windtunnel::runners

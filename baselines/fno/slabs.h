#pragma once

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>
#include <ATen/core/Tensor.h>

#include <algorithm>

#include "baselines/fno/dft.h"

namespace windtunnel::baselines::fno {

/// A few consecutive planes of one sample, worked on while they are in the caches of one core.
struct Slab {
  int64_t sample, first, count;  ///< planes first .. first+count-1 of the sample
  int64_t index;                 ///< number of the slab, for results per slab

  at::Tensor of(const at::Tensor& field) const { return field[sample].narrow(0, first, count); }
};

/// Cuts samples into slabs and runs them in parallel, single-threaded inside: few joins however many
/// operations a slab takes. The cut does not depend on the number of threads, so neither do sums over slabs.
class Slabs {
 public:
  Slabs(const GridSizes& sizes, int64_t batch, int64_t channels, const at::Device& device)
      : batch_(batch), parallel_(device.is_cpu()) {
    constexpr int64_t kBytes = 2 << 20;  // about a core's own cache
    const int64_t plane = sizes.n[1] * sizes.n[2] * channels * 4;
    step_ = parallel_ ? std::clamp<int64_t>(kBytes / plane, 1, sizes.n[0]) : sizes.n[0];
  }

  int64_t step() const { return step_; }
  int64_t count(int64_t frames) const { return batch_ * per_sample(frames); }

  /// Over frames 0..frames-1 of every sample. `make_scratch()` is called once per thread; body(slab,
  /// scratch).
  template <class MakeScratch, class Body>
  void run(int64_t frames, const MakeScratch& make_scratch, const Body& body) const {
    const int64_t each = per_sample(frames);
    const auto range = [&](int64_t begin, int64_t end) {
      auto scratch = make_scratch();
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = (i % each) * step_;
        body(Slab{i / each, first, std::min(step_, frames - first), i}, scratch);
      }
    };
    if (!parallel_) return range(0, count(frames));
    const at::ThreadLocalState state;
    at::parallel_for(0, count(frames), 1, [&](int64_t begin, int64_t end) {
      const at::ThreadLocalStateGuard guard(state);
      range(begin, end);
    });
  }

 private:
  int64_t per_sample(int64_t frames) const { return (frames + step_ - 1) / step_; }

  int64_t batch_, step_;
  bool parallel_;
};

}  // namespace windtunnel::baselines::fno

#pragma once

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>

#include <algorithm>

namespace windtunnel::baselines {

/// Cuts `count` pieces of work into at most 16 consecutive ranges and runs body(lane, begin, end) in
/// parallel, single threaded inside. The cut does not depend on the number of threads, so sums kept per lane
/// and added in lane order do not either.
inline constexpr int64_t kWorkLanes = 16;

inline int64_t lane_count(int64_t count) { return std::min(count, kWorkLanes); }

template <class Body>
void run_lanes(int64_t count, const Body& body) {
  const int64_t lanes = lane_count(count);
  const at::ThreadLocalState state;
  at::parallel_for(0, lanes, 1, [&](int64_t first, int64_t last) {
    const at::ThreadLocalStateGuard guard(state);
    for (int64_t lane = first; lane < last; ++lane)
      body(lane, lane * count / lanes, (lane + 1) * count / lanes);
  });
}

}  // namespace windtunnel::baselines

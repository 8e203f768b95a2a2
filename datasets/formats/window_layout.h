#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/trajectory.h"

namespace windtunnel::datasets {

/// Stored values of one channel in memory from the first frame of a window on: value (t, row, column) lies at
/// data[t * frame + row * row_step + column * step]. A step of 0 repeats.
struct StoredChannel {
  const float* data = nullptr;  ///< null: the channel is constant
  int64_t step = 1, row_step = 0, frame = 0;
};

/// Extent of a window: stored rows and columns, every `stride`-th of which is delivered.
struct WindowExtent {
  int64_t frames = 0, height = 0, width = 0, stride = 1;

  /// Values in the order (T,H,W), `step` apart.
  StoredChannel dense(const float* data, int64_t step = 1) const {
    return {data, step, width * step, height * width * step};
  }
};

/// Crops, interleaves and normalises a window in one pass (see Trajectory::deliver). `stored` is by channel.
/// False if a delivered value is NaN or infinite.
bool lay_out(const std::vector<ChannelSource>& channels, const std::vector<StoredChannel>& stored,
             const WindowExtent& extent, float* out, int64_t step);

/// The data error for the first value that is not finite, in the order of the file. `place` names file and
/// field of a channel; `first` is the number of the window's first frame.
[[noreturn]] void throw_not_finite(const std::vector<std::string>& place,
                                   const std::vector<StoredChannel>& stored, const WindowExtent& extent,
                                   int64_t first);

}  // namespace windtunnel::datasets

#include "datasets/formats/window_layout.h"

#include <cmath>

#include "core/error.h"
#include "datasets/interleave.h"
#include "datasets/stages.h"

namespace windtunnel::datasets {

namespace {

/// Delivered rows that can be taken as one stretch: all of the window, those of a frame, or one.
int64_t rows_at_once(const std::vector<StoredChannel>& stored, const WindowExtent& extent) {
  const auto [frames, height, width, stride] = extent;
  if (stride != 1) return 1;
  bool whole = true, frame = true;
  for (const auto& s : stored) {
    if (!s.data) continue;
    frame = frame && s.row_step == width * s.step;
    whole = whole && frame && s.frame == height * s.row_step;
  }
  return whole ? frames * height : frame ? height : 1;
}

}  // namespace

bool lay_out(const std::vector<ChannelSource>& channels, const std::vector<StoredChannel>& stored,
             const WindowExtent& extent, float* out, int64_t step) {
  const StageTimer timer(Stage::layout);
  const auto [frames, height, width, stride] = extent;
  std::vector<ChannelStream> streams;
  for (size_t c = 0; c < channels.size(); ++c)
    streams.push_back(
        {stored[c].data, stride * stored[c].step, channels[c].value, channels[c].shift, channels[c].scale});
  const int64_t rows = (height + stride - 1) / stride, columns = (width + stride - 1) / stride;
  const int64_t stretch = rows_at_once(stored, extent), points = stretch * columns;
  bool finite = true;
  for (int64_t k = 0; k < frames * rows; k += stretch) {
    for (size_t c = 0; c < channels.size(); ++c)
      if (stored[c].data)
        streams[c].data =
            stored[c].data + k / rows * stored[c].frame + k % rows * stride * stored[c].row_step;
    finite = interleave(streams, points, out + k * columns * step, step) && finite;
  }
  return finite;
}

void throw_not_finite(const std::vector<std::string>& place, const std::vector<StoredChannel>& stored,
                      const WindowExtent& extent, int64_t first) {
  for (int64_t t = 0; t < extent.frames; ++t)
    for (int64_t row = 0; row < extent.height; row += extent.stride)
      for (size_t c = 0; c < stored.size(); ++c)
        for (int64_t column = 0; stored[c].data && column < extent.width; column += extent.stride) {
          const auto& s = stored[c];
          const float value = s.data[t * s.frame + row * s.row_step + column * s.step];
          if (std::isfinite(value)) continue;
          throw data_error(place[c] + " is " + (std::isnan(value) ? "not a number" : "infinite") +
                               " at frame " + std::to_string(first + t) + ", row " + std::to_string(row) +
                               ", column " + std::to_string(column),
                           "finite values",
                           "repair or remove the trajectory; `windtunnel data verify` lists all such files");
        }
  throw data_error("a value changed while it was read", "files that stay as they are");
}

}  // namespace windtunnel::datasets

#pragma once

#include <cstdint>
#include <vector>

namespace windtunnel::datasets {

/// One channel of a sample on its way: value i lies at data[i * step]; without data every value is
/// `constant`. What is delivered is (value - shift) / scale, each operation rounded to float32.
struct ChannelStream {
  const float* data = nullptr;
  int64_t step = 1;
  float constant = 0, shift = 0, scale = 1;
};

/// Value i of channel c goes to out[i * out_step + c], for `points` values. False if a value of the data is
/// NaN or infinite. Channels are taken in blocks that stay in the nearest cache, so that the data are read
/// and the sample is written once.
bool interleave(const std::vector<ChannelStream>& channels, int64_t points, float* out, int64_t out_step);
/// The same, channel after channel.
bool interleave_reference(const std::vector<ChannelStream>& channels, int64_t points, float* out,
                          int64_t out_step);

}  // namespace windtunnel::datasets

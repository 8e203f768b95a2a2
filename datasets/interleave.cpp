#include "datasets/interleave.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

// The loops below come in versions for wider vectors, chosen when the program is loaded; every operation is
// rounded by itself, so that all give the same bits.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define WINDTUNNEL_WIDE __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"), optimize("O3")))
#else
#define WINDTUNNEL_WIDE
#endif

namespace windtunnel::datasets {
namespace {

constexpr int64_t kBlock = 512;
constexpr size_t kMost = 8;  // channels with a block of their own; more go one after the other
using Block = std::array<float, kBlock>;

/// Or of (exponent field + 1): the top bit is set if a value is not finite.
WINDTUNNEL_WIDE uint32_t copy_block(const float* from, int64_t n, float* to) {
  uint32_t seen = 0;
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits;
    std::memcpy(&bits, from + i, sizeof bits);
    seen |= (bits & 0x7fffffffu) + 0x00800000u;
    std::memcpy(to + i, &bits, sizeof bits);
  }
  return seen;
}

WINDTUNNEL_WIDE uint32_t normalise_block(const float* from, int64_t n, float shift, float scale, float* to) {
  uint32_t seen = 0;
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits;
    std::memcpy(&bits, from + i, sizeof bits);
    seen |= (bits & 0x7fffffffu) + 0x00800000u;
    to[i] = (from[i] - shift) / scale;
  }
  return seen;
}

WINDTUNNEL_WIDE void weave2(const Block* b, int64_t n, float* __restrict out) {
  for (int64_t i = 0; i < n; ++i) {
    out[i * 2] = b[0][static_cast<size_t>(i)];
    out[i * 2 + 1] = b[1][static_cast<size_t>(i)];
  }
}

WINDTUNNEL_WIDE void weave3(const Block* b, int64_t n, float* __restrict out) {
  const float *x = b[0].data(), *y = b[1].data(), *z = b[2].data();
  for (int64_t i = 0; i < n; ++i) {
    out[i * 3] = x[i];
    out[i * 3 + 1] = y[i];
    out[i * 3 + 2] = z[i];
  }
}

WINDTUNNEL_WIDE void weave4(const Block* b, int64_t n, float* __restrict out) {
  const float *x = b[0].data(), *y = b[1].data(), *z = b[2].data(), *w = b[3].data();
  for (int64_t i = 0; i < n; ++i) {
    out[i * 4] = x[i];
    out[i * 4 + 1] = y[i];
    out[i * 4 + 2] = z[i];
    out[i * 4 + 3] = w[i];
  }
}

void weave(const Block* blocks, size_t channels, int64_t n, float* out, int64_t out_step) {
  if (out_step == static_cast<int64_t>(channels)) {
    if (channels == 2) return weave2(blocks, n, out);
    if (channels == 3) return weave3(blocks, n, out);
    if (channels == 4) return weave4(blocks, n, out);
  }
  for (int64_t i = 0; i < n; ++i)
    for (size_t c = 0; c < channels; ++c)
      out[i * out_step + static_cast<int64_t>(c)] = blocks[c][static_cast<size_t>(i)];
}

float delivered(const ChannelStream& c) { return (c.constant - c.shift) / c.scale; }

/// The next n values of a stream, normalised.
uint32_t take(const ChannelStream& c, int64_t begin, int64_t n, float* to) {
  const float* from = c.data + begin * c.step;
  if (c.step != 1) {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i * c.step];
    from = to;
  }
  if (c.shift == 0 && c.scale == 1) return copy_block(from, n, to);
  return normalise_block(from, n, c.shift, c.scale, to);
}

}  // namespace

bool interleave(const std::vector<ChannelStream>& channels, int64_t points, float* out, int64_t out_step) {
  uint32_t seen = 0;
  std::array<Block, kMost> blocks;
  for (size_t first = 0; first < channels.size(); first += kMost) {
    const size_t count = std::min(kMost, channels.size() - first);
    for (size_t c = 0; c < count; ++c)
      if (!channels[first + c].data) blocks[c].fill(delivered(channels[first + c]));
    const bool direct = count == 1 && out_step == 1 && channels[first].data;
    for (int64_t begin = 0; begin < points; begin += kBlock) {
      const int64_t n = std::min(kBlock, points - begin);
      for (size_t c = 0; c < count; ++c)
        if (channels[first + c].data)
          seen |= take(channels[first + c], begin, n, direct ? out + begin : blocks[c].data());
      if (!direct)
        weave(blocks.data(), count, n, out + begin * out_step + static_cast<int64_t>(first), out_step);
    }
  }
  return (seen >> 31) == 0;
}

bool interleave_reference(const std::vector<ChannelStream>& channels, int64_t points, float* out,
                          int64_t out_step) {
  bool finite = true;
  for (size_t c = 0; c < channels.size(); ++c)
    for (int64_t i = 0; i < points; ++i) {
      const ChannelStream& s = channels[c];
      const float value = s.data ? s.data[i * s.step] : s.constant;
      finite = finite && std::isfinite(value);
      out[i * out_step + static_cast<int64_t>(c)] = (value - s.shift) / s.scale;
    }
  return finite;
}

}  // namespace windtunnel::datasets

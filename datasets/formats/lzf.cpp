#include "datasets/formats/lzf.h"

#include <hdf5.h>

#include <cstdlib>
#include <cstring>

namespace windtunnel::datasets {
namespace {

constexpr H5Z_filter_t kLzf = 32000;
constexpr size_t kLargestChunk = size_t{1} << 32;  // what the library itself allows

/// H5Z_func_t. Word 2 of the client data is the size of a decoded chunk; 0 (unknown) starts with a guess.
size_t filter(unsigned flags, size_t words, const unsigned values[], size_t bytes, size_t* capacity,
              void** buffer) {
  if (!(flags & H5Z_FLAG_REVERSE)) return 0;  // only reading
  size_t room = words > 2 && values[2] > 0 ? values[2] : 8 * bytes;
  for (; room > 0 && room <= kLargestChunk; room *= 2) {
    void* out = std::malloc(room);
    if (!out) return 0;
    const auto done =
        lzf_decode({static_cast<const uint8_t*>(*buffer), bytes}, {static_cast<uint8_t*>(out), room});
    if (done) {
      std::free(*buffer);
      *buffer = out;
      *capacity = room;
      return *done;
    }
    std::free(out);
    if (words > 2 && values[2] > 0) return 0;  // the size is known: the chunk is damaged
  }
  return 0;
}

}  // namespace

std::optional<size_t> lzf_decode(std::span<const uint8_t> block, std::span<uint8_t> out) {
  size_t in = 0, to = 0;
  while (in < block.size()) {
    const size_t control = block[in++];
    if (control < 32) {
      const size_t count = control + 1;
      if (count > block.size() - in || count > out.size() - to) return {};
      std::memcpy(out.data() + to, block.data() + in, count);
      in += count;
      to += count;
      continue;
    }
    size_t count = control >> 5;
    if (count == 7) {
      if (in == block.size()) return {};
      count += block[in++];
    }
    count += 2;
    if (in == block.size()) return {};
    const size_t distance = ((control & 31) << 8 | block[in++]) + 1;
    if (distance > to || count > out.size() - to) return {};
    for (size_t i = 0; i < count; ++i, ++to) out[to] = out[to - distance];
  }
  return to;
}

void register_lzf_filter() {
  static const herr_t done = [] {
    static const H5Z_class2_t entry = {H5Z_CLASS_T_VERS, kLzf,    0,       1,
                                       "lzf (reading)",  nullptr, nullptr, filter};
    return H5Zregister(&entry);
  }();
  (void)done;
}

}  // namespace windtunnel::datasets

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace windtunnel::datasets {

/// Decodes an LZF block into `out`; the number of bytes written, or nothing if the block is damaged or needs
/// more room. Grammar of the block, a sequence of
///   literal  c < 32, then c + 1 bytes, copied
///   match    c >= 32: n = c >> 5, and if n = 7 plus the next byte; distance = ((c & 31) << 8 | next byte) +
///   1;
///            n + 2 bytes are copied from that distance back in the output (they may overlap)
std::optional<size_t> lzf_decode(std::span<const uint8_t> block, std::span<uint8_t> out);

/// Teaches the HDF5 library the LZF filter (id 32000) once; call with Hdf5Lock held. Files written with it
/// are then read like any other.
void register_lzf_filter();

}  // namespace windtunnel::datasets

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/file.h"

namespace windtunnel::datasets {

/// Chunked HDF5 data read without the library: the addresses of the chunks are asked for once, then chunks
/// come out of a mapping of the file and are decoded by the calling thread (deflate, LZF, shuffle; float32,
/// float64 or integers of up to 16 bits, little endian). Decoded chunks stay in DecodedCache; chunks stored
/// as float32 without filters are used where they lie.
class Hdf5Chunks {
 public:
  /// Stored values to float32, each rounded once.
  using Widen = void (*)(const uint8_t* bytes, size_t count, float* out);

  /// Nothing if the dataset is not stored like that (other types or filters, chunks never written, more than
  /// 10000 chunks, whose addresses take the library too long to list). Call with Hdf5Lock held. A chunk that
  /// ends behind the file is a data error.
  static std::unique_ptr<Hdf5Chunks> open(int64_t dataset, const std::string& path, const std::string& name,
                                          const core::Shape& shape);
  ~Hdf5Chunks();

  /// The block that starts at `start` and has `count` entries along each axis, dense and row major. Thread
  /// safe. Damaged chunks are data errors.
  void read(const std::vector<int64_t>& start, const std::vector<int64_t>& count, float* out) const;

 private:
  struct Chunk {
    uint64_t address = 0, bytes = 0;
    uint32_t skipped = 0;  ///< bit i: filter i was not applied
  };
  enum class Filter { deflate, shuffle, lzf };

  Hdf5Chunks() = default;
  std::vector<float> decode(size_t chunk) const;
  const float* plain(size_t chunk) const;

  std::string path_, name_;
  core::Shape shape_, chunk_, grid_;  ///< grid_: chunks along each axis
  std::vector<Filter> filters_;
  size_t element_ = 4;
  Widen widen_ = nullptr;
  std::vector<Chunk> chunks_;  ///< row major over grid_
  std::unique_ptr<core::MappedFile> file_;
  uint64_t owner_ = 0;
};

}  // namespace windtunnel::datasets

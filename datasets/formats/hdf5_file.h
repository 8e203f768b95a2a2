#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/array.h"
#include "core/file.h"
#include "datasets/formats/hdf5_chunks.h"

namespace windtunnel::datasets {

/// Held around every call of the HDF5 library (also by NetCDF, which uses it); silences its own messages.
class Hdf5Lock {
 public:
  Hdf5Lock();

 private:
  std::lock_guard<std::recursive_mutex> lock_;
};

/// An HDF5 identifier that closes itself.
class Hdf5Id {
 public:
  using Close = int (*)(int64_t);
  Hdf5Id() = default;
  Hdf5Id(int64_t id, Close close) : id_(id), close_(close) {}
  Hdf5Id(Hdf5Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Id& operator=(Hdf5Id&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Hdf5Id();

  int64_t get() const { return id_; }
  bool valid() const { return id_ >= 0; }

 private:
  int64_t id_ = -1;
  Close close_ = nullptr;
};

/// An HDF5 file opened for reading, without file locks. A missing, foreign or truncated file is a data error
/// that names it. `beside_netcdf`: opened as NetCDF does, which may have the same file open.
class Hdf5File {
 public:
  explicit Hdf5File(const std::filesystem::path& path, bool beside_netcdf = false);

  const std::string& path() const { return path_; }
  bool has(const std::string& dataset) const;
  /// Names directly below a group, sorted.
  std::vector<std::string> names(const std::string& group = "/") const;
  /// Axes of a dataset; -1 for anything else.
  int rank(const std::string& object) const;
  /// Paths of all groups and datasets below the root, in the order of the file.
  std::vector<std::string> objects() const;
  int64_t id() const { return file_.get(); }

 private:
  std::string path_;
  Hdf5Id file_;
};

/// What reads an attribute or dataset into memory of a given type: < 0 if it cannot be read.
using Hdf5Read = std::function<int(int64_t type, void* out)>;

/// A data error beginning with `place` for a number type that the library would convert wrongly: other types
/// and whole integers and floats of 1 to 8 bytes pass.
void check_hdf5_number(int64_t type, const std::string& place);

/// The library trusts what a file says about a dataset when it reads it. A number type, storage or shuffle
/// that does not fit the shape, or storage behind the end of the file at `path`, is a data error here,
/// beginning with `place`.
void check_hdf5_storage(int64_t dataset, const std::string& place, const std::string& path);

/// Values where they lie in memory: value (i, j, ..) at data[i * steps[0] + j * steps[1] + ..].
struct Hdf5Block {
  const float* data = nullptr;
  std::vector<int64_t> steps;
};

/// A numeric dataset read as float32, by ranges of its first axis. Contiguous little-endian float32 data are
/// mapped, and chunked data of the usual kinds decoded (see Hdf5Chunks), without the library and its lock;
/// everything else goes through H5Dread, which converts with one rounding and undoes filters.
class Hdf5Array {
 public:
  /// A data error naming file and dataset if it is absent or not numeric. `rank` 0 accepts any rank.
  Hdf5Array(std::shared_ptr<const Hdf5File> file, const std::string& dataset, size_t rank = 0);

  const core::Shape& shape() const { return shape_; }
  const std::string& name() const { return name_; }
  const std::string& path() const { return path_; }
  bool mapped() const { return mapping_ != nullptr; }
  /// Read without the library's lock.
  bool lock_free() const;
  /// read() always by the library (the reference form); not for mapped data.
  void read_by_library(const std::vector<int64_t>& start, const std::vector<int64_t>& count,
                       float* out) const;

  /// Entries [begin, end) of the first axis: a view into the file, or into `buffer`, which is filled. Thread
  /// safe with a buffer of one's own.
  const float* read(int64_t begin, int64_t end, std::vector<float>& buffer) const;
  /// Entries [begin, end) of axis number prefix.size(): the axes before it stand at `prefix`, those behind it
  /// are whole. An empty prefix is the form above.
  const float* read(const std::vector<int64_t>& prefix, int64_t begin, int64_t end,
                    std::vector<float>& buffer) const;
  /// The block that starts at `start` and has `count` entries along each axis: a view into the file, or into
  /// `buffer`. Only what the block needs is read. A scalar has no axes.
  Hdf5Block block(const std::vector<int64_t>& start, const std::vector<int64_t>& count,
                  std::vector<float>& buffer) const;
  /// Everything as double, for coordinates.
  std::vector<double> doubles() const;

 private:
  void map();
  const Hdf5Chunks* chunks() const;
  std::string path_, name_;
  core::Shape shape_;
  std::shared_ptr<const Hdf5File> file_;
  Hdf5Id dataset_;
  std::unique_ptr<core::MappedFile> mapping_;
  const float* values_ = nullptr;
  /// Addresses of the chunks, asked for at the first read.
  struct Lazy {
    std::once_flag once;
    std::unique_ptr<Hdf5Chunks> chunks;
  };
  std::unique_ptr<Lazy> lazy_ = std::make_unique<Lazy>();
};

}  // namespace windtunnel::datasets

#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace windtunnel::core {

/// Whole file as bytes; a clear data error if it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Writes a temporary file beside `path`, flushes it to disk and renames it: `path` is whole or untouched.
/// Errors (no permission, disk full) are environment errors and remove the temporary file.
void write_file_atomic(const std::filesystem::path& path, std::string_view bytes);

/// Same for writers that need a file name (HDF5, NetCDF): `write` gets the temporary path.
void write_atomic(const std::filesystem::path& path,
                  const std::function<void(const std::filesystem::path&)>& write);

/// Appends one line and flushes it.
void append_line(const std::filesystem::path& path, std::string_view line);

void make_folder(const std::filesystem::path& path);

/// Read-only (private, copy on write) mapping of a whole file.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace windtunnel::core

#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "core/file.h"

namespace windtunnel::core {

/// Directory of a zip file whose entries are stored without compression, as torch.save writes them. Sizes and
/// places come from the central directory (local headers carry zeros there); ZIP64 is understood. Every
/// length and offset is checked; errors are data errors naming file and entry.
class ZipArchive {
 public:
  static bool looks_like_zip(const MappedFile& file);

  explicit ZipArchive(std::shared_ptr<MappedFile> file);

  /// Common prefix with its slash ("model_0100/"), taken from the entry that ends in "/data.pkl".
  const std::string& prefix() const { return prefix_; }
  bool contains(const std::string& name) const { return entries_.count(prefix_ + name) != 0; }
  /// Bytes of the entry prefix() + name.
  std::span<const std::byte> at(const std::string& name) const;

 private:
  struct Entry {
    uint64_t header = 0, size = 0, packed = 0;
    uint16_t method = 0, flags = 0;
  };
  struct Directory {
    uint64_t offset = 0, size = 0;
  };
  Directory find_directory() const;
  void read_directory(Directory directory);
  void find_prefix();

  std::shared_ptr<MappedFile> file_;
  std::map<std::string, Entry> entries_;
  std::string prefix_;
};

}  // namespace windtunnel::core

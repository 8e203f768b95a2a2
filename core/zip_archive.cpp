#include "core/zip_archive.h"

#include <cstring>

#include "core/error.h"

namespace windtunnel::core {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEnd = 0x06054b50,
                   kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr uint64_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20;
constexpr uint64_t kMaxComment = 65535;

/// Bounded little-endian reading.
class Bytes {
 public:
  explicit Bytes(const MappedFile& file) : file_(file) {}
  template <class T>
  T at(uint64_t position) const {
    need(position, sizeof(T));
    T value;
    std::memcpy(&value, file_.data() + position, sizeof(T));
    return value;
  }
  std::string text(uint64_t position, uint64_t length) const {
    need(position, length);
    return {reinterpret_cast<const char*>(file_.data()) + position, length};
  }
  void need(uint64_t position, uint64_t length) const {
    if (position > file_.size() || length > file_.size() - position)
      throw data_error(file_.path() + ": zip structure points to byte " + std::to_string(position) + " + " +
                           std::to_string(length) + " of " + std::to_string(file_.size()),
                       "a whole torch file", "the file is cut off or damaged");
  }

 private:
  const MappedFile& file_;
};

}  // namespace

bool ZipArchive::looks_like_zip(const MappedFile& file) {
  uint32_t signature = 0;
  if (file.size() < 4) return false;
  std::memcpy(&signature, file.data(), 4);
  return signature == kLocalHeader || signature == kEnd;
}

ZipArchive::ZipArchive(std::shared_ptr<MappedFile> file) : file_(std::move(file)) {
  read_directory(find_directory());
  find_prefix();
}

ZipArchive::Directory ZipArchive::find_directory() const {
  const Bytes bytes(*file_);
  const uint64_t size = file_->size();
  const uint64_t stop = size > kEndBytes + kMaxComment ? size - kEndBytes - kMaxComment : 0;
  for (uint64_t at = size >= kEndBytes ? size - kEndBytes + 1 : 0; at-- > stop;) {
    if (bytes.at<uint32_t>(at) != kEnd || bytes.at<uint16_t>(at + 20) > size - at - kEndBytes) continue;
    Directory directory{bytes.at<uint32_t>(at + 16), bytes.at<uint32_t>(at + 12)};
    const bool wide = bytes.at<uint16_t>(at + 10) == 0xffff || directory.offset == 0xffffffff ||
                      directory.size == 0xffffffff;
    if (wide && at >= kLocatorBytes && bytes.at<uint32_t>(at - kLocatorBytes) == kLocator64) {
      const uint64_t end64 = bytes.at<uint64_t>(at - kLocatorBytes + 8);
      bytes.need(end64, kEnd64Bytes);
      if (bytes.at<uint32_t>(end64) != kEnd64)
        throw data_error(file_->path() + ": no ZIP64 record at byte " + std::to_string(end64),
                         "a whole torch file");
      directory = {bytes.at<uint64_t>(end64 + 48), bytes.at<uint64_t>(end64 + 40)};
    }
    bytes.need(directory.offset, directory.size);
    return directory;
  }
  throw data_error(file_->path() + ": zip file without its directory at the end", "a whole torch file",
                   "the file is cut off: copy or download it again");
}

void ZipArchive::read_directory(Directory directory) {
  const Bytes bytes(*file_);
  const uint64_t stop = directory.offset + directory.size;
  for (uint64_t at = directory.offset; at < stop;) {
    bytes.need(at, kCentralBytes);
    if (bytes.at<uint32_t>(at) != kCentralHeader)
      throw data_error(file_->path() + ": no zip directory entry at byte " + std::to_string(at),
                       "a torch file");
    const uint64_t name_length = bytes.at<uint16_t>(at + 28), extra_length = bytes.at<uint16_t>(at + 30),
                   comment_length = bytes.at<uint16_t>(at + 32);
    const std::string name = bytes.text(at + kCentralBytes, name_length);
    Entry entry;
    entry.flags = bytes.at<uint16_t>(at + 8);
    entry.method = bytes.at<uint16_t>(at + 10);
    entry.packed = bytes.at<uint32_t>(at + 20);
    entry.size = bytes.at<uint32_t>(at + 24);
    entry.header = bytes.at<uint32_t>(at + 42);

    // ZIP64 extra field: 8-byte values of exactly those fields that are saturated, in this order.
    uint64_t extra = at + kCentralBytes + name_length;
    const uint64_t extra_end = extra + extra_length;
    bytes.need(extra, extra_length);
    while (extra + 4 <= extra_end) {
      const uint16_t id = bytes.at<uint16_t>(extra);
      const uint64_t length = bytes.at<uint16_t>(extra + 2);
      uint64_t field = extra + 4;
      const uint64_t field_end = field + length;
      if (field_end > extra_end) break;
      if (id == 1) {
        for (uint64_t* value : {&entry.size, &entry.packed, &entry.header}) {
          if (*value != 0xffffffff || field + 8 > field_end) continue;
          *value = bytes.at<uint64_t>(field);
          field += 8;
        }
      }
      extra = field_end;
    }
    if (!entries_.emplace(name, entry).second)
      throw data_error(file_->path() + ": zip entry '" + name + "' appears twice", "each entry once");
    at = extra_end + comment_length;
  }
}

void ZipArchive::find_prefix() {
  const std::string key = "data.pkl";
  const std::string* best = nullptr;
  for (const auto& [name, entry] : entries_) {
    const bool match = name == key || (name.size() > key.size() && name.ends_with("/" + key));
    if (match && (!best || name.size() < best->size())) best = &name;
  }
  if (!best)
    throw data_error(file_->path() + ": zip file without an entry .../data.pkl",
                     "a file written by torch.save");
  prefix_ = best->substr(0, best->size() - key.size());
}

std::span<const std::byte> ZipArchive::at(const std::string& name) const {
  const auto it = entries_.find(prefix_ + name);
  const std::string where = file_->path() + ": entry '" + prefix_ + name + "'";
  if (it == entries_.end()) throw data_error(where + " is missing", "a whole torch file");
  const Entry& entry = it->second;
  if (entry.method != 0 || (entry.flags & 1) || entry.packed != entry.size)
    throw data_error(where + " is compressed or encrypted (method " + std::to_string(entry.method) + ")",
                     "an entry stored as it is");
  const Bytes bytes(*file_);
  bytes.need(entry.header, kLocalBytes);
  if (bytes.at<uint32_t>(entry.header) != kLocalHeader)
    throw data_error(where + ": no local header at byte " + std::to_string(entry.header),
                     "a whole torch file");
  const uint64_t begin = entry.header + kLocalBytes + bytes.at<uint16_t>(entry.header + 26) +
                         bytes.at<uint16_t>(entry.header + 28);
  bytes.need(begin, entry.size);
  return {file_->data() + begin, entry.size};
}

}  // namespace windtunnel::core

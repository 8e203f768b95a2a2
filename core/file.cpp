#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace fs = std::filesystem;

namespace windtunnel::core {
namespace {

std::string reason() { return std::strerror(errno); }

struct Descriptor {
  int fd;
  explicit Descriptor(int f) : fd(f) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

int open_readable(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw data_error("cannot read " + path.string() + ": " + reason(), "a readable file");
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    ::close(fd);
    throw data_error("cannot read " + path.string() + ": it is a folder", "a readable file");
  }
  return fd;
}

void write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw environment_error("cannot write " + path.string() + ": " + reason(), "room and write permission",
                              "free disk space or choose another folder");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace

std::string read_file(const fs::path& path) {
  const Descriptor file(open_readable(path));
  std::string bytes;
  char buffer[1 << 16];
  while (true) {
    const ssize_t n = ::read(file.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw data_error("cannot read " + path.string() + ": " + reason());
    if (n == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(n));
  }
}

void write_atomic(const fs::path& path, const std::function<void(const fs::path&)>& write) {
  const fs::path temporary = path.string() + ".part";
  try {
    write(temporary);
    const Descriptor file(::open(temporary.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd < 0 || ::fsync(file.fd) != 0)
      throw environment_error("cannot flush " + temporary.string() + ": " + reason(),
                              "room and write permission");
    std::error_code code;
    fs::rename(temporary, path, code);
    if (code)
      throw environment_error(
          "cannot rename " + temporary.string() + " to " + path.string() + ": " + code.message(),
          "write permission");
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
}

void write_file_atomic(const fs::path& path, std::string_view bytes) {
  write_atomic(path, [&](const fs::path& temporary) {
    const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.fd < 0)
      throw environment_error("cannot write " + path.string() + ": " + reason(),
                              "a folder with write permission");
    write_all(file.fd, bytes, path);
  });
}

void append_line(const fs::path& path, std::string_view line) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (file.fd < 0)
    throw environment_error("cannot write " + path.string() + ": " + reason(),
                            "a folder with write permission");
  write_all(file.fd, std::string(line) + "\n", path);
}

void make_folder(const fs::path& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (code)
    throw environment_error("cannot create folder " + path.string() + ": " + code.message(),
                            "a folder with write permission");
}

MappedFile::MappedFile(const fs::path& path) : path_(path.string()) {
  const Descriptor file(open_readable(path));
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) throw data_error("cannot read " + path_ + ": " + reason());
  size_ = static_cast<size_t>(info.st_size);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.fd, 0);
  if (mapped == MAP_FAILED) throw data_error("cannot map " + path_ + ": " + reason());
  data_ = static_cast<std::byte*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(data_, size_);
}

}  // namespace windtunnel::core

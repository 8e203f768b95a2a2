#include "datasets/fetch/transfer.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace windtunnel::datasets::fetch {

namespace fs = std::filesystem;
using core::Json;

namespace {

constexpr size_t kBlock = 1 << 20;
constexpr int kContentTries = 2;

/// The bytes that have arrived, and their hash.
class Part {
 public:
  Part(const RemoteFile& file, const fs::path& target)
      : file_(file), path_(target.string() + ".part"), note_(target.string() + ".part.json") {
    const bool known = matches_note();
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (known ? 0 : O_TRUNC), 0644);
    if (fd_ < 0) fail("cannot write");
    hash_ = std::make_unique<ContentHash>(file_);
    if (known) reread();
    core::write_file_atomic(note_, Json{{"etag", file.digest()}, {"size", file.size}}.dump() + "\n");
  }
  ~Part() {
    if (fd_ >= 0) ::close(fd_);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  int64_t size() const { return size_; }

  void append(const char* data, size_t bytes) {
    hash_->update(data, bytes);
    while (bytes) {
      const ssize_t n = ::write(fd_, data, bytes);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot write");
      data += n;
      bytes -= static_cast<size_t>(n);
      size_ += n;
    }
  }

  void clear() {
    if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) < 0) fail("cannot empty");
    size_ = 0;
    hash_ = std::make_unique<ContentHash>(file_);
  }

  std::string hex() { return hash_->hex(); }

  void finish(const fs::path& target) {
    if (::fsync(fd_) != 0) fail("cannot flush");
    std::error_code code;
    fs::rename(path_, target, code);
    if (code) throw environment_error("cannot rename " + path_ + ": " + code.message(), "write permission");
    fs::remove(note_, code);
  }

  void remove() {
    std::error_code ignored;
    fs::remove(path_, ignored);
    fs::remove(note_, ignored);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw environment_error(what + " " + path_ + ": " + std::strerror(errno), "room and write permission",
                            "free disk space or choose another folder; the same command then goes on");
  }

  bool matches_note() const {
    try {
      const Json note = core::read_json(note_);
      return note.at("etag") == file_.digest() && note.at("size") == file_.size;
    } catch (const std::exception&) {
      return false;
    }
  }

  void reread() {
    std::vector<char> block(kBlock);
    for (;;) {
      const ssize_t n = ::read(fd_, block.data(), block.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot read");
      if (n == 0) break;
      hash_->update(block.data(), static_cast<size_t>(n));
      size_ += n;
    }
    if (size_ > file_.size) clear();
  }

  const RemoteFile& file_;
  std::string path_, note_;
  int fd_ = -1;
  int64_t size_ = 0;
  std::unique_ptr<ContentHash> hash_;
};

/// First byte of "bytes 100-199/200"; -1 if it has another form.
int64_t range_start(const std::string& text) {
  if (text.rfind("bytes ", 0) != 0 || text.size() < 7 || text[6] < '0' || text[6] > '9') return -1;
  return std::atoll(text.c_str() + 6);
}

/// Adds to the counter and takes it back if the bytes turn out useless.
class Counted {
 public:
  explicit Counted(std::atomic<int64_t>& total) : total_(total) {}
  void set(int64_t bytes) {
    total_ += bytes - mine_;
    mine_ = bytes;
  }

 private:
  std::atomic<int64_t>& total_;
  int64_t mine_ = 0;
};

/// Refused access meets every file alike (environment); other failures concern this file (data).
[[noreturn]] void give_up(const core::Error& error, const HttpAnswer& answer) {
  if (answer.status == 401 || answer.status == 403 || answer.hopeless) throw error;
  throw data_error(error.found(), error.expected(), error.hint());
}

/// Fills `part` to its full size.
void receive(Hub& hub, const HttpPolicy& policy, const std::string& commit, const RemoteFile& file,
             Part& part, Counted& counted) {
  for (int64_t failures = 0; part.size() < file.size;) {
    const int64_t from = part.size();
    std::string problem;
    bool started = false;
    std::exception_ptr error;
    const auto answer = hub.get(commit, file, from, [&](const HttpAnswer& a, const char* data, size_t bytes) {
      try {
        if (!started) {
          started = true;
          if (a.status != 206 && part.size() > 0) part.clear();  // the server sends the whole file
          if (a.status == 206 && range_start(a.header("content-range")) != from) {
            problem = "the server sent another range than the one asked for";
            return false;
          }
        }
        if (static_cast<int64_t>(bytes) > file.size - part.size()) {
          problem = "the server sent more bytes than the " + std::to_string(file.size) + " listed";
          return false;
        }
        part.append(data, bytes);
        counted.set(part.size());
        return true;
      } catch (...) {
        error = std::current_exception();  // must not pass through the C library
        return false;
      }
    });
    if (error) std::rethrow_exception(error);
    if (!problem.empty()) part.clear();
    counted.set(part.size());
    if (part.size() == file.size) return;
    if (part.size() > from) failures = 0;
    if (problem.empty() && answer.status == 416) part.clear();
    const bool short_answer = answer.failure.empty() && (answer.status == 200 || answer.status == 206);
    if (!answer.transient() && !short_answer && answer.status != 416 && problem.empty())
      give_up(hub.refusal(answer, file.path), answer);
    if (++failures >= policy.attempts) {
      if (!problem.empty())
        throw data_error(file.path + ": " + problem, "the file that the repository lists", "try again later");
      HttpAnswer last = answer;
      if (short_answer)
        last.failure = "the server sends fewer bytes than the " + std::to_string(file.size) + " listed";
      give_up(hub.refusal(last, file.path), last);
    }
    policy.sleep(policy.wait_after(failures, answer.retry_after));
  }
}

}  // namespace

struct ContentHash::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

ContentHash::ContentHash(const RemoteFile& file) : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex(state_->context, file.sha256.empty() ? EVP_sha1() : EVP_sha256(), nullptr);
  if (!file.sha256.empty()) return;
  const std::string head = "blob " + std::to_string(file.size);
  update(head.c_str(), head.size() + 1);
}
ContentHash::~ContentHash() = default;
void ContentHash::update(const void* data, size_t bytes) { EVP_DigestUpdate(state_->context, data, bytes); }
std::string ContentHash::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_DigestFinal_ex(state_->context, digest, &length);
  static const char* digits = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < length; ++i) (text += digits[digest[i] >> 4]) += digits[digest[i] & 15];
  return text;
}

bool has_content(const fs::path& path, const RemoteFile& file) {
  std::error_code code;
  const auto size = fs::file_size(path, code);
  if (code || static_cast<int64_t>(size) != file.size) return false;
  const core::MappedFile content(path);
  ContentHash hash(file);
  hash.update(content.data(), content.size());
  return hash.hex() == file.digest();
}

fs::path place_below(const fs::path& folder, const std::string& path) {
  check_remote_path(path);
  const fs::path target = folder / path;
  std::error_code code;
  const fs::path home = fs::canonical(folder, code);
  // Step by step: a link among the folders must be seen before anything is made behind it.
  fs::path below = home;
  for (const auto& part : fs::path(path).parent_path()) {
    below /= part;
    fs::create_directory(below, code);
    const fs::path real = fs::canonical(below, code);
    if (code)
      throw environment_error("cannot create folder " + below.string() + ": " + code.message(),
                              "a folder with write permission");
    if (real != below)
      throw data_error(below.string() + " is a link to " + real.string(),
                       "plain folders below " + home.string(), "replace the link by a folder");
  }
  if (fs::is_symlink(fs::symlink_status(target, code)))
    throw data_error(target.string() + " is a link", "a plain file", "remove the link");
  return target;
}

void transfer(Hub& hub, const HttpPolicy& policy, const std::string& commit, const RemoteFile& file,
              const fs::path& target, std::atomic<int64_t>& arrived) {
  Counted counted(arrived);
  for (int tries = 1;; ++tries) {
    Part part(file, target);
    counted.set(part.size());
    receive(hub, policy, commit, file, part, counted);
    const std::string got = part.hex();
    if (got == file.digest()) return part.finish(target);
    part.remove();
    counted.set(0);
    if (tries == kContentTries)
      throw data_error(file.path + ": the content has the hash " + got,
                       file.digest() + " as the repository says",
                       "the file was removed; try again later or from another endpoint");
  }
}

}  // namespace windtunnel::datasets::fetch

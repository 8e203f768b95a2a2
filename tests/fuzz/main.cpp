// fuzz_readers [--files N] [--seed S] [--keep FOLDER] [READER...]
// Mutates whole files and reads them: every one must be read, or refused with a core::Error of kind data or
// usage. A crash, a hang, another exception or memory out of proportion is a failure; the file that caused it
// is kept in FOLDER. Exit code 1 if there was any. The work is done in child processes, so that a crash ends
// one of them only.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/random.h"
#include "core/sha256.h"
#include "tests/fuzz/targets.h"

namespace windtunnel::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kSecondsPerFile = 20;
constexpr int64_t kMostFailures = 20;

/// Shared with the children.
struct Counts {
  int64_t next, read, refused, failed;
  char message[400];
};

void mutate(std::string& bytes, core::PythonRandom& random) {
  const auto place = [&] { return static_cast<size_t>(random.below(std::max<size_t>(bytes.size(), 1))); };
  const uint64_t rounds = 1 + random.below(3);
  for (uint64_t k = 0; k < rounds && !bytes.empty(); ++k) {
    // Headers matter most and are short: half of the changes go to the first kilobytes.
    const size_t head = std::min<size_t>(bytes.size(), 4096);
    const size_t at = random.below(2) ? place() : static_cast<size_t>(random.below(head));
    switch (random.below(7)) {
      case 0:
        bytes[at] = static_cast<char>(random.below(256));
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3:
        bytes.erase(at, 1 + random.below(40));
        break;
      case 4: {
        static const char* extremes[] = {"\xff\xff\xff\xff", "\xff\xff\xff\x7f", "\0\0\0\0", "\0\0\0\x80"};
        bytes.replace(at, std::min<size_t>(bytes.size() - at, 4), std::string(extremes[random.below(4)], 4));
        break;
      }
      case 5:
        bytes.insert(at, bytes.substr(place(), 1 + random.below(60)));
        break;
      default: {
        const std::string piece = bytes.substr(place(), 1 + random.below(16));
        bytes.replace(at, std::min(piece.size(), bytes.size() - at), piece);
      }
    }
  }
}

/// The files of `target` from counts.next on, until done or dead.
void child(const Target& target, const std::vector<Seed>& seeds, const fs::path& folder, int64_t files,
           uint64_t seed, Counts& counts) {
  core::set_log_quiet(true);
  for (const auto& s : seeds) {
    fs::create_directories((folder / s.name).parent_path());
    core::write_file_atomic(folder / s.name, s.bytes);
  }
  for (; counts.next < files; ++counts.next) {
    core::PythonRandom random(core::stream_seed(seed, target.name + "/" + std::to_string(counts.next)));
    const Seed& original = seeds[static_cast<size_t>(random.below(seeds.size()))];
    std::string bytes = original.bytes;
    mutate(bytes, random);
    const fs::path path = folder / original.name;
    fs::remove(path);
    if (FILE* out = std::fopen(path.c_str(), "wb")) {
      std::fwrite(bytes.data(), 1, bytes.size(), out);
      std::fclose(out);
    }
    ::alarm(kSecondsPerFile);
    const auto fail = [&](const std::string& what) {
      std::snprintf(counts.message, sizeof counts.message, "%s", what.c_str());
      ::_exit(3);
    };
    try {
      target.read(folder, original.name);
      ++counts.read;
    } catch (const core::Error& e) {
      if (e.kind() != core::ErrorKind::data && e.kind() != core::ErrorKind::usage)
        fail("error of kind " + std::to_string(e.exit_code()) + ": " + e.found());
      if (e.found().empty()) fail("an error without a message");
      ++counts.refused;
    } catch (const std::bad_alloc&) {
      fail("memory out of proportion");
    } catch (const std::exception& e) {
      fail(std::string("exception: ") + e.what());
    }
    if (seeds.size() > 1) core::write_file_atomic(path, original.bytes);
  }
  ::_exit(0);
}

/// True if nothing failed.
bool run(const Target& target, int64_t files, uint64_t seed, const fs::path& keep, Counts& counts) {
  std::string pattern = (fs::temp_directory_path() / "windtunnel-fuzz-XXXXXX").string();
  const fs::path folder = ::mkdtemp(pattern.data());
  const auto begin = std::chrono::steady_clock::now();
  counts = {};
  std::vector<Seed> seeds;
  const pid_t maker = ::fork();  // HDF5 keeps state: the seeds are made elsewhere
  if (maker == 0) {
    seeds = target.seeds(folder);
    for (size_t i = 0; i < seeds.size(); ++i) {
      core::write_file_atomic(folder / ("seed" + std::to_string(i)), seeds[i].bytes);
      core::write_file_atomic(folder / ("name" + std::to_string(i)), seeds[i].name);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(maker, &status, 0);
  for (size_t i = 0; fs::exists(folder / ("seed" + std::to_string(i))); ++i) {
    seeds.push_back({core::read_file(folder / ("name" + std::to_string(i))),
                     core::read_file(folder / ("seed" + std::to_string(i)))});
    fs::remove(folder / ("seed" + std::to_string(i)));
    fs::remove(folder / ("name" + std::to_string(i)));
  }
  if (seeds.empty()) {
    std::printf("%-18s no seeds\n", target.name.c_str());
    fs::remove_all(folder);
    return false;
  }
  while (counts.next < files && counts.failed < kMostFailures) {
    const pid_t pid = ::fork();
    if (pid == 0) child(target, seeds, folder, files, seed, counts);
    ::waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    ++counts.failed;
    const std::string what =
        WIFSIGNALED(status)
            ? (WTERMSIG(status) == SIGALRM ? "no end within the time limit" : strsignal(WTERMSIG(status)))
        : WEXITSTATUS(status) == 3 ? counts.message
                                   : "ended with code " + std::to_string(WEXITSTATUS(status));
    std::printf("%s: file %lld: %s\n", target.name.c_str(), static_cast<long long>(counts.next),
                what.c_str());
    if (!keep.empty()) {
      const fs::path to = keep / (target.name + "-" + std::to_string(counts.next));
      fs::create_directories(keep);
      fs::copy(folder, to, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    }
    ++counts.next;
  }
  fs::remove_all(folder);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%-18s %8lld files: %8lld read, %8lld refused, %lld failed, %.1f s\n", target.name.c_str(),
              static_cast<long long>(counts.next), static_cast<long long>(counts.read),
              static_cast<long long>(counts.refused), static_cast<long long>(counts.failed), seconds);
  std::fflush(stdout);
  return counts.failed == 0 && counts.refused > 0;
}

}  // namespace
}  // namespace windtunnel::fuzz

int main(int argc, char** argv) {
  using namespace windtunnel;
  int64_t files = 200;
  uint64_t seed = 1;
  std::filesystem::path keep;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--files" && i + 1 < argc)
      files = std::atoll(argv[++i]);
    else if (argument == "--seed" && i + 1 < argc)
      seed = static_cast<uint64_t>(std::atoll(argv[++i]));
    else if (argument == "--keep" && i + 1 < argc)
      keep = argv[++i];
    else
      names.push_back(argument);
  }
  auto* counts = static_cast<fuzz::Counts*>(
      ::mmap(nullptr, sizeof(fuzz::Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  bool good = true;
  for (const auto& target : fuzz::targets())
    if (names.empty() || std::find(names.begin(), names.end(), target.name) != names.end())
      good = fuzz::run(target, files, seed, keep, *counts) && good;
  return good ? 0 : 1;
}

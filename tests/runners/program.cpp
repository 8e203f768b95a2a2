#include "tests/runners/program.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace fs = std::filesystem;

namespace windtunnel::runners::testing {

Outcome windtunnel(const std::string& arguments, const std::string& prefix) {
  return shell(prefix + WINDTUNNEL_PROGRAM + " " + arguments);
}

Outcome shell(const std::string& command) {
  FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot start a shell");
  Outcome outcome;
  std::array<char, 4096> buffer;
  for (size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    outcome.output.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

fs::path scratch() {
  static const struct Folder {
    fs::path path = fs::temp_directory_path() / ("windtunnel-test-" + std::to_string(::getpid()));
    Folder() {
      fs::remove_all(path);
      fs::create_directories(path);
    }
    ~Folder() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } folder;
  return folder.path;
}

fs::path tiny_data() {
  static const fs::path data = [] {
    const fs::path made = scratch() / "data";
    const Outcome outcome = windtunnel("data make cylinder --size tiny --quiet --out " + made.string());
    if (outcome.exit_code != 0) throw std::runtime_error("data make failed: " + outcome.output);
    return made;
  }();
  return data;
}

}  // namespace windtunnel::runners::testing

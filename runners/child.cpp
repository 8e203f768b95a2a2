#include "runners/child.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "core/error.h"
#include "runners/plugin.h"

namespace windtunnel::runners {

std::filesystem::path own_path() { return std::filesystem::read_symlink("/proc/self/exe"); }

int run_child(const std::vector<std::string>& arguments, const std::filesystem::path& log, int threads) {
  const std::string program = own_path().string();
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  const std::vector<std::string> plugins = plugin_arguments();
  for (const auto& argument : plugins) argv.push_back(const_cast<char*>(argument.c_str()));
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  // Complete before fork(): the child of a process with threads may only make system calls.
  const std::string limit = "OMP_NUM_THREADS=" + std::to_string(threads);
  std::vector<char*> environment;
  for (char** entry = environ; *entry; ++entry)
    if (threads == 0 || !std::string_view(*entry).starts_with("OMP_NUM_THREADS="))
      environment.push_back(*entry);
  if (threads > 0) environment.push_back(const_cast<char*>(limit.c_str()));
  environment.push_back(nullptr);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (out < 0) throw environment_error("cannot write " + log.string(), "a folder with write permission");
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execve(argv[0], argv.data(), environment.data());
    ::_exit(127);
  }
  ::close(out);
  if (pid < 0) throw environment_error("cannot start a process", "a free process slot");
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace windtunnel::runners

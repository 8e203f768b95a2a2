#include "results/environment.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

#include "core/text.h"

namespace windtunnel::results {
namespace {

using core::Json;

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

/// Value of the first line "key<separator>value" of a system file; empty if there is none.
std::string lookup(const char* file, const std::string& key, char separator) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const size_t at = line.find(separator);
    if (at != std::string::npos && core::trim(line.substr(0, at)) == key)
      return core::trim(line.substr(at + 1));
  }
  return "";
}

std::string unquoted(std::string text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  return text;
}

int64_t usable_cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : sysconf(_SC_NPROCESSORS_ONLN);
}

std::string compiler() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

}  // namespace

Json environment_block(const EnvironmentFacts& facts) {
  utsname system{};
  uname(&system);
#ifdef NDEBUG
  const char* build = "optimised";
#else
  const char* build = "with debug checks";
#endif
  const int64_t megabytes = sysconf(_SC_PHYS_PAGES) / 1024 * (sysconf(_SC_PAGESIZE) / 1024);
  Json block = {{"cpu_model", text_or_null(lookup("/proc/cpuinfo", "model name", ':'))},
                {"cpu_cores", usable_cores()},
                {"ram_mb", megabytes > 0 ? Json(megabytes) : Json(nullptr)},
                {"os", text_or_null(unquoted(lookup("/etc/os-release", "PRETTY_NAME", '=')))},
                {"kernel", text_or_null(system.release)},
                {"architecture", text_or_null(system.machine)},
                {"compiler", compiler()},
                {"build_type", build},
                {"threads", facts.threads > 0 ? Json(facts.threads) : Json(nullptr)},
                {"gpu_model", text_or_null(facts.gpu_model)},
                {"gpu_count", facts.gpu_count},
                {"gpu_driver", text_or_null(facts.gpu_driver)},
                {"libraries", facts.libraries},
                {"flags", facts.flags}};
  if (facts.libraries.empty()) block["libraries"] = Json::object();
  if (facts.flags.empty()) block["flags"] = Json::object();
  return block;
}

}  // namespace windtunnel::results

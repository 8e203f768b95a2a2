#include "runners/interrupt.h"

#include <csignal>
#include <cstdlib>

#include "core/error.h"

namespace windtunnel::runners {
namespace {

std::atomic<bool> g_interrupted{false};

void handle(int) {
  if (g_interrupted.exchange(true)) std::_Exit(6);
}

}  // namespace

void install_interrupt_handler() {
  std::signal(SIGINT, handle);
  std::signal(SIGTERM, handle);
}

const std::atomic<bool>& interrupt_flag() { return g_interrupted; }

void throw_if_interrupted(const char* hint) {
  if (g_interrupted) throw Error(ErrorKind::interrupted, "interrupted", "", hint);
}

}  // namespace windtunnel::runners

#pragma once

#include <atomic>

namespace windtunnel::runners {

/// Ctrl-C (SIGINT) and SIGTERM set a flag; long work looks at it between steps, saves and throws. A second
/// signal ends the process at once.
void install_interrupt_handler();
const std::atomic<bool>& interrupt_flag();

/// Throws Error(interrupted) with `hint` if the flag is set.
void throw_if_interrupted(const char* hint);

}  // namespace windtunnel::runners

#pragma once

#include <cstdint>

namespace windtunnel::core {

/// Floating-point operations of the products in hand-written kernels, which no profiler of library calls
/// sees: a kernel adds what one call computes (a multiplication and an addition count two). Thread safe.
void add_operations(int64_t count);
/// Sum over all threads since the program started.
int64_t operations();

}  // namespace windtunnel::core

#include "core/operations.h"

#include <atomic>

namespace windtunnel::core {
namespace {
std::atomic<int64_t> sum{0};
}

void add_operations(int64_t count) { sum.fetch_add(count, std::memory_order_relaxed); }
int64_t operations() { return sum.load(std::memory_order_relaxed); }

}  // namespace windtunnel::core

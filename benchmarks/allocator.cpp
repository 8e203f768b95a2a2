// Linked into every benchmark: the allocator setting of the program itself (runners/main.cpp), made before
// main(). glibc otherwise maps and unmaps every large block, so that each big tensor is page-faulted anew.
// WINDTUNNEL_ALLOCATOR=default leaves the allocator alone.
#include <malloc.h>

#include <cstdlib>
#include <string_view>

namespace {

__attribute__((constructor)) void keep_freed_memory() {
  const char* choice = std::getenv("WINDTUNNEL_ALLOCATOR");
  if (choice && std::string_view(choice) == "default") return;
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, -1);
}

}  // namespace

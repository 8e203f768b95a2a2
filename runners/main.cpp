#include <malloc.h>

#include <cstdlib>
#include <string_view>

#include "runners/program.h"

int main(int argc, char** argv) {
  // glibc maps and unmaps every large block, so each big tensor is page-faulted anew; keeping freed memory
  // makes LibTorch on CPU two to three times faster. WINDTUNNEL_ALLOCATOR=default leaves the allocator alone.
  const char* choice = std::getenv("WINDTUNNEL_ALLOCATOR");
  if (!choice || std::string_view(choice) != "default") {
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, -1);
  }
  return windtunnel::runners::run_program(argc, argv);
}

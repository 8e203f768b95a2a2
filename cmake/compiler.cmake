set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# Each operation rounds by itself: results must not depend on which compiler fuses what.
add_compile_options(-ffp-contract=off -Wall -Wextra -Wpedantic -Wno-unused-parameter)
if(WINDTUNNEL_WERROR)
  # GCC 12 sees uninitialised members inside optimised third-party headers.
  add_compile_options(-Werror -Wno-error=maybe-uninitialized)
endif()
if(WINDTUNNEL_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# LibTorch units take over 1 GB each; more than two at a time swaps on a small machine.
set_property(GLOBAL PROPERTY JOB_POOLS heavy=2)
set(CMAKE_JOB_POOL_COMPILE heavy)

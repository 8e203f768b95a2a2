#pragma once

// Functions marked WINDTUNNEL_CLONES are compiled once per instruction set and chosen at start-up; functions
// marked WINDTUNNEL_INLINE are compiled into them.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define WINDTUNNEL_CLONES __attribute__((target_clones("default", "arch=x86-64-v3")))
#else
#define WINDTUNNEL_CLONES
#endif
#define WINDTUNNEL_INLINE [[gnu::always_inline]] inline

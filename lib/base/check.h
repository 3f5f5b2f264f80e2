// For what only a programmer can do wrong: ends the process with the condition and its place, in
// release builds too. (Debian 12's Abseil has no absl/log/check.h.)
#pragma once

#include <cstdio>
#include <cstdlib>

#define SW_CHECK(condition)                                                                \
  do {                                                                                     \
    if (!(condition)) [[unlikely]] {                                                       \
      std::fprintf(stderr, "%s:%d: this must hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                        \
    }                                                                                      \
  } while (false)

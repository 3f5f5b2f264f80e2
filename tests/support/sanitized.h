// How many cases a test runs where a sanitizer looks at each access: a few of the many that it runs
// without. What is looked for there needs few; figures are held by the many.
#pragma once

namespace surgewatch::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

template <typename Count>
constexpr Count cases(Count many, Count few) {
  return kIsSanitized ? few : many;
}

}  // namespace surgewatch::test

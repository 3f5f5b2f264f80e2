// What may happen a thousand times a second and is worth a line: the first of each kind at once,
// then one a minute with how many there have been in between.
//
// Threads: one. Cost: 100 bytes a kind; kinds are a program's own names, so that they are few.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace surgewatch::services {

class Seldom {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kPause{60};

  // Whether this one is to be said; if so, how many of its kind have not been since the last.
  std::optional<std::uint64_t> says(std::string_view kind, Clock::time_point now = Clock::now()) {
    const auto [found, is_new] = kinds_.try_emplace(std::string(kind));
    Kind& of = found->second;
    if (!is_new && now < of.next) {
      ++of.unsaid;
      return std::nullopt;
    }
    of.next = now + kPause;
    return std::exchange(of.unsaid, 0);
  }

 private:
  struct Kind {
    Clock::time_point next;
    std::uint64_t unsaid = 0;
  };
  std::map<std::string, Kind> kinds_;
};

// For the end of such a line: "; 17 more since the last such line", or nothing.
inline std::string more_like_it(std::uint64_t unsaid) {
  return unsaid == 0 ? "" : "; " + std::to_string(unsaid) + " more since the last such line";
}

}  // namespace surgewatch::services

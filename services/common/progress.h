// A progress bar on stderr: on a terminal one line that redraws itself, elsewhere a line every ten
// seconds, with `quiet` nothing.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace surgewatch::services {

class Progress {
 public:
  enum class Style { kAutomatic, kQuiet };
  // `unit` is what is counted: "events", "MB".
  Progress(std::string_view title, std::string_view unit, Style style);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `fraction` in 0..1, or negative where the end is not known. `note` is a few words, such as the
  // event time reached. Cheap: draws at most ten times a second.
  void update(double fraction, std::uint64_t count, std::string_view note);
  // Clears the line, for something else to be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(double fraction, std::uint64_t count, std::string_view note) const;

  std::string title_, unit_;
  bool quiet_, terminal_, drawn_ = false;
  Clock::time_point start_, last_;
};

}  // namespace surgewatch::services

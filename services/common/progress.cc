#include "common/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace surgewatch::services {
namespace {

constexpr std::size_t kBarWidth = 24;
constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kLineEvery{10};

}  // namespace

Progress::Progress(std::string_view title, std::string_view unit, Style style)
    : title_(title),
      unit_(unit),
      quiet_(style == Style::kQuiet),
      terminal_(isatty(STDERR_FILENO) != 0),
      start_(Clock::now()),
      last_(start_) {}

Progress::~Progress() { clear(); }

std::string Progress::line(double fraction, std::uint64_t count, std::string_view note) const {
  const double seconds =
      std::max(std::chrono::duration<double>(Clock::now() - start_).count(), 1e-3);
  std::string text = title_;
  if (fraction >= 0) {
    const double part = std::min(fraction, 1.0);
    const auto filled = static_cast<std::size_t>(part * static_cast<double>(kBarWidth));
    text +=
        fmt::format(" [{:=<{}}{:>{}}] {:3.0f} %", "", filled, "", kBarWidth - filled, 100 * part);
  }
  text += fmt::format("  {} {}, {:.0f}/s", count, unit_, static_cast<double>(count) / seconds);
  if (fraction > 0.01 && fraction < 1) {
    text += fmt::format(", {:.0f} s left", seconds * (1 - fraction) / fraction);
  }
  if (!note.empty()) text += fmt::format("  {}", note);
  return text;
}

void Progress::update(double fraction, std::uint64_t count, std::string_view note) {
  if (quiet_) return;
  const auto now = Clock::now();
  if (now - last_ < (terminal_ ? Clock::duration(kRedraw) : Clock::duration(kLineEvery))) return;
  last_ = now;
  if (terminal_) {
    fmt::print(stderr, "\r\033[K{}", line(fraction, count, note));
    std::fflush(stderr);
    drawn_ = true;
  } else {
    fmt::print(stderr, "{}\n", line(fraction, count, note));
  }
}

void Progress::clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace surgewatch::services

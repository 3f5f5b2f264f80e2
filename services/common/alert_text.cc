#include "common/alert_text.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/time.h"

namespace surgewatch::services {
namespace {

// 1234567.8 → "1,234,567.8"
std::string grouped(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", std::abs(value), decimals);
  const std::size_t point = std::min(text.find('.'), text.size());
  for (std::size_t i = point; i > 3; i -= 3) text.insert(i - 3, ",");
  return value < 0 ? "-" + text : text;
}

std::string lower_without(std::string name, std::string_view prefix) {
  name.erase(0, prefix.size());
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

const char* colour_of(const v1::Alert& alert) {
  if (alert.state() == v1::ALERT_STATE_RESOLVED) return "\033[32m";
  switch (alert.severity()) {
    case v1::SEVERITY_CRITICAL:
      return "\033[1;31m";
    case v1::SEVERITY_WARNING:
      return "\033[33m";
    default:
      return "\033[36m";
  }
}

}  // namespace

std::string format_amount(double value, const std::string& measure) {
  if (measure == "revenue_usd") return grouped(value / 1e12, 1) + " million USD";
  return grouped(value, 0) + " " + measure;
}

std::string short_name(v1::Severity severity) {
  return lower_without(v1::Severity_Name(severity), "SEVERITY_");
}
std::string short_name(v1::AlertState state) {
  return lower_without(v1::AlertState_Name(state), "ALERT_STATE_");
}
std::string short_name(v1::Timing timing) {
  return lower_without(v1::Timing_Name(timing), "TIMING_");
}
std::string short_name(v1::RuleType type) {
  return lower_without(v1::RuleType_Name(type), "RULE_TYPE_");
}

std::string alert_line(const v1::Alert& alert, bool colour) {
  std::string subject;
  for (const char* dimension : {"bill_to", "ship_to", "family", "seller", "end_user"}) {
    const auto found = alert.subject().find(dimension);
    if (found == alert.subject().end()) continue;
    subject += fmt::format("{}{}={}", subject.empty() ? "" : " ", dimension, found->second);
  }
  const bool share = alert.rule_type() == v1::RULE_TYPE_SHARE_SHIFT;
  const std::string observed = share ? fmt::format("{:.1f} %", 100 * alert.observed())
                                     : format_amount(alert.observed(), alert.measure());
  const std::string expected = share ? fmt::format("{:.1f} %", 100 * alert.expected())
                                     : format_amount(alert.expected(), alert.measure());
  const Micros window_end = alert.window_end().seconds() * kMicrosPerSecond;
  std::string head =
      fmt::format("{:<8} {:<8}", short_name(alert.severity()), short_name(alert.state()));
  if (colour) head = fmt::format("{}{}\033[0m", colour_of(alert), head);
  return fmt::format(
      "{} {} [{}] {} against {}: ratio {:.3f}, growth {:+.1f} %, window to {} ({}), {} rev {}",
      head, alert.rule(), subject, observed, expected, alert.ratio(), alert.growth_percent(),
      format_date(window_end - 1), short_name(alert.timing()), alert.alert_id(), alert.revision());
}

bool colour_wanted() { return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr; }

}  // namespace surgewatch::services

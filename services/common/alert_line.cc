#include "common/alert_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string_view>
#include <vector>

#include "base/numbers.h"
#include "base/printable.h"
#include "base/time.h"
#include "common/short_names.h"

namespace surgewatch::services {
namespace {

// 1234567.8 → "1,234,567.8"
std::string grouped(double value, int decimals) {
  const std::string text = with_commas(fmt::format("{:.{}f}", std::abs(value), decimals));
  return value < 0 ? "-" + text : text;
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

std::string format_amount(double value, const std::string& unit) {
  if (unit == "revenue_usd") return grouped(value / 1e12, 1) + " million USD";
  if (unit == "share") return fmt::format("{:.1f} %", 100 * value);
  return grouped(value, 0) + " " + printable_word(unit);
}

std::string resolution_text(v1::Resolution resolution) {
  switch (resolution) {
    case v1::RESOLUTION_QUIET:
      return "quiet again";
    case v1::RESOLUTION_RULE_REMOVED:
      return "its rule was removed";
    case v1::RESOLUTION_RULE_CHANGED:
      return "its rule was changed";
    case v1::RESOLUTION_DATA_CORRECTED:
      return "its data were corrected";
    default:
      return "";
  }
}

namespace {

std::string subject_of(const v1::Alert& alert) {
  const std::map<std::string, std::string> sorted(alert.subject().begin(), alert.subject().end());
  std::string text;
  for (const auto& [dimension, value] : sorted) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", printable_word(dimension),
                        printable_word(value));
  }
  return text;
}

// Null if it has none of this name.
const v1::Evidence* evidence_of(const v1::Alert& alert, std::string_view name) {
  const auto found = std::ranges::find(alert.evidence(), name, &v1::Evidence::name);
  return found == alert.evidence().end() ? nullptr : &*found;
}

std::string figure(double value, const v1::Alert& alert) {
  return format_amount(value, alert.unit().empty() ? alert.measure() : alert.unit());
}

std::string comparison(const v1::Alert& alert, double observed, double expected, double ratio) {
  const std::string against =
      alert.against().empty() ? "what was expected" : printable_line(alert.against());
  switch (alert.comparison()) {
    case v1::COMPARISON_SHORTFALL:
      return fmt::format("{:.1f} % not delivered there",
                         observed > 0 ? 100 * (1 - expected / observed) : 0);
    case v1::COMPARISON_LINE:
      return fmt::format("{} times {}", grouped(ratio, 1), against);
    case v1::COMPARISON_RATIO:
      return fmt::format("{:.3f} times {}", ratio, against);
    default:
      return fmt::format("ratio {:.3f}, growth {:+.1f} %", ratio, 100 * (ratio - 1));
  }
}

std::string line_for(const v1::Alert& alert, double observed, double expected, double ratio,
                     const google::protobuf::Timestamp& window_end, bool colour) {
  std::string head =
      fmt::format("{:<8} {:<8}", short_name(alert.severity()), short_name(alert.state()));
  if (colour) head = fmt::format("{}{}\033[0m", colour_of(alert), head);
  const std::string last_day = format_date(window_end.seconds() * kMicrosPerSecond - 1);
  return fmt::format("{} {} [{}] {} against {}: {}, window to {}", head,
                     printable_word(alert.rule()), subject_of(alert), figure(observed, alert),
                     figure(expected, alert), comparison(alert, observed, expected, ratio),
                     last_day);
}

// What `say` says of contributors, of so many at the most; empty texts are passed over.
template <typename Say>
std::vector<std::string> contributors(const v1::Alert& alert, std::size_t most, Say&& say) {
  std::vector<std::string> said;
  for (const v1::Contributor& one : alert.contributors()) {
    std::string text = say(one);
    if (!text.empty() && said.size() < most) said.push_back(std::move(text));
  }
  return said;
}

std::string order(const v1::Contributor& contributor) {
  const auto id = contributor.labels().find("order_id");
  return id == contributor.labels().end() ? "" : printable_word(id->second);
}

std::string delivery(const v1::Contributor& contributor) {
  const auto where = contributor.labels().find("ship_to");
  if (where == contributor.labels().end() || contributor.labels_size() > 1) return "";
  return fmt::format("{} {}", printable_word(where->second), printable_line(contributor.text()));
}

}  // namespace

std::string alert_line(const v1::Alert& alert, bool colour) {
  std::string why;
  if (alert.state() == v1::ALERT_STATE_RESOLVED) why = resolution_text(alert.resolution());
  return fmt::format("{} ({}{}{}), {} rev {}",
                     line_for(alert, alert.observed(), alert.expected(), alert.ratio(),
                              alert.window_end(), colour),
                     short_name(alert.timing()), why.empty() ? "" : "; ", why,
                     printable_word(alert.alert_id()), alert.revision());
}

std::string peak_line(const v1::Alert& alert, bool colour) {
  const v1::Peak& peak = alert.peak();
  return line_for(alert, peak.observed(), peak.expected(), peak.ratio(), peak.window_end(), colour);
}

std::string made_of_line(const v1::Alert& alert) {
  constexpr std::size_t kNamed = 4;
  const auto named = [&](std::string_view what, std::string_view label, auto&& say) {
    std::vector<std::string> items;
    for (const v1::Evidence& fact : alert.evidence()) {
      const auto value = fact.labels().find(std::string(label));
      if (fact.name() != what || value == fact.labels().end() || items.size() == kNamed) continue;
      items.push_back(say(printable_word(value->second), fact));
    }
    return fmt::format("{}", fmt::join(items, ", "));
  };
  const auto amount = [](const std::string& value, const v1::Evidence& fact) {
    return fmt::format("{} {}", value, grouped(fact.value(), 0));
  };
  if (const std::string routes = named("route", "ship_from", amount); !routes.empty()) {
    const v1::Evidence* direct = evidence_of(alert, "direct");
    return fmt::format("by way of {}{}", routes,
                       direct == nullptr ? "" : "; " + printable_line(direct->text()));
  }
  const auto weight = [](const std::string& value, const v1::Evidence& fact) {
    return fmt::format("{} {:g}", value, fact.value());
  };
  if (const std::string found = named("finding", "rule", weight); !found.empty()) {
    return "found by " + found;
  }
  if (const std::vector<std::string> orders = contributors(alert, kNamed, order); !orders.empty()) {
    const v1::Evidence* all = evidence_of(alert, "orders_in_all");
    return fmt::format("orders {}{}", fmt::join(orders, ", "),
                       all == nullptr ? "" : fmt::format("; {} in all", grouped(all->value(), 0)));
  }
  if (alert.comparison() != v1::COMPARISON_SHORTFALL) return "";
  const std::vector<std::string> delivered = contributors(alert, kNamed, delivery);
  return delivered.empty() ? "" : fmt::format("to be delivered to {}", fmt::join(delivered, ", "));
}

bool colour_wanted() { return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr; }

}  // namespace surgewatch::services

// A valid configuration to spoil, and what load() then says.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/suggestion.h"
#include "config/config.h"
#include "config/rule_spec.h"
#include "detect/rules/table.h"

namespace surgewatch::config {

inline constexpr std::string_view kValid = R"(series:
  - name: billed
    event: invoice
    group_by: [bill_to, ship_to, family]
    measures: [revenue_usd, chips]
    pane: 1d
  - name: shipped
    event: shipment
    group_by: [ship_to, sku]
    measures: [chips]
    pane: 1d
rules:
  - name: since
    type: surge_since
    series: billed
    measure: revenue_usd
    per: [bill_to]
    window: 91d
    reference: {start: 2023-05-01, end: 2023-07-31}
    fire_at: {ratio: 4, excess_over_total: 2}
)";

// "surge_since, surge and ramp": those that there are.
inline std::string all_types() {
  std::vector<std::string> names;
  for (const RuleSpec* spec : detect::rule_specs()) names.emplace_back(spec->name);
  return enumerate(names);
}

// kValid with the first `from` replaced.
inline std::string valid_but(std::string_view from, std::string_view to) {
  std::string text(kValid);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

// kValid with a further rule of this YAML, flush left; its first line is line 21 of the text, and
// its columns are 4 more than in `rule`.
inline std::string valid_and(std::string_view rule) {
  std::string text(kValid);
  std::string line;
  bool first = true;
  for (const char c : std::string(rule) + "\n") {
    if (c != '\n') {
      line += c;
      continue;
    }
    if (!line.empty()) text += (first ? "  - " : "    ") + line + "\n";
    first = false;
    line.clear();
  }
  return text;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::string line;
  for (const char c : text + "\n") {
    if (c != '\n') {
      line += c;
    } else if (!line.empty()) {
      lines.push_back(std::move(line));
      line.clear();
    }
  }
  return lines;
}

// One element a problem; none for a valid configuration.
inline std::vector<std::string> problems_of(std::string_view yaml) {
  const auto config = parse(yaml, "c.yaml", detect::rule_specs());
  return config.ok() ? std::vector<std::string>{} : lines_of(message_of(config.status()));
}

inline std::shared_ptr<const Config> parse_valid(std::string_view yaml) {
  auto config = parse(yaml, "c.yaml", detect::rule_specs());
  EXPECT_TRUE(config.ok()) << message_of(config.status());
  return config.ok() ? *std::move(config) : std::make_shared<const Config>();
}

}  // namespace surgewatch::config

// Whatever a configuration file holds, parse() answers: with a configuration, or with problems that
// each have a place.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/status.h"
#include "config/config.h"
#include "detect/rules/table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view yaml(reinterpret_cast<const char*>(data), size);
  const auto config =
      surgewatch::config::parse(yaml, "fuzz.yaml", surgewatch::detect::rule_specs());
  if (config.ok()) {
    for (const auto& rule : (*config)->rules) {
      SW_CHECK(rule.series < (*config)->series.size());
      SW_CHECK(rule.window_panes >= 1);
      for (const std::size_t position : rule.per) {
        SW_CHECK(position < (*config)->series[rule.series].group_by.size());
      }
    }
  } else {
    SW_CHECK(absl::IsInvalidArgument(config.status()));
    SW_CHECK(surgewatch::message_of(config.status()).find(":") != std::string::npos);
  }
  return 0;
}

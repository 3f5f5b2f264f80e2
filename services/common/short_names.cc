#include "common/short_names.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace surgewatch::services {
namespace {

std::string lower_without(std::string name, std::string_view prefix) {
  name.erase(0, prefix.size());
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

}  // namespace

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

}  // namespace surgewatch::services

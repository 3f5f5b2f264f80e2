#include "config/rule_types.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::config {

const std::vector<RuleTypeTraits>& rule_types() {
  static const std::vector<RuleTypeTraits> all{
      {RuleType::kSurgeSince,
       "surge_since",
       {"reference"},
       {"ratio", "excess_over_total", "observed"}},
      {RuleType::kSurge,
       "surge",
       {"method", "period", "guard", "warm_up", "baseline", "alpha", "false_discovery_rate",
        "kappa", "h", "rollup", "accepted"},
       {"z", "ratio", "excess_over_total", "observed"},
       false},
      {RuleType::kDivergence, "divergence", {"against"}, {"divergence", "observed"}},
      {RuleType::kShareShift,
       "share_shift",
       {"reference", "guard", "warm_up", "baseline", "false_discovery_rate", "odds_ratio", "h",
        "direction"},
       {"points", "ratio", "observed"},
       false},
      {RuleType::kRamp,
       "ramp",
       {"period", "guard", "warm_up", "false_discovery_rate", "kappa", "h", "rollup", "accepted"},
       {"ratio", "excess_over_total", "observed"},
       false},
      {RuleType::kNewEntity,
       "new_entity",
       {"warm_up", "alpha", "false_discovery_rate"},
       {"observed"},
       false},
  };
  return all;
}

std::vector<std::string> rule_type_names_of_schema() {
  constexpr std::string_view kPrefix = "RULE_TYPE_";
  std::vector<std::string> names;
  const google::protobuf::EnumDescriptor& type = *v1::RuleType_descriptor();
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() == v1::RULE_TYPE_UNSPECIFIED) continue;
    std::string name = type.value(i)->name().substr(kPrefix.size());
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace surgewatch::config

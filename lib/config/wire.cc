#include "config/wire.h"

namespace surgewatch::config {

v1::RuleType wire(RuleType type) {
  switch (type) {
    case RuleType::kSurgeSince:
      return v1::RULE_TYPE_SURGE_SINCE;
    case RuleType::kSurge:
      return v1::RULE_TYPE_SURGE;
    case RuleType::kDivergence:
      return v1::RULE_TYPE_DIVERGENCE;
    case RuleType::kShareShift:
      return v1::RULE_TYPE_SHARE_SHIFT;
    case RuleType::kRamp:
      return v1::RULE_TYPE_RAMP;
    case RuleType::kNewEntity:
      return v1::RULE_TYPE_NEW_ENTITY;
  }
  return v1::RULE_TYPE_UNSPECIFIED;
}

v1::Severity wire(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return v1::SEVERITY_INFO;
    case Severity::kWarning:
      return v1::SEVERITY_WARNING;
    case Severity::kCritical:
      return v1::SEVERITY_CRITICAL;
  }
  return v1::SEVERITY_UNSPECIFIED;
}

}  // namespace surgewatch::config

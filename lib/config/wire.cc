#include "config/wire.h"

#include "config/rule_spec.h"

namespace surgewatch::config {

v1::RuleType wire(const RuleSpec& type) { return static_cast<v1::RuleType>(type.wire); }

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

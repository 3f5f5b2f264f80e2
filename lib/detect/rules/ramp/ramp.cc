#include "detect/rules/ramp/ramp.h"

#include <utility>
#include <vector>

#include "detect/rules/learning_parameters.h"
#include "detect/rules/surge/surge.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

void ramp_defaults(Micros window, config::Learning* learning) {
  learning->method = config::Method::kRamp;
  parameters::defaults(window, learning);
}

config::RuleSpec declared(std::vector<config::FigureUse> figures, double calm_ratio) {
  return {.name = "ramp",
          .says = "a rise that lasts",
          .against = "the same, over many windows",
          .wire = v1::RULE_TYPE_RAMP,
          .address = 4,
          .parameters = {parameters::period(), parameters::guard(), parameters::warm_up(),
                         parameters::false_discovery_rate(), parameters::kappa(),
                         parameters::h("where the cumulated evidence alarms", "4.5"),
                         parameters::rollup(), parameters::accepted()},
          .figures = std::move(figures),
          .needs_figure = false,
          .calm_ratio = calm_ratio,
          .defaults = ramp_defaults};
}

class Ramp : public BaselineRule {
 public:
  Ramp()
      : BaselineRule(declared(figures(), kCalmRatio), [](const Figures& f) { return f.evidence; }) {
  }

 private:
  std::string chance(const Finding&) const override { return ""; }
};

}  // namespace

const RuleType& ramp() {
  static const Ramp type;
  return type;
}

}  // namespace surgewatch::detect

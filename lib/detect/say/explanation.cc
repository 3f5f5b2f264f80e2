#include "detect/say/explanation.h"

#include <fmt/format.h>

#include "detect/rules/rule_type.h"
#include "detect/say/phrases.h"

namespace surgewatch::detect {
namespace {

std::string facts(const Finding& finding, const Revision& revision) {
  return finding.rule.type->facts(finding, revision.timing == Timing::kEarly);
}

// A sentence, where it is known.
std::string largest_text(const Finding& finding, const Composition& composition) {
  const std::optional<Largest>& largest = composition.largest_document;
  const double amount = window_amount(finding.rule, finding.figures);
  const bool says = largest.has_value() && largest->is_exact() && largest->known > 0 && amount > 0;
  if (!says || !finding.rule.type->traits.names_largest_document) return "";
  return fmt::format("The largest document is {}. ",
                     part_of_window(static_cast<double>(largest->known), amount));
}

std::string withdrawal(const Finding& finding, const Revision& revision) {
  if (!finding.figures.conclusive()) {
    return fmt::format(
        "Withdrawn: with late or corrected data there is no answer for the window that ends with "
        "{} ({}).",
        last_day_text(finding.rule.end_of(finding.window)), describe(finding.figures.missing));
  }
  const bool earlier = finding.figures.verdict == Verdict::kFires;
  return fmt::format("Withdrawn: {}. {}.",
                     earlier ? "with late or corrected data the line was crossed in an earlier "
                               "window already; that is an alert of its own"
                             : "the corrected figures no longer reach the line",
                     facts(finding, revision));
}

std::string end(const Finding& finding, const Revision& revision) {
  const RuleShape& shape = finding.rule;
  const std::string now = finding.figures.conclusive()
                              ? facts(finding, revision) + "."
                              : fmt::format("{}: nothing to compare.", what_text(finding));
  const bool learned =
      shape.learns && revision.peak.has_value() &&
      revision.reported - revision.onset >= shape.window * shape.rule->learning->guard;
  return fmt::format("Over: below the line for {} windows in a row{}. {}", shape.rule->clear_after,
                     learned ? ", against a baseline that has taken in windows of the alert" : "",
                     now);
}

}  // namespace

std::string explanation(const Finding& finding, const Revision& revision,
                        const Composition& composition) {
  if (revision.withdrawn) return withdrawal(finding, revision);
  if (!revision.firing) return end(finding, revision);
  const std::string proposal =
      revision.proposed.has_value()
          ? fmt::format("It has been firing for {} windows: if this is the new normal, accept it. ",
                        (*revision.proposed - revision.onset) / finding.rule.window + 1)
          : "";
  return fmt::format("{}. {}{}{}", facts(finding, revision), largest_text(finding, composition),
                     proposal, finding.rule.type->inquiry());
}

}  // namespace surgewatch::detect

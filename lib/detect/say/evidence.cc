#include "detect/say/evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/printable.h"
#include "detect/rules/rule_type.h"
#include "detect/say/phrases.h"

namespace surgewatch::detect {
namespace {

// The largest key's share: a party's, if the series is by party.
void add_concentration(const Share& largest, double amount, EvidenceList* evidence) {
  const double share = amount > 0 ? std::min(1.0, largest.amount / amount) : 0;
  std::string what;
  for (const auto& [dimension, value] : largest.labels) {
    what += fmt::format("{}{}={}", what.empty() ? "" : " ", dimension, printable_word(value));
  }
  evidence->add("concentration", share, "share",
                fmt::format("{} of the window is {}", percent(share), what));
}

void add_largest_document(Measure measure, const Largest& largest, double amount,
                          EvidenceList* evidence) {
  if (amount <= 0 || largest.at_most() <= 0) return;
  const auto most = static_cast<double>(largest.at_most());
  if (largest.is_exact()) {
    evidence->add("largest_document", std::min(1.0, most / amount), "share",
                  fmt::format("{}: {}", amount_text(measure, most), part_of_window(most, amount)));
  } else if (most < amount) {
    evidence->add("largest_document", 0, "none",
                  fmt::format("at most {}; not known closer, since large documents were taken out",
                              part_of_window(most, amount)));
  } else {
    evidence->add("largest_document", 0, "none",
                  largest.bound == INT64_MAX ? "not known: the aggregator did not keep it"
                                             : "not known, since large documents were taken out");
  }
}

void add_part(const RuleShape& shape, const NamedPart& part, EvidenceList* evidence) {
  const Measure measure = shape.rule->measure;
  v1::Evidence& added =
      evidence->add("part", part.part.observed, unit_of(shape),
                    fmt::format("{}: {} against the usual {}", subject_text(shape, *part.name),
                                amount_text(measure, part.part.observed),
                                amount_text(measure, part.part.expected)));
  for (std::size_t i = 0; i < part.name->values.size(); ++i) {
    const config::Dimension dimension = shape.series->group_by[part.name->per[i]];
    (*added.mutable_labels())[std::string(config::dimension_name(dimension))] =
        part.name->values[i];
  }
}

}  // namespace

v1::Evidence& EvidenceList::add(std::string_view name, double value, std::string_view unit,
                                std::string text) {
  v1::Evidence& added = *alert_.add_evidence();
  added.set_name(std::string(name));
  added.set_value(value);
  added.set_unit(std::string(unit));
  added.set_text(std::move(text));
  return added;
}

std::string_view unit_of(const RuleShape& shape) {
  const Measure measure = shape.rule->measure;
  return measure == Measure::kRevenueUsd ? "usd_micros"
                                         : config::measure_name(*shape.series, measure);
}

void add_ratio(const Finding& finding, EvidenceList* evidence) {
  const Figures& f = finding.figures;
  evidence->add("ratio", f.ratio, "ratio", fmt::format("{:.3f} times what was expected", f.ratio));
  evidence->add("growth_percent", growth_percent(f.ratio), "percent",
                fmt::format("{:+.1f} %, which is 100 × (ratio - 1)", growth_percent(f.ratio)));
  if (finding.rule.rule->measure == Measure::kRevenueUsd) {
    evidence->add("interval", 0, "none", "no interval: totals only");
  }
}

void add_whole(const Figures& f, EvidenceList* evidence) {
  if (f.whole_ratio <= 0) return;
  evidence->add("total_ratio", f.whole_ratio, "ratio", "observed / expected of the whole series");
  evidence->add("excess_over_total", f.excess, "ratio", "the subject's ratio over the whole's");
}

void add_tier(const Finding& finding, const Revision& revision, EvidenceList* evidence) {
  const Figures& f = finding.figures;
  if (!f.tested) return;
  const bool page = revision.tier == Tier::kPage;
  evidence->add("tier", page ? 1 : 0, "tier",
                page ? "page: it stands against all that were tested with it"
                     : "ticket: one severity lower, since among so many tests it may be chance");
  evidence->add(
      "tests", f.tests, "count",
      fmt::format("{} subjects were tested in this window, {} of them page", f.tests, f.pages));
}

void add_evidence(const Finding& finding, const Revision& revision, const Composition& composition,
                  const std::vector<NamedPart>& parts, v1::Alert* alert) {
  if (!finding.figures.conclusive()) return;
  const RuleShape& shape = finding.rule;
  const Measure measure = shape.rule->measure;
  const double amount = window_amount(shape, finding.figures);
  EvidenceList evidence(alert);
  evidence.add(
      "window_total", amount, unit_of(shape),
      fmt::format("{} {}", amount_text(measure, amount), window_text(shape, finding.window)));
  shape.type->add_evidence(finding, revision, &evidence);
  if (shape.learns && !composition.keys.empty()) {
    add_concentration(composition.keys.front(), amount, &evidence);
  }
  if (composition.largest_document && shape.type->traits.names_largest_document) {
    add_largest_document(measure, *composition.largest_document, amount, &evidence);
  }
  for (const NamedPart& part : parts) {
    if (part.name != &finding.subject) add_part(shape, part, &evidence);
  }
  if (composition.orders_in_all > composition.orders.size()) {
    evidence.add("orders_in_all", static_cast<double>(composition.orders_in_all), "findings",
                 fmt::format("{} findings in orders, of which the {} largest are named",
                             composition.orders_in_all, composition.orders.size()));
  }
}

}  // namespace surgewatch::detect

#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "detect/alert_text.h"
#include "detect/words.h"

namespace surgewatch::detect {
namespace {

using config::RuleType;

std::string_view unit_of(Measure measure) {
  return measure == Measure::kRevenueUsd ? "usd_micros" : measure_name(measure);
}

void add(v1::Alert* alert, std::string_view name, double value, std::string_view unit,
         std::string text = "") {
  v1::Evidence* evidence = alert->add_evidence();
  evidence->set_name(std::string(name));
  evidence->set_value(value);
  evidence->set_unit(std::string(unit));
  evidence->set_text(std::move(text));
}

void add_whole(const Figures& f, v1::Alert* alert) {
  if (f.whole_ratio <= 0) return;
  add(alert, "total_ratio", f.whole_ratio, "ratio", "observed / expected of the whole series");
  add(alert, "excess_over_total", f.excess, "ratio", "the subject's ratio over the whole's");
}

void add_ratio(const RuleShape& shape, const Figures& f, v1::Alert* alert) {
  add(alert, "ratio", f.ratio, "ratio", fmt::format("{:.3f} times what was expected", f.ratio));
  add(alert, "growth_percent", growth_percent(f.ratio), "percent",
      fmt::format("{:+.1f} %, which is 100 × (ratio - 1)", growth_percent(f.ratio)));
  if (shape.rule->measure == Measure::kRevenueUsd) {
    add(alert, "interval", 0, "none", "no interval: totals only");
  }
}

void label(const RuleShape& shape, const SubjectName& name, v1::Alert* alert) {
  auto* labels = alert->mutable_evidence(alert->evidence_size() - 1)->mutable_labels();
  for (std::size_t i = 0; i < name.values.size(); ++i) {
    const config::Dimension dimension = shape.series->group_by[name.per[i]];
    (*labels)[std::string(config::dimension_name(dimension))] = name.values[i];
  }
}

void add_tier(const Revision& revision, v1::Alert* alert) {
  const Figures& f = revision.figures;
  if (!f.tested) return;
  const bool page = revision.tier == Tier::kPage;
  add(alert, "tier", page ? 1 : 0, "tier",
      page ? "page: it stands against all that were tested with it"
           : "ticket: one severity lower, since among so many tests it may be chance");
  add(alert, "tests", f.tests, "count",
      fmt::format("{} subjects were tested in this window, {} of them page", f.tests, f.pages));
}

void add_ramp(const RuleShape& shape, const Revision& revision, v1::Alert* alert) {
  const Figures& f = revision.figures;
  const Measure measure = shape.rule->measure;
  if (shape.rule->learning->method == config::Method::kSurge) return;
  add(alert, "ramp_evidence", f.evidence, "log_likelihood_ratio",
      fmt::format("for {} times the usual; fires at {}", shape.rule->learning->kappa,
                  shape.rule->learning->h));
  if (f.evidence_windows <= 0) return;
  const PaneIndex start = revision.reported - f.evidence_windows * shape.window;
  add(alert, "ramp_start", static_cast<double>(shape.end_of(start)) / 1e6, "unix_seconds",
      fmt::format("the rise began on {}", format_date(shape.end_of(start))));
  add(alert, "ramp_excess", f.evidence_excess, unit_of(measure),
      fmt::format("{} more than usual since then", amount_text(measure, f.evidence_excess)));
}

void add_baseline(const RuleShape& shape, const Revision& revision, v1::Alert* alert) {
  const Figures& f = revision.figures;
  const Measure measure = shape.rule->measure;
  const config::Learning& learning = *shape.rule->learning;
  add(alert, "baseline", f.expected, unit_of(measure),
      fmt::format("{} a window, learned from all but the last {} windows",
                  amount_text(measure, f.expected), learning.guard));
  if (learning.method != config::Method::kRamp) {
    add(alert, "p_value", f.p, "probability",
        fmt::format("of so much or more by chance; unusual from {} down", learning.alpha));
  }
  add(alert, "dispersion", f.dispersion, "ratio",
      "variance / mean of the counts around the baseline");
  if (shape.in_documents) {
    add(alert, "typical_document", f.unit, unit_of(measure),
        fmt::format("{}: sums are judged as so many documents of this size",
                    amount_text(measure, f.unit)));
  }
  add_ramp(shape, revision, alert);
  if (revision.proposed.has_value()) {
    add(alert, kNewNormal, static_cast<double>(shape.end_of(*revision.proposed)) / 1e6,
        "unix_seconds",
        fmt::format(
            "firing since {}; to make it the new normal write under `accepted` of the rule: "
            "from: {}. After {} windows of firing the baseline takes them in by itself, at "
            "first with less weight",
            last_day_text(shape.end_of(revision.onset)),
            format_date(shape.window_begin(revision.onset) * shape.pane_length), learning.guard));
  }
}

void add_entity(const RuleShape& shape, const Figures& f, v1::Alert* alert) {
  const Measure measure = shape.rule->measure;
  add(alert, f.first_seen ? "first_seen" : "e_value", f.first_seen ? 1 : f.evidence,
      f.first_seen ? "flag" : "odds",
      f.first_seen ? "never seen before in this series"
                   : fmt::format("for a higher rate than its like have; fires at {:.0f}",
                                 1 / shape.rule->learning->alpha));
  add(alert, "expected_of_its_like", f.expected, unit_of(measure),
      fmt::format("{} a window", amount_text(measure, f.expected)));
  add(alert, "p_value", f.p, "probability", "of so much or more of its like");
  add(alert, "others_new", f.others_new, "count", "other subjects first seen in the same window");
}

// The largest key's share: a party's, if the series is by party.
void add_concentration(const Contributor& largest, double amount, v1::Alert* alert) {
  const double share = amount > 0 ? std::min(1.0, largest.amount / amount) : 0;
  std::string what;
  for (const auto& [dimension, value] : largest.labels) {
    what += fmt::format("{}{}={}", what.empty() ? "" : " ", dimension, printable_word(value));
  }
  add(alert, "concentration", share, "share",
      fmt::format("{} of the window is {}", percent(share), what));
}

void add_largest_document(const RuleShape& shape, const Largest& largest, double amount,
                          v1::Alert* alert) {
  if (amount <= 0 || largest.at_most() <= 0) return;
  const Measure measure = shape.rule->measure;
  const auto most = static_cast<double>(largest.at_most());
  if (largest.is_exact()) {
    add(alert, "largest_document", std::min(1.0, most / amount), "share",
        fmt::format("{}: {}", amount_text(measure, most), part_of_window(most, amount)));
  } else if (most < amount) {
    add(alert, "largest_document", 0, "none",
        fmt::format("at most {}; not known closer, since large documents were taken out",
                    part_of_window(most, amount)));
  } else {
    add(alert, "largest_document", 0, "none",
        largest.bound == INT64_MAX ? "not known: the aggregator did not keep it"
                                   : "not known, since large documents were taken out");
  }
}

}  // namespace

void add_evidence(const RuleShape& shape, const SubjectName& subject, const Revision& revision,
                  const Composition& composition, const std::vector<NamedPart>& parts,
                  v1::Alert* alert) {
  const Figures& f = revision.figures;
  if (!f.conclusive()) return;
  const Measure measure = shape.rule->measure;
  const std::string_view unit = unit_of(measure);
  const std::string window = window_text(shape, revision.reported);
  const double amount = window_amount(shape, f);
  add(alert, "window_total", amount, unit,
      fmt::format("{} {}", amount_text(measure, amount), window));
  switch (shape.rule->type) {
    case RuleType::kSurgeSince:
      add(alert, "reference_total", f.base_amount, unit,
          fmt::format("{} in {}", amount_text(measure, f.base_amount), base_text(shape)));
      add_ratio(shape, f, alert);
      add_whole(f, alert);
      break;
    case RuleType::kSurge:
    case RuleType::kRamp:
      add_baseline(shape, revision, alert);
      add_ratio(shape, f, alert);
      add_whole(f, alert);
      add_tier(revision, alert);
      break;
    case RuleType::kNewEntity:
      add_entity(shape, f, alert);
      add_tier(revision, alert);
      break;
    case RuleType::kShareShift:
      add(alert, "share_before", f.expected, "share",
          fmt::format("{} in {}", percent(f.expected), base_text(shape)));
      add(alert, "share_now", f.observed, "share", percent(f.observed));
      add(alert, "points", f.score, "points", "percentage points");
      add(alert, "base_total", f.base_amount, unit,
          fmt::format("{} in {}", amount_text(measure, f.base_amount), base_text(shape)));
      add(alert, "whole_before", f.whole_base, unit,
          fmt::format("{} in {}", amount_text(measure, f.whole_base), base_text(shape)));
      add(alert, "whole_now", f.whole_amount, unit,
          fmt::format("{} {}", amount_text(measure, f.whole_amount), window));
      if (shape.learns) {
        add(alert, "share_evidence", f.evidence, "log_likelihood_ratio",
            fmt::format("for odds {} times the usual; fires at {}",
                        shape.rule->learning->odds_ratio, shape.rule->learning->h));
        add_tier(revision, alert);
      }
      break;
    case RuleType::kDivergence:
      add(alert, "delivered", f.expected, unit,
          fmt::format("{} known to have been delivered there", amount_text(measure, f.expected)));
      add(alert, "unstated_destination", f.unstated, unit,
          fmt::format("{} states no destination", amount_text(measure, f.unstated)));
      add(alert, "divergence", f.score, "share",
          fmt::format("{} of what was billed was not delivered there", percent(f.score)));
      break;
  }
  const std::vector<Contributor>& contributors = composition.contributors;
  if (shape.learns && !contributors.empty()) add_concentration(contributors[0], amount, alert);
  if (composition.largest_document && shape.rule->type != RuleType::kDivergence) {
    add_largest_document(shape, *composition.largest_document, amount, alert);
  }
  for (const NamedPart& part : parts) {
    if (part.name == &subject) continue;
    add(alert, "part", part.part.observed, unit,
        fmt::format("{}: {} against the usual {}", subject_text(shape, *part.name),
                    amount_text(measure, part.part.observed),
                    amount_text(measure, part.part.expected)));
    label(shape, *part.name, alert);
  }
  for (const Contributor& contributor : contributors) {
    const double share = amount > 0 ? contributor.amount / amount : 0;
    add(alert, "contributor", contributor.amount, unit,
        fmt::format("{}, {} of the window", amount_text(measure, contributor.amount),
                    percent(share)));
    auto* labels = alert->mutable_evidence(alert->evidence_size() - 1)->mutable_labels();
    for (const auto& [dimension, value] : contributor.labels) {
      (*labels)[std::string(dimension)] = value;
    }
  }
}

}  // namespace surgewatch::detect

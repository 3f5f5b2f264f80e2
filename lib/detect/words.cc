#include "detect/words.h"

#include <fmt/format.h>

#include <cmath>

#include "base/printable.h"

namespace surgewatch::detect {
namespace {

using config::Dimension;
using config::RuleType;

constexpr double kMicrosPerDollar = 1e6;
constexpr double kDollarsPerMillion = 1e6;

// With a comma between thousands; locales have no say.
std::string grouped(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  const std::size_t begin = text.front() == '-' ? 1 : 0;
  std::size_t end = text.find('.');
  if (end == std::string::npos) end = text.size();
  for (std::size_t i = end; i > begin + 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

std::string_view noun(Measure measure) {
  switch (measure) {
    case Measure::kRevenueUsd:
      return "Revenue";
    case Measure::kUnits:
      return "The number of units";
    case Measure::kChips:
      return "The number of chips";
    case Measure::kDocuments:
      return "The number of documents";
    case Measure::kTpp:
      return "The processing performance (TPP)";
  }
  return "";
}

std::string_view preposition(Dimension dimension) {
  switch (dimension) {
    case Dimension::kSeller:
      return "sold from";
    case Dimension::kBillTo:
      return "billed to";
    case Dimension::kShipTo:
      return "shipped to";
    case Dimension::kEndUser:
      return "for end users in";
    case Dimension::kShipFrom:
      return "shipped from";
    case Dimension::kFreightForwarder:
      return "forwarded by way of";
    case Dimension::kSellerId:
      return "sold by party";
    case Dimension::kBillToId:
      return "billed to party";
    case Dimension::kShipToId:
      return "shipped to party";
    case Dimension::kEndUserId:
      return "for end user";
    case Dimension::kShipFromId:
      return "shipped from party";
    case Dimension::kFreightForwarderId:
      return "forwarded by party";
    case Dimension::kFamily:
      return "of family";
    case Dimension::kSku:
      return "of SKU";
    case Dimension::kControlClass:
      return "of control class";
  }
  return "";
}

std::string span_text(Micros span) {
  return span % kMicrosPerDay == 0 ? fmt::format("{} days", span / kMicrosPerDay)
                                   : format_duration(span);
}

}  // namespace

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

double growth_percent(double ratio) { return 100 * (ratio - 1); }

std::string amount_text(Measure measure, double amount) {
  if (measure != Measure::kRevenueUsd) return grouped(amount, 0);
  const double dollars = amount / kMicrosPerDollar;
  if (std::abs(dollars) < kDollarsPerMillion) return grouped(dollars, 2) + " USD";
  return grouped(dollars / kDollarsPerMillion, 1) + " million USD";
}

std::string subject_text(const RuleShape& shape, const SubjectName& subject) {
  std::string text;
  for (std::size_t i = 0; i < subject.values.size(); ++i) {
    const Dimension dimension = shape.series->group_by[subject.per[i]];
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", preposition(dimension),
                        printable_word(subject.values[i]));
  }
  return text.empty() ? "in all" : text;
}

// "2024-10-27" for the last day of whole days, the first instant after the period otherwise.
std::string last_day_text(Micros end) {
  return end % kMicrosPerDay == 0 ? format_date(end - 1) : format_time(end);
}

std::string window_text(const RuleShape& shape, PaneIndex pane) {
  const Micros span = shape.window * shape.pane_length;
  const Micros end = shape.end_of(pane);
  if (span == kMicrosPerDay && end % kMicrosPerDay == 0) return "on " + last_day_text(end);
  return fmt::format("in the {} to {}", span_text(span), last_day_text(end));
}

std::string base_text(const RuleShape& shape) {
  if (shape.learns) return "the baseline";
  return fmt::format("the reference period {} to {}",
                     format_date(shape.reference_begin * shape.pane_length),
                     last_day_text(shape.reference_end * shape.pane_length));
}

double window_amount(const RuleShape& shape, const Figures& figures) {
  return shape.rule->type == RuleType::kShareShift ? figures.amount : figures.observed;
}

std::string part_of_window(double part, double amount) {
  if (part > amount) return "more than the window, which credit notes or returns have reduced";
  return percent(part / amount) + " of the window";
}

namespace {

std::string whole_text(const Figures& figures) {
  if (figures.whole_ratio <= 0) return "";
  return fmt::format("; the whole grew {:.3f} times, so the excess is {:.3f}", figures.whole_ratio,
                     figures.excess);
}

std::string surge_since_text(const RuleShape& shape, const Figures& f) {
  const bool same_length = shape.window == shape.reference_end - shape.reference_begin;
  const std::string expected =
      same_length
          ? fmt::format("{} of {}", amount_text(shape.rule->measure, f.expected), base_text(shape))
          : fmt::format("{} that {} gives for this length",
                        amount_text(shape.rule->measure, f.expected), base_text(shape));
  return fmt::format("{:.3f} times the {} (growth {:+.1f} %){}", f.ratio, expected,
                     growth_percent(f.ratio), whole_text(f));
}

std::string chance_text(double p) {
  return p < 1e-4 ? fmt::format("{:.1e}", p) : fmt::format("{:.4f}", p);
}

std::string surge_text(const RuleShape& shape, const Figures& f) {
  std::string text =
      fmt::format("{:.3f} times the usual {} (growth {:+.1f} %)", f.ratio,
                  amount_text(shape.rule->measure, f.expected), growth_percent(f.ratio));
  if (shape.rule->type == RuleType::kSurge && f.p <= shape.rule->learning->alpha) {
    text +=
        fmt::format(", so much or more comes by chance with a probability of {}", chance_text(f.p));
  }
  if (shape.rule->learning->method != config::Method::kSurge && f.reaches) {
    text += fmt::format(", and {} more than usual in the {} windows of the rise",
                        amount_text(shape.rule->measure, f.evidence_excess), f.evidence_windows);
  }
  return text + whole_text(f);
}

std::string entity_text(const Figures& f) {
  if (!f.first_seen) {
    return fmt::format(
        "{:.1f} times what its like give; the evidence for a higher rate is {:.0f} "
        "to 1",
        f.ratio, f.evidence);
  }
  std::string text = fmt::format(
      "seen for the first time; so much or more of its like has a "
      "probability of {}",
      chance_text(f.p));
  if (f.others_new > 0) text += fmt::format("; {} others were new with it", f.others_new);
  return text;
}

// The facts, without a full stop.
std::string facts(const RuleShape& shape, const SubjectName& subject, const Revision& revision) {
  const Figures& f = revision.figures;
  const Measure measure = shape.rule->measure;
  const std::string what = fmt::format("{} {}", noun(measure), subject_text(shape, subject));
  const std::string window = fmt::format("{}{}", revision.timing == Timing::kEarly ? "so far " : "",
                                         window_text(shape, revision.reported));
  switch (shape.rule->type) {
    case RuleType::kSurgeSince:
      return fmt::format("{} was {} {}, {}", what, amount_text(measure, f.observed), window,
                         surge_since_text(shape, f));
    case RuleType::kSurge:
    case RuleType::kRamp:
      return fmt::format("{} was {} {}, {}", what, amount_text(measure, f.observed), window,
                         surge_text(shape, f));
    case RuleType::kNewEntity:
      return fmt::format("{} was {} {}, {}", what, amount_text(measure, f.observed), window,
                         entity_text(f));
    case RuleType::kShareShift:
      return fmt::format(
          "{} was {} of the whole {}, against {} in {}: {:+.1f} percentage points, {:.3f} times. "
          "At stake: {}. The whole was {}, against {} {} {}",
          what, percent(f.observed), window, percent(f.expected), base_text(shape), f.score,
          f.ratio, amount_text(measure, f.amount), amount_text(measure, f.whole_amount),
          amount_text(measure, f.whole_base), shape.learns ? "a window of" : "in",
          base_text(shape));
    case RuleType::kDivergence:
      return fmt::format("{} was {} {}; {} of it is known to have been delivered there: {} was not",
                         what, amount_text(measure, f.observed), window,
                         amount_text(measure, f.expected), percent(f.score));
  }
  return "";
}

std::string_view inquiry(RuleType type) {
  switch (type) {
    case RuleType::kSurgeSince:
    case RuleType::kSurge:
    case RuleType::kRamp:
      return "Inquire: who ordered, who will use the goods, and where they were shipped.";
    case RuleType::kShareShift:
      return "Inquire: what moved the share, the subject or the rest, and who ordered.";
    case RuleType::kNewEntity:
      return "Inquire: who this is, who sold, and where the goods were shipped.";
    case RuleType::kDivergence:
      return "Shared invoicing is a usual reason. Inquire: where the goods went and who uses them.";
  }
  return "";
}

// A sentence, where it is known.
std::string largest_text(const RuleShape& shape, const Figures& f, const Composition& composition) {
  const std::optional<Largest>& largest = composition.largest_document;
  const double amount = window_amount(shape, f);
  const bool says = largest.has_value() && largest->is_exact() && largest->known > 0 && amount > 0;
  if (!says || shape.rule->type == RuleType::kDivergence) return "";
  return fmt::format("The largest document is {}. ",
                     part_of_window(static_cast<double>(largest->known), amount));
}

}  // namespace

std::string explanation(const RuleShape& shape, const SubjectName& subject,
                        const Revision& revision, const Composition& composition) {
  if (revision.withdrawn && !revision.figures.conclusive()) {
    return fmt::format(
        "Withdrawn: with late or corrected data there is no answer for the window that ends with "
        "{} ({}).",
        last_day_text(shape.end_of(revision.reported)), describe(revision.figures.missing));
  }
  if (revision.withdrawn) {
    const bool earlier = revision.figures.verdict == Verdict::kFires;
    return fmt::format("Withdrawn: {}. {}",
                       earlier ? "with late or corrected data the line was crossed in an earlier "
                                 "window already; that is an alert of its own"
                               : "the corrected figures no longer reach the line",
                       facts(shape, subject, revision) + ".");
  }
  if (!revision.firing) {
    const std::string now =
        revision.figures.conclusive()
            ? facts(shape, subject, revision) + "."
            : fmt::format("{} {}: nothing to compare.", noun(shape.rule->measure),
                          subject_text(shape, subject));
    const bool learned =
        shape.learns && revision.peak.has_value() &&
        revision.reported - revision.onset >= shape.window * shape.rule->learning->guard;
    return fmt::format(
        "Over: below the line for {} windows in a row{}. {}", shape.rule->clear_after,
        learned ? ", against a baseline that has taken in windows of the alert" : "", now);
  }
  const std::string proposal =
      revision.proposed.has_value()
          ? fmt::format("It has been firing for {} windows: if this is the new normal, accept it. ",
                        (*revision.proposed - revision.onset) / shape.window + 1)
          : "";
  return fmt::format("{}. {}{}{}", facts(shape, subject, revision),
                     largest_text(shape, revision.figures, composition), proposal,
                     inquiry(shape.rule->type));
}

}  // namespace surgewatch::detect

#include "detect/say/phrases.h"

#include <fmt/format.h>

#include <cmath>

#include "base/numbers.h"
#include "base/printable.h"
#include "detect/rules/rule_type.h"

namespace surgewatch::detect {
namespace {

using config::Dimension;

constexpr double kMicrosPerDollar = 1e6;
constexpr double kDollarsPerMillion = 1e6;

std::string grouped(double value, int decimals) {
  return with_commas(fmt::format("{:.{}f}", value, decimals));
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
    case Dimension::kPayer:
      return "paid from";
    case Dimension::kShipFrom:
      return "shipped from";
    case Dimension::kIntermediateConsignee:
      return "by way of a consignee in";
    case Dimension::kFreightForwarder:
      return "forwarded by way of";
    case Dimension::kDeclared:
      return "declared for";
    case Dimension::kDestination:
      return "sent to";
    case Dimension::kRegion:
      return "about region";
    case Dimension::kFrom:
      return "about the lane from";
    case Dimension::kTo:
      return "to";
    case Dimension::kParty:
      return "about party";
    case Dimension::kSellerId:
      return "sold by party";
    case Dimension::kBillToId:
      return "billed to party";
    case Dimension::kShipToId:
      return "shipped to party";
    case Dimension::kEndUserId:
      return "for end user";
    case Dimension::kPayerId:
      return "paid by party";
    case Dimension::kShipFromId:
      return "shipped from party";
    case Dimension::kIntermediateConsigneeId:
      return "by way of consignee";
    case Dimension::kFreightForwarderId:
      return "forwarded by party";
    case Dimension::kFamily:
      return "of family";
    case Dimension::kSku:
      return "of SKU";
    case Dimension::kControlClass:
      return "of control class";
    case Dimension::kFoundBy:
      return "found by rule";
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

std::string chance_text(double p) {
  return p < 1e-4 ? fmt::format("{:.1e}", p) : fmt::format("{:.4f}", p);
}

std::string_view noun(const RuleShape& shape) {
  switch (shape.rule->measure) {
    case Measure::kRevenueUsd:
      return "Revenue";
    case Measure::kUnits:
      return "The number of units";
    case Measure::kChips:
      return "The number of chips";
    case Measure::kDocuments:
      if (shape.series->event == Topic::kOrders) return "The number of orders";
      if (shape.series->event == Topic::kRules) return "Findings";
      return "The number of documents";
    case Measure::kTpp:
      return "The processing performance (TPP)";
  }
  return "";
}

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
  const RuleTraits& traits = shape.type->traits;
  return traits.shares || traits.figures_apart ? figures.amount : figures.observed;
}

std::string part_of_window(double part, double amount) {
  if (part > amount) return "more than the window, which credit notes or returns have reduced";
  return percent(part / amount) + " of the window";
}

std::string what_text(const Finding& finding) {
  return fmt::format("{} {}", noun(finding.rule), subject_text(finding.rule, finding.subject));
}

std::string when_text(const Finding& finding, bool is_open) {
  return fmt::format("{}{}", is_open ? "so far " : "", window_text(finding.rule, finding.window));
}

std::string amount_in_window_text(const Finding& finding, bool is_open) {
  return fmt::format("{} was {} {}", what_text(finding),
                     amount_text(finding.rule.rule->measure, finding.figures.observed),
                     when_text(finding, is_open));
}

std::string whole_text(const Figures& figures) {
  if (figures.whole_ratio <= 0) return "";
  return fmt::format("; the whole grew {:.3f} times, so the excess is {:.3f}", figures.whole_ratio,
                     figures.excess);
}

}  // namespace surgewatch::detect

// What reaches a country by way of third countries against what comes straight.
//
//   of all that reaches D, by the country it came from last:
//     direct   = Σ from `origins`             via = Σ from anywhere else but D itself
//     unstated = Σ of what states no country
//   observed = via        expected = max(direct + unstated, floor)
//   ratio = observed / expected = score
//
// What states no country may have come straight or not. It is counted as direct: so the ratio is
// the least that it can be. Where it does not reach the line, and would if all that is unstated had
// come by way of others, there is no answer. What a country sends to itself is neither. The floor
// stands for a direct flow that an embargo has dried up, and is what must have come by way of
// others.
#include "detect/rules/intermediary/intermediary.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "detect/rules/flow_parameters.h"
#include "detect/say/evidence.h"
#include "detect/say/phrases.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

constexpr std::string_view kNotStated = "ZZ";
// Beyond its keys_per_series an aggregator counts under this: which country it was is not known.
constexpr std::string_view kOther = "other";
constexpr std::size_t kMaxRoutes = 5;

config::RuleSpec declared() {
  using config::Assumptions;
  return {
      .name = "intermediary",
      .says = "more by way of third countries than straight",
      .against = "what comes straight from where it is made",
      .wire = v1::RULE_TYPE_INTERMEDIARY,
      .address = 32,
      .parameters =
          {{"through", "", "the dimension that says from which country it came", "ship_from",
            config::Structure{"a country dimension of the series' group_by, not that of `per`"}},
           {"origins", "countries", "from which it comes straight", "[TW, US]",
            config::Structure{"countries of ISO 3166-1 alpha-2, at most 64"}},
           parameters::floor("what must have come by way of others, and what the direct flow "
                             "counts as at the least")},
      .figures = {{"ratio", "by way of third countries / straight", 1}},
      .needs_figure = false,
      .per_because = "intermediary looks at what reaches a country: [ship_to]",
      .assumes = Assumptions{},
      .window = "91d",
      .parts_parameter = "through",
      .parts_fallback = "ship_from",
      .by_country = true};
}

enum class Way : std::uint8_t { kDirect, kVia, kDomestic, kUnstated };

Way way_of(const config::Rule& rule, std::string_view from, std::string_view to) {
  if (from.empty() || from == kNotStated || from == kOther) return Way::kUnstated;
  if (from == to) return Way::kDomestic;
  return std::ranges::binary_search(rule.origins, from) ? Way::kDirect : Way::kVia;
}

class Intermediary : public RuleType {
 public:
  Intermediary()
      : RuleType(declared(), {.against = "what came straight, or the floor",
                              .comparison = Comparison::kRatio,
                              .names_largest_document = false,
                              .figures_apart = true}) {}

  Figures evaluate(const RuleShape& shape, const Operands& subject, const Figures&, PaneIndex pane,
                   PaneIndex first_pane) const override {
    const config::Rule& rule = *shape.rule;
    const PaneIndex begin = shape.window_begin(pane);
    Int128 all = 0, direct = 0, via = 0, unstated = 0;
    subject.for_each_part(begin, pane, [&](std::string_view from, Int128 sum) {
      all += sum;
      switch (way_of(rule, from, subject.country())) {
        case Way::kDirect:
          direct += sum;
          break;
        case Way::kVia:
          via += sum;
          break;
        case Way::kUnstated:
          unstated += sum;
          break;
        case Way::kDomestic:
          break;
      }
    });
    Figures figures;
    figures.amount = static_cast<double>(all);
    figures.observed = static_cast<double>(via);
    figures.base_amount = static_cast<double>(direct);
    figures.unstated = static_cast<double>(unstated);
    if (direct == 0 && via == 0 && unstated == 0) {
      figures.verdict = Verdict::kNothing;
      return figures;
    }
    figures.verdict = Verdict::kInconclusive;
    const bool is_placeless =
        subject.country().empty() || subject.country() == kNotStated || subject.country() == kOther;
    if (is_placeless) {
      figures.missing = Missing::kDestination;
      return figures;
    }
    if (begin < first_pane) {
      figures.missing = Missing::kHistory;
      return figures;
    }
    if (direct == 0 && via == 0) {
      figures.missing = Missing::kOrigin;  // nothing states one
      return figures;
    }
    // Returns may outweigh what came; neither flow is less than nothing.
    const double straight = std::max(figures.base_amount, 0.0);
    const double doubtful = std::max(figures.unstated, 0.0);
    const double floor = rule.assumed->floor;
    figures.expected = std::max(straight + doubtful, floor);
    figures.ratio = figures.score = figures.rank = figures.observed / figures.expected;
    const auto judge_at = [&](double around, double ratio) {
      const Judged judged[] = {{ratio, rule.fire_at.ratio, rule.clear_at.ratio},
                               {around, floor, std::nullopt}};
      return judge(judged);
    };
    figures.verdict = judge_at(figures.observed, figures.ratio);
    const double most = figures.observed + doubtful;
    if (figures.verdict != Verdict::kFires &&
        judge_at(most, most / std::max(straight, floor)) == Verdict::kFires) {
      figures.verdict = Verdict::kInconclusive;
      figures.missing = Missing::kOrigin;
      return figures;
    }
    figures.upper_bound = std::max(rule.fire_at.ratio.value_or(0) * figures.expected, floor);
    return figures;
  }

  std::string facts(const Finding& finding, bool is_open) const override {
    const config::Rule& rule = *finding.rule.rule;
    const Figures& f = finding.figures;
    std::string text = fmt::format(
        "{} by way of third countries was {} {}, against {} straight from {}{}: {:.3f} times{}",
        what_text(finding), amount_text(rule.measure, f.observed), when_text(finding, is_open),
        amount_text(rule.measure, f.base_amount), fmt::join(rule.origins, " and "),
        f.unstated > 0 ? fmt::format(" and {} from countries not stated",
                                     amount_text(rule.measure, f.unstated))
                       : "",
        f.ratio, at_floor(finding) ? " the floor" : "");
    std::string routes;
    for (const WindowPart& route : routes_of(finding)) {
      routes += fmt::format("{}{} {}", routes.empty() ? "" : ", ", printable_word(route.value),
                            amount_text(rule.measure, route.amount));
    }
    if (!routes.empty()) text += fmt::format(". By way of {}", routes);
    return text;
  }
  std::string_view inquiry() const override {
    return "Inquire: who sends it on, why by that way, and whether the first leg's papers named "
           "the "
           "destination.";
  }
  void add_evidence(const Finding& finding, const Revision& revision,
                    EvidenceList* evidence) const override {
    const RuleShape& shape = finding.rule;
    const config::Rule& rule = *shape.rule;
    const Figures& f = finding.figures;
    const std::string_view unit = unit_of(finding.rule);
    const config::Dimension through = shape.series->group_by[*rule.parts];
    evidence->add(
        "via", f.observed, unit,
        fmt::format("{} by way of third countries", amount_text(rule.measure, f.observed)));
    evidence->add("direct", f.base_amount, unit,
                  fmt::format("{} straight from {}", amount_text(rule.measure, f.base_amount),
                              fmt::join(rule.origins, " and ")));
    evidence->add("unstated_origin", f.unstated, unit,
                  fmt::format("{} from countries not stated, counted as straight",
                              amount_text(rule.measure, f.unstated)));
    evidence->add("via_over_direct", f.ratio, "ratio",
                  at_floor(finding) ? fmt::format("over the floor, {}",
                                                  amount_text(rule.measure, rule.assumed->floor))
                                    : "over what came straight");
    evidence->add(
        "basis", 0, "none",
        fmt::format("{} as {} say it, the last leg alone", config::dimension_name(through),
                    shape.series->event == Topic::kShipments ? "despatch notices" : "invoices"));
    evidence->add("crossed", 0, "none",
                  fmt::format("the line was first reached with the window that ends with {}",
                              last_day_text(shape.end_of(revision.onset))));
    for (const WindowPart& route : routes_of(finding)) {
      const double part = f.observed > 0 ? route.amount / f.observed : 0;
      v1::Evidence& added =
          evidence->add("route", route.amount, unit,
                        fmt::format("{}, {} of what came by way of third countries",
                                    amount_text(rule.measure, route.amount), percent(part)));
      (*added.mutable_labels())[std::string(config::dimension_name(through))] =
          std::string(route.value);
    }
  }

 private:
  static bool at_floor(const Finding& finding) {
    return finding.figures.expected <= finding.rule.rule->assumed->floor;
  }
  // The largest first, at most kMaxRoutes.
  static std::vector<WindowPart> routes_of(const Finding& finding) {
    std::vector<WindowPart> routes;
    for (const WindowPart& part : finding.parts) {
      if (routes.size() == kMaxRoutes || part.amount <= 0) break;
      if (way_of(*finding.rule.rule, part.value, finding.subject.values[0]) == Way::kVia) {
        routes.push_back(part);
      }
    }
    return routes;
  }
};

}  // namespace

const RuleType& intermediary() {
  static const Intermediary type;
  return type;
}

}  // namespace surgewatch::detect

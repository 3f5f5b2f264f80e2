// Who shares a sum, and whether they have become fewer.
//
//   s_i = x_i / Σ x       of the parts that are above zero
//   observed = HHI = Σ (100 s_i)²        expected = the same, `changes_over` windows ago
//   score = change = observed - expected        ratio = observed / expected
//
// A part that credit notes or returns outweigh has no share: it is left out, and said. A window
// whose net is not above zero has no shares at all.
//
// Source: the Herfindahl–Hirschman index; U.S. Department of Justice and Federal Trade Commission,
// Merger Guidelines (2023), 2.1.
#include "detect/rules/concentration/concentration.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/numbers.h"
#include "base/printable.h"
#include "detect/rules/flow_parameters.h"
#include "detect/say/evidence.h"
#include "detect/say/phrases.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

constexpr statistics::Range<std::int64_t> kChangesOverRange{1, 100};
constexpr double kDefaultChange = 500;

config::RuleSpec declared() {
  using config::Assumptions;
  return {
      .name = "concentration",
      .says = "shared by fewer",
      .against = "how it was shared some windows ago",
      .wire = v1::RULE_TYPE_CONCENTRATION,
      .address = 30,
      .parameters = {{"parts", "", "the dimension whose values share the sum",
                      "bill_to, where the series has it",
                      config::Structure{"a dimension of the series' group_by, not of `per`"}},
                     {"changes_over", "windows", "how long ago the index is compared with", "4",
                      config::AssumedWholeNumber{kChangesOverRange, &Assumptions::changes_over}},
                     parameters::floor("what a window must hold to be spoken of")},
      .figures = {{"change", "by how much the index has risen", kDefaultChange},
                  {"hhi", "the index, Σ (100 × share)²"}},
      .needs_figure = false,
      .assumes = Assumptions{.changes_over = 4},
      .window = "91d",
      .parts_parameter = "parts",
      .parts_fallback = "bill_to"};
}

struct Index {
  Int128 net = 0;
  double hhi = 0;  // 0 where the net is not above zero
};

Index index_of(const Operands& subject, PaneIndex first, PaneIndex last) {
  Index index;
  Int128 positive = 0;
  subject.for_each_part(first, last, [&](std::string_view, Int128 sum) {
    index.net += sum;
    if (sum > 0) positive += sum;
  });
  if (index.net <= 0) return index;
  const auto total = static_cast<double>(positive);
  subject.for_each_part(first, last, [&](std::string_view, Int128 sum) {
    if (sum <= 0) return;
    const double share = 100 * (static_cast<double>(sum) / total);
    index.hhi += share * share;
  });
  return index;
}

// The shares of those above zero, as the parts come: the largest first.
struct Shares {
  explicit Shares(std::span<const WindowPart> parts) {
    for (const WindowPart& part : parts) {
      if (part.amount > 0) {
        total += part.amount;
        ++sharing;
      } else {
        ++negative;
      }
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(sharing, 2); ++i) {
      (i == 0 ? first : second) = parts[i].amount / total;
    }
  }
  double total = 0, first = 0, second = 0;
  std::size_t sharing = 0, negative = 0;
};

std::string index_text(double hhi) { return with_commas(fmt::format("{:.1f}", hhi)); }

std::string_view parts_name(const RuleShape& shape) {
  return config::dimension_name(shape.series->group_by[*shape.rule->parts]);
}

std::string ago_text(const RuleShape& shape) {
  const Micros ago = shape.rule->assumed->changes_over * shape.window * shape.pane_length;
  if (ago % kMicrosPerDay != 0) return format_duration(ago);
  const std::int64_t days = ago / kMicrosPerDay;
  return fmt::format("{} day{}", days, days == 1 ? "" : "s");
}

class Concentration : public RuleType {
 public:
  Concentration()
      : RuleType(declared(), {.unit = "index",
                              .against = "the index before",
                              .names_largest_document = false,
                              .figures_apart = true}) {}

  Figures evaluate(const RuleShape& shape, const Operands& subject, const Figures&, PaneIndex pane,
                   PaneIndex first_pane) const override {
    const PaneIndex begin = shape.window_begin(pane);
    const std::int64_t ago = shape.rule->assumed->changes_over * shape.window;
    const Index now = index_of(subject, begin, pane);
    Figures figures;
    figures.amount = static_cast<double>(now.net);
    figures.observed = now.hhi;
    figures.verdict = Verdict::kInconclusive;
    if (now.net <= 0) {
      figures.missing = Missing::kWhole;
      return figures;
    }
    if (begin - ago < first_pane) {
      figures.missing = Missing::kHistory;
      return figures;
    }
    const Index then = index_of(subject, begin - ago, pane - ago);
    if (then.net <= 0) {
      figures.missing = Missing::kEarlierWhole;
      return figures;
    }
    figures.base_amount = static_cast<double>(then.net);
    figures.expected = then.hhi;
    figures.ratio = figures.observed / figures.expected;
    figures.score = figures.observed - figures.expected;
    figures.rank = figures.observed;

    const config::Thresholds& fire = shape.rule->fire_at;
    const config::Thresholds& clear = shape.rule->clear_at;
    const Judged judged[] = {
        {figures.observed, fire.hhi, clear.hhi},
        {figures.score, fire.change, clear.change},
        {figures.amount, shape.rule->assumed->floor, std::nullopt},
    };
    figures.verdict = judge(judged);
    figures.upper_bound =
        std::max(fire.hhi.value_or(0), fire.change ? figures.expected + *fire.change : 0);
    return figures;
  }

  std::string facts(const Finding& finding, bool is_open) const override {
    const RuleShape& shape = finding.rule;
    const Figures& f = finding.figures;
    const Shares shares(finding.parts);
    std::string text = fmt::format(
        "{}: its concentration over {} (HHI) was {} {}, against {} in the window {} before: "
        "{:+.1f}",
        what_text(finding), parts_name(shape), index_text(f.observed), when_text(finding, is_open),
        index_text(f.expected), ago_text(shape), f.score);
    if (shares.sharing > 0) {
      text += fmt::format("; {} has {} of it", printable_word(finding.parts[0].value),
                          percent(shares.first));
    }
    if (shares.sharing > 1) {
      text += fmt::format(", the two largest {}", percent(shares.first + shares.second));
    }
    return text;
  }
  std::string_view inquiry() const override {
    return "Inquire: who gained, who left, and whether both are still who they were.";
  }
  void add_evidence(const Finding& finding, const Revision&,
                    EvidenceList* evidence) const override {
    const RuleShape& shape = finding.rule;
    const Figures& f = finding.figures;
    const Measure measure = shape.rule->measure;
    evidence->add("hhi", f.observed, "index", "Σ (100 × share)²; 10,000 is all in one hand");
    evidence->add("hhi_before", f.expected, "index", fmt::format("{} before", ago_text(shape)));
    evidence->add("hhi_change", f.score, "index", fmt::format("{:+.1f}", f.score));
    evidence->add("total_before", f.base_amount, unit_of(finding.rule),
                  fmt::format("{} in the window that ended {} before",
                              amount_text(measure, f.base_amount), ago_text(shape)));
    const Shares shares(finding.parts);
    if (shares.sharing == 0) return;  // its panes have been forgotten
    v1::Evidence& top = evidence->add("top_1", shares.first, "share",
                                      fmt::format("{}, the largest", percent(shares.first)));
    (*top.mutable_labels())[std::string(parts_name(shape))] = std::string(finding.parts[0].value);
    evidence->add("top_2", shares.first + shares.second, "share",
                  fmt::format("{}, the two largest", percent(shares.first + shares.second)));
    evidence->add("parts", static_cast<double>(shares.sharing), "count",
                  fmt::format("{} values of {} share it; one that stands for several (ZZ, other, "
                              "unknown) hides how they do",
                              shares.sharing, parts_name(shape)));
    if (shares.negative == 0) return;
    evidence->add("negative_parts", static_cast<double>(shares.negative), "count",
                  "credit notes or returns outweigh the rest there: left out");
  }
};

}  // namespace

const RuleType& concentration() {
  static const Concentration type;
  return type;
}

}  // namespace surgewatch::detect

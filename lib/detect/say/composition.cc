#include "detect/say/composition.h"

#include <algorithm>
#include <vector>

#include "detect/operands.h"

namespace surgewatch::detect {
namespace {

std::vector<Contributor> contributors(const RuleShape& shape, const journal::Merger& merger,
                                      const SubjectName& subject,
                                      std::span<const journal::KeyId> keys, PaneIndex pane) {
  struct Amount {
    Int128 amount = 0;
    journal::KeyId key = 0;
  };
  const std::vector<config::Dimension>& dimensions = shape.series->group_by;
  std::vector<std::size_t> rest;
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    const auto& per = subject.per;
    if (std::find(per.begin(), per.end(), i) == per.end()) rest.push_back(i);
  }
  if (rest.empty()) return {};

  std::vector<Amount> parts;
  for (const journal::KeyId key : keys) {
    Amount part{.key = key};
    merger.visit(shape.rule->series, key, shape.window_begin(pane), pane,
                 [&](const journal::PaneLog::Entry& entry) {
                   part.amount += entry.values[shape.rule->measure];
                 });
    if (part.amount > 0) parts.push_back(part);
  }
  std::sort(parts.begin(), parts.end(), [&](const Amount& a, const Amount& b) {
    if (a.amount != b.amount) return a.amount > b.amount;
    return merger.key(shape.rule->series, a.key) < merger.key(shape.rule->series, b.key);
  });
  if (parts.size() > kMaxContributors) parts.resize(kMaxContributors);

  std::vector<Contributor> result;
  for (const Amount& part : parts) {
    Contributor contributor{.labels = {}, .amount = static_cast<double>(part.amount)};
    for (const std::size_t i : rest) {
      contributor.labels.emplace_back(config::dimension_name(dimensions[i]),
                                      merger.key(shape.rule->series, part.key)[i]);
    }
    result.push_back(std::move(contributor));
  }
  return result;
}

std::optional<Largest> largest_document(const RuleShape& shape, const journal::Merger& merger,
                                        std::span<const journal::KeyId> keys, PaneIndex pane) {
  if (shape.series->largest_document != shape.rule->measure) return std::nullopt;
  Largest largest;
  for (const journal::KeyId key : keys) {
    largest.merge(merger.largest(shape.rule->series, key, shape.window_begin(pane), pane));
  }
  return largest;
}

// Of those that the rule counts for the subject.
void add_orders(const RuleShape& shape, const journal::Merger& merger, const SubjectName& subject,
                PaneIndex pane, Composition* composition) {
  if (shape.series->event != Topic::kOrders) return;
  const auto amount = [&](const journal::OrderFinding& finding) {
    switch (shape.rule->measure) {
      case Measure::kUnits:
        return static_cast<double>(finding.units);
      case Measure::kChips:
        return static_cast<double>(finding.chips);
      default:
        return 1.0;
    }
  };
  const auto is_counted = [&](const journal::OrderFinding& finding) {
    for (const config::Rule::Filter& filter : shape.rule->where) {
      if (!filter.condition.admits(finding.key[filter.position])) return false;
    }
    for (std::size_t i = 0; i < subject.per.size(); ++i) {
      if (finding.key[subject.per[i]] != subject.values[i]) return false;
    }
    return true;
  };
  std::vector<NamedOrder>& orders = composition->orders;
  const auto is_larger = [](const NamedOrder& a, const NamedOrder& b) {
    if (a.amount != b.amount) return a.amount > b.amount;
    if (a.finding.chips != b.finding.chips) return a.finding.chips > b.finding.chips;
    return a.finding < b.finding;
  };
  merger.visit_findings(
      shape.rule->series, shape.window_begin(pane), pane, [&](const journal::OrderFinding& found) {
        if (!is_counted(found)) return;
        ++composition->orders_in_all;
        NamedOrder order{.finding = found, .amount = amount(found)};
        orders.insert(std::upper_bound(orders.begin(), orders.end(), order, is_larger), order);
        if (orders.size() > kMaxOrdersNamed) orders.pop_back();
      });
}

}  // namespace

std::vector<WindowPart> parts_of(const Operands& operands, PaneIndex first, PaneIndex last) {
  std::vector<std::pair<Int128, std::string_view>> sums;
  operands.for_each_part(
      first, last, [&](std::string_view value, Int128 sum) { sums.emplace_back(sum, value); });
  std::ranges::stable_sort(sums, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<WindowPart> parts;
  parts.reserve(sums.size());
  for (const auto& [sum, value] : sums) parts.push_back({value, static_cast<double>(sum)});
  return parts;
}

Composition composition(const RuleShape& shape, const journal::Merger& merger,
                        const SubjectName& subject, std::span<const journal::KeyId> keys,
                        PaneIndex pane) {
  Composition composition;
  if (shape.series->event == Topic::kRules) return composition;  // its parts say it all
  composition.contributors = contributors(shape, merger, subject, keys, pane);
  composition.largest_document = largest_document(shape, merger, keys, pane);
  add_orders(shape, merger, subject, pane, &composition);
  return composition;
}

}  // namespace surgewatch::detect

#include "detect/say/composition.h"

#include <algorithm>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "detect/operands.h"

namespace surgewatch::detect {
namespace {

struct Amount {
  Int128 amount = 0;
  journal::KeyId key = 0;
};

Share share_of(const RuleShape& shape, const journal::Merger& merger, const Amount& part,
               const std::vector<std::size_t>& positions) {
  const std::vector<std::string> values = merger.key(shape.rule->series, part.key);
  Share share{.labels = {}, .amount = static_cast<double>(part.amount)};
  for (const std::size_t i : positions) {
    share.labels.emplace_back(config::dimension_name(shape.series->group_by[i]), values[i]);
  }
  return share;
}

// The largest of the values of one dimension. Keys that subtract count, too.
void add_values(const RuleShape& shape, const journal::Merger& merger,
                const std::vector<Amount>& parts, std::size_t position,
                std::vector<Share>* shares) {
  absl::flat_hash_map<std::string_view, Int128> amounts;
  for (const Amount& part : parts) {
    amounts[merger.key_value(shape.rule->series, part.key, position)] += part.amount;
  }
  std::vector<std::pair<Int128, std::string_view>> largest;
  for (const auto& [value, amount] : amounts) {
    if (amount > 0 && !value.empty()) largest.emplace_back(amount, value);
  }
  const auto middle =
      largest.begin() + static_cast<std::ptrdiff_t>(std::min(kMaxValuesNamed, largest.size()));
  std::partial_sort(largest.begin(), middle, largest.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  const std::string_view dimension = config::dimension_name(shape.series->group_by[position]);
  for (auto one = largest.begin(); one != middle; ++one) {
    shares->push_back({.labels = {{dimension, std::string(one->second)}},
                       .amount = static_cast<double>(one->first)});
  }
}

void add_shares(const RuleShape& shape, const journal::Merger& merger, const SubjectName& subject,
                std::span<const journal::KeyId> keys, PaneIndex pane, Composition* composition) {
  std::vector<std::size_t> rest;
  for (std::size_t i = 0; i < shape.series->group_by.size(); ++i) {
    const auto& per = subject.per;
    if (std::find(per.begin(), per.end(), i) == per.end()) rest.push_back(i);
  }
  if (rest.empty()) return;

  std::vector<Amount> parts;
  for (const journal::KeyId key : keys) {
    Amount part{.key = key};
    merger.visit(shape.rule->series, key, shape.window_begin(pane), pane,
                 [&](const journal::PaneLog::Entry& entry) {
                   part.amount += entry.values[shape.rule->measure];
                 });
    if (part.amount != 0) parts.push_back(part);
  }
  if (rest.size() > 1) {
    for (const std::size_t position : rest) {
      add_values(shape, merger, parts, position, &composition->values);
    }
  }
  std::erase_if(parts, [](const Amount& part) { return part.amount < 0; });
  std::sort(parts.begin(), parts.end(), [&](const Amount& a, const Amount& b) {
    if (a.amount != b.amount) return a.amount > b.amount;
    return merger.key(shape.rule->series, a.key) < merger.key(shape.rule->series, b.key);
  });
  if (parts.size() > kMaxKeysNamed) parts.resize(kMaxKeysNamed);
  for (const Amount& part : parts) {
    composition->keys.push_back(share_of(shape, merger, part, rest));
  }
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
  add_shares(shape, merger, subject, keys, pane, &composition);
  composition.largest_document = largest_document(shape, merger, keys, pane);
  add_orders(shape, merger, subject, pane, &composition);
  return composition;
}

}  // namespace surgewatch::detect

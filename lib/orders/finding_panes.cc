#include "orders/finding_panes.h"

#include <string_view>
#include <utility>

namespace surgewatch::orders {
namespace {

constexpr std::string_view kOther = "other";

std::string country_text(CountryCode code) {
  return code == kNoCountry ? "ZZ" : observe::ReferenceIndex::country_name(code);
}

}  // namespace

std::vector<std::string> key_of(const FindingKey& key, const Part& part,
                                const observe::ReferenceIndex& index) {
  const observe::Product& product = index.product(part.product);
  return {country_text(key.bill_to),
          country_text(key.declared),
          country_text(key.destination),
          std::string(product.family),
          std::string(key.sku),
          std::string(product.control_class),
          std::string(part.bill_to_party),
          std::string(part.ship_to_party)};
}

FindingPanes::FindingPanes(const config::Config& config, const observe::ReferenceIndex& index)
    : config_(config), index_(index), keys_by_series_(config.series.size(), 0) {
  for (const config::Rule& rule : config.rules) series_by_rule_.push_back(rule.series);
}

// Each part with its key and what it adds.
template <typename Visitor>
void FindingPanes::visit(const Finding& finding, Visitor&& visitor) {
  const std::size_t series = series_by_rule_[finding.rule];
  const Micros length = config_.series[series].pane_length;
  bool is_first = true;
  for (const Part& part : finding.parts) {
    MeasureValues values;
    values[Measure::kDocuments] = std::exchange(is_first, false) ? 1 : 0;
    values[Measure::kUnits] = part.units;
    values[Measure::kChips] = part.chips;
    visitor(Key{series, key_of(finding.key, part, index_)}, pane_of(part.time, length), values);
  }
}

void FindingPanes::move(std::span<const Finding> findings, int sign) {
  const auto limit = static_cast<std::size_t>(config_.limits.keys_per_series);
  for (const Finding& finding : findings) {
    visit(finding, [&](Key key, PaneIndex index, const MeasureValues& values) {
      const auto [standing, is_new] = keys_.try_emplace(key);
      if (is_new) {
        standing->second.is_other = keys_by_series_[key.series] >= limit;
        if (!standing->second.is_other) ++keys_by_series_[key.series];
      }
      if (standing->second.is_other) {
        if (sign > 0) ++over_key_limit_;
        key.values.assign(key.values.size(), std::string(kOther));
      }
      const auto pane = panes_.try_emplace(Place{std::move(key), index}).first;
      if (sign > 0) {
        ++standing->second.parts;
        pane->second.values.add(values);
      } else {
        --standing->second.parts;
        pane->second.values.subtract(values);
      }
      if (!std::exchange(pane->second.has_changed, true)) changed_.push_back(pane->first);
      if (standing->second.parts > 0) return;
      if (!standing->second.is_other) --keys_by_series_[standing->first.series];
      keys_.erase(standing);
    });
  }
}

void FindingPanes::settle(std::span<const Finding> findings) {
  for (const Finding& finding : findings) {
    visit(finding, [&](const Key& key, PaneIndex, const MeasureValues&) {
      const auto standing = keys_.find(key);
      if (--standing->second.parts > 0) return;
      if (!standing->second.is_other) --keys_by_series_[standing->first.series];
      keys_.erase(standing);
    });
  }
}

void FindingPanes::forget_before(Micros time) {
  absl::erase_if(panes_, [&](const auto& entry) {
    const auto& [place, pane] = entry;
    const Micros length = config_.series[place.key.series].pane_length;
    return !pane.has_changed && (place.pane + 1) * length <= time;
  });
}

void FindingPanes::collect(std::vector<FindingPane>* out) {
  for (Place& place : changed_) {
    const auto pane = panes_.find(place);
    pane->second.has_changed = false;
    const WideMeasures values = pane->second.values;
    if (values == WideMeasures()) panes_.erase(pane);  // as if it had never been
    out->push_back({.series = place.key.series,
                    .key = std::move(place.key.values),
                    .pane = place.pane,
                    .values = values});
  }
  changed_.clear();
}

}  // namespace surgewatch::orders

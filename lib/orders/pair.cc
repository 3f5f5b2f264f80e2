#include "orders/pair.h"

#include <algorithm>

namespace surgewatch::orders {
namespace {

std::string text_of(CountryCode code) {
  return code == kNoCountry ? "" : observe::ReferenceIndex::country_name(code);
}

auto place(const Finding& finding) {
  return std::tie(finding.rule, finding.key, finding.first_time);
}

}  // namespace

bool Pair::is_needed(const config::Config& config) {
  return std::any_of(config.series.begin(), config.series.end(),
                     [](const config::Series& series) { return series.event == Topic::kOrders; });
}

Pair::Pair(std::shared_ptr<const config::Config> config)
    : config_(std::move(config)),
      index_(config_->reference.get()),
      finders_(make_finders(*config_)),
      serials_(serials_for(*config_)),
      table_(*config_, index_, finders_, this),
      panes_(*config_, index_) {}

void Pair::advance(Topic topic, Micros watermark) {
  std::optional<Micros>& known = halves_[static_cast<std::size_t>(topic)].watermark;
  if (known && *known >= watermark) return;
  known = watermark;
  advance();
}

void Pair::set_idle(Topic topic, bool is_idle) {
  Half& half = halves_[static_cast<std::size_t>(topic)];
  if (half.is_idle == is_idle) return;
  half.is_idle = is_idle;
  advance();
}

void Pair::advance() {
  const auto& [invoices, shipments] = halves_;
  std::optional<Micros> lowest;
  bool is_certain = true;
  for (const Half& half : halves_) {
    if (half.is_idle) {
      is_certain = false;
      continue;
    }
    if (!half.watermark) return;
    lowest = std::min(lowest.value_or(*half.watermark), *half.watermark);
  }
  // Both are idle: the furthest of them stands.
  if (!lowest) lowest = std::max(invoices.watermark, shipments.watermark);
  if (!lowest) return;
  table_.advance(*lowest);
  if (is_certain) table_.forget_to(*lowest);
}

NamedFinding Pair::named(std::string_view order_id, const Finding& finding) const {
  NamedFinding named;
  named.name = {.rule = finding.rule,
                .order_id = std::string(order_id),
                .bill_to = text_of(finding.key.bill_to),
                .declared = text_of(finding.key.declared),
                .destination = text_of(finding.key.destination),
                .sku = std::string(finding.key.sku),
                .kind = std::string(kind_name(finding.key.kind)),
                .first_time = finding.first_time};
  named.units = finding.units;
  named.chips = finding.chips;
  named.key = key_of(finding.key, finding.parts.front(), index_);
  return named;
}

void Pair::changed(std::string_view order_id, std::span<const Finding> ended,
                   std::span<const Finding> begun) {
  const std::lock_guard lock(mutex_);
  panes_.remove(ended);
  panes_.add(begun);
  for (const Finding& finding : ended) {
    const auto same =
        std::lower_bound(begun.begin(), begun.end(), finding,
                         [](const Finding& a, const Finding& b) { return place(a) < place(b); });
    if (same != begun.end() && place(*same) == place(finding)) continue;
    say(named(order_id, finding));
  }
  for (const Finding& finding : begun) {
    NamedFinding held = named(order_id, finding);
    held.holds = true;
    held.documents.assign(finding.documents.begin(), finding.documents.end());
    say(std::move(held));
  }
}

void Pair::say(NamedFinding finding) {
  NamedFinding& place = findings_[finding.name];
  place = std::move(finding);
}

void Pair::forgotten(std::span<const Finding> findings) {
  const std::lock_guard lock(mutex_);
  panes_.settle(findings);
}

void Pair::nothing_before(Micros time) {
  const std::lock_guard lock(mutex_);
  panes_.forget_before(time);
}

void Pair::publish_stats() {
  const OrderTable::Stats orders = table_.stats();
  const std::lock_guard lock(mutex_);
  stats_ = {.orders = orders, .over_key_limit = panes_.over_key_limit()};
}

Pair::Stats Pair::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Pair::collect(Collected* out) {
  out->panes.clear();
  out->findings.clear();
  const std::lock_guard lock(mutex_);
  panes_.collect(&out->panes);
  for (auto& [name, finding] : findings_) out->findings.push_back(std::move(finding));
  findings_.clear();
}

std::size_t Pair::pending() const {
  const std::lock_guard lock(mutex_);
  return panes_.changed() + findings_.size();
}

}  // namespace surgewatch::orders

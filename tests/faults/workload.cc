#include "faults/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>

#include "base/check.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::faults {
namespace {

constexpr Micros kHour = 3'600 * kMicrosPerSecond;
constexpr Micros kDay = kMicrosPerDay;
constexpr Micros kBegin = 19'723 * kDay;  // 2024-01-01
constexpr Micros kOutOfOrderness = 6 * kHour;
constexpr Micros kBehindTheStream = 400 * kDay;

void set_time(Micros time, google::protobuf::Timestamp* timestamp) {
  timestamp->set_seconds(time / kMicrosPerSecond);
  timestamp->set_nanos(static_cast<std::int32_t>(time % kMicrosPerSecond * 1'000));
}

class Maker {
 public:
  Maker(std::uint64_t seed, int per_source) : random_(seed), per_source_(per_source) {}

  Workload make() {
    for (int i = 0; i < per_source_; ++i) {
      now_ = kBegin + kDays * kDay * i / per_source_;
      for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
        for (const Topic topic : kInputTopics) event({topic, partition});
      }
    }
    for (std::int32_t partition = 0; partition < kPartitions; ++partition) last_order(partition);
    return std::move(made_);
  }

 private:
  struct Order {
    std::string id, sku, bill_to, declared;
    std::int64_t quantity = 1;
  };
  struct Known {
    std::string id;
    int revision = 1;
    Order order;
  };
  struct SourceState {
    std::vector<Known> documents;
    std::vector<Sent> sent;
    int next_id = 0;
  };

  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  template <typename T, std::size_t N>
  const T& one_of(const std::array<T, N>& from) {
    return from[static_cast<std::size_t>(pick(0, N - 1))];
  }
  // One of the last `recent`.
  template <typename T>
  T& one_of_last(std::vector<T>& from, std::int64_t recent) {
    const auto size = static_cast<std::int64_t>(from.size());
    return from[static_cast<std::size_t>(pick(std::max<std::int64_t>(0, size - recent), size - 1))];
  }

  std::string country() {
    static const std::array<std::string, 8> kCountries{"SG", "SG", "US", "US",
                                                       "MY", "TW", "DE", "CN"};
    return one_of(kCountries);
  }
  // Some weeks a country buys many times what it does otherwise.
  std::int64_t level(const std::string& bill_to) {
    auto& level = levels_[{bill_to, (now_ - kBegin) / (6 * kDay)}];
    if (level == 0) level = one_of(std::array<std::int64_t, 8>{1, 1, 1, 1, 1, 2, 4, 9});
    return level;
  }
  Micros time() {
    if (chance(3)) return now_ - pick(3, 18) * kDay;  // mostly too late
    return now_ - (chance(40) ? pick(0, kOutOfOrderness) : 0);
  }

  void event(SourceId source) {
    SourceState& state = sources_[source];
    ++made_.made.events;
    if (chance(4) && !state.sent.empty()) {
      ++made_.made.duplicates;
      return send(Sent(one_of_last(state.sent, 40)));
    }
    if (chance(2)) {
      ++made_.made.rejects;
      return reject(source);
    }
    if (chance(10) && !state.documents.empty()) {
      ++made_.made.revisions;
      Known& known = one_of_last(state.documents, 60);
      if (!chance(10)) ++known.revision;  // otherwise an older one once more, in other words
      return document(source, known, chance(40));
    }
    Known known{.id = fmt::format("{}{}-{}", source.topic == Topic::kInvoices ? "i" : "s",
                                  source.partition, state.next_id++),
                .revision = 1,
                .order = order(source)};
    state.documents.push_back(known);
    document(source, known, /*cancels=*/false);
  }

  // Invoices begin orders, and shipments go on with them, mostly.
  Order order(SourceId source) {
    std::vector<Order>& orders = orders_[source.partition];
    const bool is_new = orders.empty() || chance(source.topic == Topic::kInvoices ? 75 : 10);
    if (!is_new) return one_of_last(orders, 12);
    static const std::array<std::string, 5> kSkus{"H100-SXM5-80GB", "H800-SXM5-80GB",
                                                  "B200-SXM-192GB", "GB200-SUPERCHIP", "NEW-SKU"};
    Order order{.id = fmt::format("o{}-{}", source.partition, orders.size()),
                .sku = one_of(kSkus),
                .bill_to = country(),
                .declared = country(),
                .quantity = pick(1, 12)};
    order.quantity *= level(order.bill_to);
    orders.push_back(order);
    return order;
  }

  void document(SourceId source, const Known& known, bool cancels) {
    if (source.topic == Topic::kInvoices) {
      invoice(source, known, cancels);
    } else {
      shipment(source, known, cancels);
    }
  }

  void invoice(SourceId source, const Known& known, bool cancels) {
    v1::Invoice invoice;
    invoice.set_invoice_id(known.id);
    invoice.set_revision(known.revision);
    invoice.set_type(cancels     ? v1::INVOICE_TYPE_CANCELLATION
                     : chance(5) ? v1::INVOICE_TYPE_CREDIT_NOTE
                                 : v1::INVOICE_TYPE_INVOICE);
    invoice.set_order_id(known.order.id);
    set_time(time(), invoice.mutable_issue_time());
    invoice.mutable_bill_to()->set_country(known.order.bill_to);
    if (chance(80)) invoice.mutable_ship_to()->set_country(known.order.declared);
    v1::InvoiceLine* line = invoice.add_lines();
    line->set_sku(known.order.sku);
    line->set_quantity(known.order.quantity);
    line->mutable_unit_price()->set_currency_code(chance(20) ? "EUR" : "USD");
    line->mutable_unit_price()->set_units(pick(10'000, 40'000));
    line->mutable_unit_price()->set_nanos(static_cast<std::int32_t>(pick(0, 1'999) * 500'000));
    if (chance(10)) line->set_license_id("L");
    send({.source = source, .key = known.order.id, .payload = invoice.SerializeAsString()});
  }

  void shipment(SourceId source, const Known& known, bool cancels) {
    v1::Shipment shipment;
    shipment.set_shipment_id(known.id);
    shipment.set_revision(known.revision);
    shipment.set_type(cancels     ? v1::SHIPMENT_TYPE_CANCELLATION
                      : chance(5) ? v1::SHIPMENT_TYPE_RETURN
                                  : v1::SHIPMENT_TYPE_DESPATCH);
    shipment.set_order_id(known.order.id);
    set_time(time(), shipment.mutable_despatch_time());
    shipment.mutable_ship_to()->set_country(chance(85) ? known.order.declared : country());
    v1::ShipmentLine* line = shipment.add_lines();
    line->set_sku(known.order.sku);
    line->set_quantity(chance(80) ? known.order.quantity : pick(1, 12));
    send({.source = source, .key = known.order.id, .payload = shipment.SerializeAsString()});
  }

  void reject(SourceId source) {
    std::string payload;
    if (chance(50)) {
      payload = "\xff\xff\xff" + fmt::format("{}", random_());  // no protobuf
    } else if (source.topic == Topic::kInvoices) {
      v1::Invoice invoice;  // of nobody
      invoice.set_invoice_id("nobody");
      set_time(now_, invoice.mutable_issue_time());
      payload = invoice.SerializeAsString();
    } else {
      v1::Shipment shipment;  // at no time
      shipment.set_shipment_id("never");
      shipment.mutable_ship_to()->set_country("SG");
      payload = shipment.SerializeAsString();
    }
    send({.source = source, .key = "k", .payload = std::move(payload), .is_valid = false});
  }

  // Of one chip, to where it is declared to go: nothing is to be found in it.
  void last_order(std::int32_t partition) {
    now_ = kBegin + kDays * kDay + kBehindTheStream;
    const std::string id = fmt::format("last-{}", partition);
    v1::Invoice invoice;
    invoice.set_invoice_id(id);
    invoice.set_order_id(id);
    set_time(now_, invoice.mutable_issue_time());
    invoice.mutable_bill_to()->set_country("US");
    invoice.mutable_ship_to()->set_country("US");
    invoice.add_lines()->set_sku("H100-SXM5-80GB");
    invoice.mutable_lines(0)->set_quantity(1);
    v1::Shipment shipment;
    shipment.set_shipment_id(id);
    shipment.set_order_id(id);
    set_time(now_, shipment.mutable_despatch_time());
    shipment.mutable_ship_to()->set_country("US");
    shipment.add_lines()->set_sku("H100-SXM5-80GB");
    shipment.mutable_lines(0)->set_quantity(1);
    made_.made.events += 2;
    send({.source = {Topic::kInvoices, partition},
          .key = id,
          .payload = invoice.SerializeAsString()});
    send({.source = {Topic::kShipments, partition},
          .key = id,
          .payload = shipment.SerializeAsString()});
  }

  void send(Sent sent) {
    sources_[sent.source].sent.push_back(sent);
    made_.records.push_back(std::move(sent));
  }

  std::mt19937_64 random_;
  const int per_source_;
  Micros now_ = kBegin;
  std::map<SourceId, SourceState> sources_;
  std::map<std::int32_t, std::vector<Order>> orders_;  // by partition
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> levels_;
  Workload made_;
};

}  // namespace

Workload make_workload(std::uint64_t seed, int per_source) {
  return Maker(seed, per_source).make();
}

std::string workload_yaml() {
  return R"(
reference_data:
  catalogue: tables/catalogue.csv
  countries: tables/countries.csv
  country_groups: tables/country_groups.csv
  fx: tables/fx.csv
# Nobody is idle in a trial: how long it takes decides nothing.
event_time: {out_of_orderness: 6h, allowed_lateness: 2d, correction_horizon: 20d, idle_after: 1h}
journal: {flush_interval: 20ms}
series:
  - name: billed
    event: invoice
    group_by: [bill_to, family]
    measures: [documents, units, chips, revenue_usd, tpp]
    pane: 1d
  - {name: skus, event: invoice, group_by: [sku], measures: [documents, units, chips, revenue_usd, tpp], pane: 6h}
  - {name: shipped, event: shipment, group_by: [ship_to, family], measures: [documents, units, chips, tpp], pane: 1d}
rules:
  - name: since
    type: surge_since
    series: billed
    measure: revenue_usd
    per: [bill_to]
    window: 5d
    reference: {start: 2024-01-03, end: 2024-01-18}
    fire_at: {ratio: 2}
    clear_at: {ratio: 1.5}
  - name: surge
    type: surge
    series: billed
    measure: units
    per: [bill_to]
    window: 1d
    period: 1
    guard: 2
    warm_up: 10
    kappa: 1.5
    h: 2
    fire_at: {ratio: 1.5}
  - {name: product, type: new_entity, series: skus, measure: units, per: [sku], window: 1d, fire_at: {observed: 50}}
  - name: split
    type: divergence
    series: billed
    measure: chips
    per: [bill_to]
    window: 7d
    against: {series: shipped, dimension: ship_to}
    fire_at: {divergence: 0.6}
  - name: line
    type: threshold
    series: shipped
    measure: chips
    per: [ship_to]
    window: 3d
    fire_at: {observed: 400}
    clear_at: {observed: 300}
  - {name: diverted, type: order_diversion, per: [destination], window: 7d, fire_at: {chips: 20}}
  - {name: controlled, type: controlled_destination, per: [destination], window: 7d, fire_at: {chips: 1}}
  - {name: mismatch, type: order_mismatch, per: [bill_to], window: 7d, deadline: 3d, fire_at: {units: 30}}
  - {name: redirected, type: redirected, per: [destination], window: 14d, fire_at: {units: 1}}
  - name: sum
    type: typology
    per: [region]
    findings:
      - {rule: since, by: [bill_to], weight: 2}
      - {rule: split, by: [bill_to], weight: 1}
      - {rule: line, by: [ship_to], weight: 1}
    fire_at: {score: 3}
    page_at: {score: 4}
)";
}

}  // namespace surgewatch::faults

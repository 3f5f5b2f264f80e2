// What looking into orders costs: an event with every check, without rules of order types, with
// three and with all of them, on the same events in one run; and what a million open orders take.
//
//   build/release/bin/orders_bench [ORDERS] [ROUNDS] [DAYS]
//
// Orders are spread evenly over the days; at the end of the default all are open. An order is an
// invoice and a shipment some days later, of one to three SKUs, with an id of 20 bytes each; one in
// a hundred goes elsewhere than declared. Both topics come in the order of time.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "aggregate/order_log.h"
#include "aggregate/source.h"
#include "config/config.h"
#include "detect/rules/table.h"
#include "orders/pair.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch {
namespace {

constexpr Micros kStart = 19'723 * kMicrosPerDay;
constexpr std::size_t kBatch = 512;

constexpr const char* kWithout = R"(
reference_data: {catalogue: deploy/config/tables/catalogue.csv, country_groups: deploy/config/tables/country_groups.csv}
series:
  - {name: billed, event: invoice, group_by: [bill_to, family], measures: [documents, units, chips, revenue_usd], pane: 1d}
  - {name: shipped, event: shipment, group_by: [ship_to, family], measures: [documents, units, chips], pane: 1d}
)";
constexpr const char* kThree = R"(
rules:
  - {name: diverted, type: order_diversion, per: [destination]}
  - {name: controlled, type: controlled_destination, per: [destination]}
  - {name: unmatched, type: order_mismatch, per: [bill_to]}
)";
constexpr const char* kOthers = R"(
  - {name: changed, type: redirected, per: [destination]}
  - {name: again, type: rebilled, per: [bill_to]}
  - {name: paid, type: third_party_payer, per: [bill_to]}
  - {name: below, type: structuring, per: [bill_to.party_id], cap: 512}
  - {name: twice, type: repeated_serial, per: [destination]}
)";

std::shared_ptr<const config::Config> parsed(const std::string& yaml) {
  auto config = config::parse(yaml, "orders_bench.yaml", detect::rule_specs());
  if (!config.ok()) {
    fmt::print(stderr, "{}\n", config.status().ToString());
    std::exit(1);
  }
  return *std::move(config);
}

void set_time(Micros time, google::protobuf::Timestamp* timestamp) {
  timestamp->set_seconds(time / kMicrosPerSecond);
  timestamp->set_nanos(static_cast<int>(time % kMicrosPerSecond) * 1'000);
}

// Records of one topic, in the order of time.
struct Log {
  struct Event {
    Micros time = 0;
    std::string payload, order;
  };
  std::vector<Event> events;
};

std::array<Log, 2> make_logs(std::int64_t orders, std::int64_t days) {
  constexpr std::array<const char*, 4> kCountries{"SG", "US", "TW", "DE"};
  constexpr std::array<const char*, 4> kSkus{"H100-SXM5-80GB", "L40S", "DGX-H100", "L4"};
  std::array<Log, 2> logs;
  std::uint64_t random = 1;
  const auto below = [&](std::uint64_t bound) {
    random = random * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    return (random >> 33) % bound;
  };
  for (std::int64_t i = 0; i < orders; ++i) {
    const Micros time = kStart + days * kMicrosPerDay / orders * i;
    const std::string order = fmt::format("ORD-2024-{:011}", i);
    const char* const country = kCountries[below(4)];
    v1::Invoice invoice;
    invoice.set_invoice_id(fmt::format("INV-2024-{:011}", i));
    invoice.set_revision(1);
    invoice.set_order_id(order);
    set_time(time, invoice.mutable_issue_time());
    invoice.mutable_bill_to()->set_country("SG");
    invoice.mutable_bill_to()->set_party_id(fmt::format("P-{:06}", below(20'000)));
    invoice.mutable_ship_to()->set_country(country);
    v1::Shipment shipment;
    shipment.set_shipment_id(fmt::format("SHP-2024-{:011}", i));
    shipment.set_revision(1);
    shipment.set_order_id(order);
    const Micros later = time + static_cast<Micros>(below(5 * 86'400)) * kMicrosPerSecond;
    set_time(later, shipment.mutable_despatch_time());
    shipment.mutable_ship_to()->set_country(below(100) == 0 ? "CN" : country);
    shipment.mutable_ship_to()->set_party_id(fmt::format("P-{:06}", below(20'000)));
    for (std::uint64_t n = 1 + below(3); n > 0; --n) {
      const char* const sku = kSkus[below(4)];
      const auto quantity = static_cast<std::int64_t>(1 + below(64));
      v1::InvoiceLine* billed = invoice.add_lines();
      billed->set_sku(sku);
      billed->set_quantity(quantity);
      billed->mutable_unit_price()->set_currency_code("USD");
      billed->mutable_unit_price()->set_units(30'000);
      v1::ShipmentLine* sent = shipment.add_lines();
      sent->set_sku(sku);
      sent->set_quantity(quantity);
    }
    logs[0].events.push_back({time, invoice.SerializeAsString(), order});
    logs[1].events.push_back({later, shipment.SerializeAsString(), order});
  }
  std::stable_sort(logs[1].events.begin(), logs[1].events.end(),
                   [](const auto& a, const auto& b) { return a.time < b.time; });
  return logs;
}

struct Outcome {
  double ns_per_event = 0;
  orders::Pair::Stats stats;
};

// Both topics in batches, as far as one another in time; what has changed is collected as a flusher
// does.
Outcome run(const std::shared_ptr<const config::Config>& config, const std::array<Log, 2>& logs) {
  const observe::ReferenceIndex index(config->reference.get());
  std::unique_ptr<orders::Pair> pair;
  if (orders::Pair::is_needed(*config)) pair = std::make_unique<orders::Pair>(config);
  std::vector<std::unique_ptr<aggregate::PairFeeder>> feeders;
  std::vector<std::unique_ptr<aggregate::Source>> sources;
  for (const Topic topic : kInputTopics) {
    aggregate::SourceOptions options{.is_keyed = true};
    if (pair != nullptr) {
      feeders.push_back(std::make_unique<aggregate::PairFeeder>(topic, &index, pair.get()));
      options.documents = feeders.back().get();
    }
    sources.push_back(std::make_unique<aggregate::Source>(SourceId{topic, 0}, config, options));
  }
  std::array<std::size_t, 2> next{};
  std::vector<aggregate::Record> records;
  std::vector<aggregate::Aside> aside;
  std::vector<v1::JournalRecord> journal;
  orders::Pair::Collected collected;
  std::size_t batches = 0;
  const auto began = std::chrono::steady_clock::now();
  while (next[0] < logs[0].events.size() || next[1] < logs[1].events.size()) {
    const auto time_of = [&](std::size_t i) {
      return next[i] < logs[i].events.size() ? logs[i].events[next[i]].time : INT64_MAX;
    };
    const std::size_t of = time_of(0) <= time_of(1) ? 0 : 1;
    const std::size_t end = std::min(next[of] + kBatch, logs[of].events.size());
    records.clear();
    for (std::size_t i = next[of]; i < end; ++i) {
      const Log::Event& event = logs[of].events[i];
      records.push_back({.offset = static_cast<std::int64_t>(i),
                         .payload = event.payload,
                         .key = event.order,
                         .has_key = true});
    }
    sources[of]->process(records, &aside);
    next[of] = end;
    if (++batches % 200 != 0) continue;
    for (const auto& source : sources) {
      source->flush(&journal);
      source->recycle(&journal);
    }
    if (pair != nullptr) pair->collect(&collected);
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
  Outcome outcome;
  outcome.ns_per_event =
      took.count() / static_cast<double>(logs[0].events.size() + logs[1].events.size());
  if (pair != nullptr) {
    pair->publish_stats();
    outcome.stats = pair->stats();
  }
  return outcome;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int main_of(std::int64_t orders, int rounds, std::int64_t days) {
  const auto without = parsed(kWithout);
  const auto three = parsed(std::string(kWithout) + kThree);
  const auto all = parsed(std::string(kWithout) + kThree + kOthers);
  const std::array<Log, 2> logs = make_logs(orders, days);
  struct Measured {
    const char* what;
    std::shared_ptr<const config::Config> config;
    std::vector<double> times = {}, ratios = {};
  };
  std::array looking{Measured{"with three of them", three}, Measured{"with all eight", all}};
  std::vector<double> plain;
  Outcome last;
  for (int round = 0; round < rounds; ++round) {
    plain.push_back(run(without, logs).ns_per_event);
    for (Measured& one : looking) {
      last = run(one.config, logs);
      one.times.push_back(last.ns_per_event);
      one.ratios.push_back(last.ns_per_event / plain.back());
    }
  }
  fmt::print("{} orders of an invoice and a shipment, {} rounds, medians\n", orders, rounds);
  fmt::print("an event without rules of order types   {:7.0f} ns\n", median(plain));
  for (const Measured& one : looking) {
    fmt::print("{:<39} {:7.0f} ns, {:.2f} times\n", one.what, median(one.times),
               median(one.ratios));
  }
  const orders::OrderTable::Stats& table = last.stats.orders;
  fmt::print("open orders at the end                  {}, {} documents, {:.1f} MB: {} bytes each\n",
             table.orders, table.documents, static_cast<double>(table.bytes) / 1e6,
             table.bytes / std::max<std::uint64_t>(table.orders, 1));
  return 0;
}

}  // namespace
}  // namespace surgewatch

int main(int argc, char** argv) {
  const std::int64_t orders = argc > 1 ? std::atoll(argv[1]) : 1'000'000;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  const std::int64_t days = argc > 3 ? std::atoll(argv[3]) : 60;
  return surgewatch::main_of(orders, rounds, days);
}

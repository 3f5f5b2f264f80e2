// Random invoices and shipments against the sequential reference for orders, however the two topics
// are interleaved, whenever somebody collects, and however often a new owner begins again.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "aggregate/order_log.h"
#include "aggregate/pair_writer.h"
#include "aggregate/source.h"
#include "config/rule_spec.h"
#include "detect/rules/table.h"
#include "journal/merger.h"
#include "journal/watermarks.h"
#include "orders/pair.h"
#include "property/orders_reference.h"
#include "support/findings_series.h"
#include "unit/aggregate/builders.h"
#include "unit/aggregate/one_by_one.h"

namespace surgewatch::property {
namespace {

using test::kDay;
using test::kHour;
using test::kNewYear;

class Random {
 public:
  explicit Random(unsigned seed) : random_(seed) {}
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  template <typename T, std::size_t N>
  T one_of(const std::array<T, N>& from) {
    return from[static_cast<std::size_t>(pick(0, N - 1))];
  }

 private:
  std::mt19937_64 random_;
};

void add_rule(const std::string& type, config::Config* config) {
  config::Rule rule;
  rule.name = type;
  for (const config::RuleSpec* spec : detect::rule_specs()) {
    if (spec->name == type) rule.type = spec;
  }
  rule.series = config->series.size();
  rule.orders.classes = {"3A090.a"};
  rule.orders.groups = {"D:1", "D:5", "TW"};
  config->series.push_back(test::findings_series(type, 0xf00d + type.size()));
  config->rules.push_back(std::move(rule));
}

std::shared_ptr<const config::Config> random_config(Random* random) {
  auto config = test::config();
  auto tables = test::reference_tables();
  using Membership = config::CountryGroups::Membership;
  tables->countries.name_by_iso2["MO"] = "Macau";
  tables->groups.by_country["CN"] = {Membership{.group = "D:5", .from = kMinTime}};
  tables->groups.by_country["MY"] = {
      Membership{.group = "D:1", .from = kNewYear + 10 * kDay, .to = kNewYear + 40 * kDay}};
  tables->groups.by_country["SG"] = {
      Membership{.group = "D:1", .from = kMinTime},
      Membership{.group = "A:6", .from = kMinTime, .to = kNewYear + 25 * kDay}};
  config->reference = tables;
  config::EventTimeBounds& bounds = config->event_time;
  bounds.out_of_orderness = random->one_of(std::array{Micros{0}, kHour, kDay});
  bounds.allowed_lateness = random->one_of(std::array{kHour, 2 * kDay, 7 * kDay});
  bounds.correction_horizon = random->one_of(std::array{5 * kDay, 10 * kDay, 120 * kDay});
  for (const char* type :
       {"order_diversion", "controlled_destination", "order_mismatch", "redirected", "rebilled",
        "third_party_payer", "structuring", "repeated_serial"}) {
    add_rule(type, config.get());
  }
  config->rules[2].orders.deadline = 3 * kDay;
  config->rules[1].orders.end_user = random->chance(50);
  config->rules[6].orders.cap = random->pick(10, 200);
  config->rules[6].orders.near = 0.5;
  return config;
}

// Two logs, whose events are told apart by their type.
struct Logs {
  std::vector<v1::Invoice> invoices;
  std::vector<v1::Shipment> shipments;
};

class LogMaker {
 public:
  explicit LogMaker(Random* random) : random_(*random) {}

  Logs make() {
    Logs logs;
    Micros now = kNewYear;
    for (int i = 0; i < 120; ++i) logs.invoices.push_back(invoice(&now));
    now = kNewYear;
    for (int i = 0; i < 120; ++i) logs.shipments.push_back(shipment(&now));
    return logs;
  }

 private:
  Micros time(Micros* now) {
    *now += random_.pick(0, kDay);
    if (random_.chance(3)) *now += random_.pick(0, 20 * kDay);
    return *now - (random_.chance(30) ? random_.pick(0, 3 * kDay) : 0);
  }
  std::string order() { return "o" + std::to_string(random_.pick(0, 9)); }
  std::string country() {
    return random_.one_of(std::array<std::string, 8>{"SG", "CN", "MY", "TW", "US", "ZZ", "MO", ""});
  }
  std::string sku() {
    return random_.one_of(std::array<std::string, 5>{"H100", "DGX-H100", "B200", "MI308X", "NEW"});
  }
  void party(v1::Party* party, bool required) {
    party->set_country(country());
    if (required && party->country().empty()) party->set_country("SG");
    if (random_.chance(30))
      party->set_party_id(random_.one_of(std::array<std::string, 2>{"a", "b"}));
    if (random_.chance(10)) party->set_parent_country(country());
  }

  v1::Invoice invoice(Micros* now) {
    v1::Invoice invoice;
    invoice.set_invoice_id("i" + std::to_string(random_.pick(0, 50)));
    invoice.set_revision(static_cast<int>(random_.pick(1, 3)));
    const std::array types{v1::INVOICE_TYPE_INVOICE, v1::INVOICE_TYPE_INVOICE,
                           v1::INVOICE_TYPE_CREDIT_NOTE};
    invoice.set_type(random_.chance(10) ? v1::INVOICE_TYPE_CANCELLATION : random_.one_of(types));
    invoice.set_order_id(order());
    test::set_time(time(now), invoice.mutable_issue_time());
    party(invoice.mutable_bill_to(), true);
    party(invoice.mutable_ship_to(), false);
    if (random_.chance(20)) party(invoice.mutable_payer(), false);
    for (std::int64_t n = random_.pick(1, 3); n > 0; --n) {
      v1::InvoiceLine* line = invoice.add_lines();
      line->set_sku(sku());
      line->set_quantity(random_.pick(1, 9));
      if (random_.chance(10)) line->set_license_id("L");
    }
    return invoice;
  }

  v1::Shipment shipment(Micros* now) {
    v1::Shipment shipment;
    shipment.set_shipment_id("s" + std::to_string(random_.pick(0, 50)));
    shipment.set_revision(static_cast<int>(random_.pick(1, 3)));
    const std::array types{v1::SHIPMENT_TYPE_DESPATCH, v1::SHIPMENT_TYPE_DESPATCH,
                           v1::SHIPMENT_TYPE_RETURN};
    shipment.set_type(random_.chance(10) ? v1::SHIPMENT_TYPE_CANCELLATION : random_.one_of(types));
    shipment.set_order_id(order());
    test::set_time(time(now), shipment.mutable_despatch_time());
    party(shipment.mutable_ship_to(), true);
    if (random_.chance(40)) party(shipment.mutable_end_user(), false);
    for (std::int64_t n = random_.pick(1, 3); n > 0; --n) {
      v1::ShipmentLine* line = shipment.add_lines();
      line->set_sku(sku());
      line->set_quantity(random_.pick(1, 9));
      if (random_.chance(10)) line->set_license_id("L");
      for (std::int64_t i = random_.pick(0, 3); i > 0; --i) {
        line->add_serial_numbers("n" + std::to_string(random_.pick(0, 30)));
      }
    }
    return shipment;
  }

  Random& random_;
};

// An owner of the pair: reads both logs from their beginnings.
class Owner {
 public:
  Owner(std::shared_ptr<const config::Config> config, const Logs& logs)
      : config_(config),
        logs_(logs),
        index_(config->reference.get()),
        pair_(config),
        feeders_{aggregate::PairFeeder(Topic::kInvoices, &index_, &pair_),
                 aggregate::PairFeeder(Topic::kShipments, &index_, &pair_)},
        invoices_({Topic::kInvoices, 0}, config, {.documents = &feeders_[0]}),
        shipments_({Topic::kShipments, 0}, config, {.documents = &feeders_[1]}),
        writer_(config.get(), 0) {}

  bool is_done() const {
    return next_[0] == logs_.invoices.size() && next_[1] == logs_.shipments.size();
  }

  // One event, of either log; `reference` is told what counts.
  void read(bool of_invoices, OrdersReference* reference) {
    if (next_[0] == logs_.invoices.size()) of_invoices = false;
    if (next_[1] == logs_.shipments.size()) of_invoices = true;
    aggregate::Source& source = of_invoices ? invoices_ : shipments_;
    std::size_t& at = next_[of_invoices ? 0 : 1];
    const std::string payload = of_invoices ? logs_.invoices[at].SerializeAsString()
                                            : logs_.shipments[at].SerializeAsString();
    const std::uint64_t corrections = source.stats().corrections;
    const auto outcome =
        test::process_one(source, {.offset = static_cast<std::int64_t>(at), .payload = payload});
    ASSERT_NE(outcome.disposition, aggregate::Disposition::kRejected) << outcome.detail;
    if (reference != nullptr && outcome.disposition == aggregate::Disposition::kCounted) {
      const bool is_known = source.stats().corrections > corrections;
      if (of_invoices) {
        reference->invoice(logs_.invoices[at], is_known);
      } else {
        reference->shipment(logs_.shipments[at], is_known);
      }
    }
    ++at;
  }

  void end() {
    for (const Topic topic : kInputTopics) pair_.advance(topic, journal::kEndOfInput);
  }

  // Takes what is new; returns it as records.
  std::vector<v1::JournalRecord> collect() {
    orders::Pair::Collected collected;
    pair_.collect(&collected);
    for (const orders::FindingPane& pane : collected.panes) {
      panes[{config_->series[pane.series].name, pane.key, pane.pane}] = pane.values.saturated();
    }
    for (const orders::NamedFinding& finding : collected.findings) {
      const auto& name = finding.name;
      const FoundKey key{config_->rules[name.rule].name,
                         name.order_id,
                         name.bill_to,
                         name.declared,
                         name.destination,
                         name.sku,
                         name.kind,
                         name.first_time};
      if (finding.holds) {
        found[key] = {finding.units, finding.chips, finding.documents};
      } else {
        found.erase(key);
      }
    }
    std::vector<v1::JournalRecord> records;
    writer_.append(collected,
                   {.invoices = static_cast<std::int64_t>(next_[0]),
                    .shipments = static_cast<std::int64_t>(next_[1])},
                   &records);
    return records;
  }

  orders::Pair::Stats stats() {
    pair_.publish_stats();
    return pair_.stats();
  }

  std::map<FoundKey, Found> found;
  Panes panes;

 private:
  const std::shared_ptr<const config::Config> config_;
  const Logs& logs_;
  const observe::ReferenceIndex index_;
  orders::Pair pair_;
  std::array<aggregate::PairFeeder, 2> feeders_;
  aggregate::Source invoices_, shipments_;
  aggregate::PairWriter writer_;
  std::array<std::size_t, 2> next_{};
};

// The first thing in which two maps differ, for a message.
template <typename Map>
std::string difference(const Map& said, const Map& expected) {
  const auto show = [](const auto& entry) { return testing::PrintToString(entry.first); };
  for (const auto& entry : said) {
    const auto found = expected.find(entry.first);
    if (found == expected.end()) {
      return "said, and not expected: " + show(entry) + " " + testing::PrintToString(entry.second);
    }
    if (!(found->second == entry.second)) {
      return "another value: " + show(entry) + " " + testing::PrintToString(entry.second) +
             " for " + testing::PrintToString(found->second);
    }
  }
  for (const auto& entry : expected) {
    if (said.find(entry.first) == said.end()) return "expected, and not said: " + show(entry);
  }
  return "none";
}

Panes without_zeros(Panes panes) {
  for (auto it = panes.begin(); it != panes.end();) {
    it = it->second.is_zero() ? panes.erase(it) : std::next(it);
  }
  return panes;
}

struct Totals {
  std::map<std::string, std::uint64_t> found;  // by type
  std::uint64_t forgotten = 0;
};

TEST(OrdersProperty, SayTheSameHoweverTheTopicsAreInterleaved) {
  Totals totals;
  for (unsigned seed = 1; seed <= 150 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const auto config = random_config(&random);
    const Logs logs = LogMaker(&random).make();
    OrdersReference reference(*config);
    for (int run = 0; run < 4; ++run) {
      SCOPED_TRACE(testing::Message() << "run " << run);
      Owner owner(config, logs);
      // From one after the other to all but alternating.
      const auto share =
          static_cast<int>(std::array{100, 0, 50, 80}[static_cast<std::size_t>(run)]);
      while (!owner.is_done()) {
        owner.read(random.chance(share), run == 0 ? &reference : nullptr);
        if (random.chance(10)) owner.collect();
      }
      owner.end();
      owner.collect();
      if (run == 0) reference.look();
      EXPECT_EQ(difference(owner.found, reference.found), "none");
      EXPECT_EQ(difference(without_zeros(owner.panes), without_zeros(reference.panes)), "none");
      if (run != 0) continue;
      for (const auto& [key, found] : owner.found) ++totals.found[std::get<0>(key)];
      const auto stats = owner.stats();
      totals.forgotten += stats.orders.documents < 40 ? 1 : 0;
      EXPECT_EQ(stats.orders.forgotten, 0u);
      EXPECT_EQ(stats.orders.over_order_limit, 0u);
    }
  }
  // That the streams have gone everywhere.
  EXPECT_EQ(totals.found.size(), 8u);
  for (const auto& [type, count] : totals.found) EXPECT_GT(count, 200u) << type;
  EXPECT_GT(totals.forgotten, 10u);
}

// Owners follow one another: each begins again, comes as far as chance has it, in an order of its
// own. Whoever comes to the end says what the reference says; and what stands never is anything but
// what one owner has said.
TEST(OrdersProperty, StandWhoeverOwnsThePair) {
  std::uint64_t replaced = 0;
  for (unsigned seed = 1; seed <= 100 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const auto config = random_config(&random);
    const Logs logs = LogMaker(&random).make();
    OrdersReference reference(*config);
    journal::Merger merger(config);
    std::int64_t offset = 0;
    v1::JournalRecord topology;
    for (const Topic topic : kInputTopics) {
      auto* entry = topology.mutable_topology()->add_topics();
      entry->set_name(std::string(topic_name(topic)));
      entry->set_partitions(1);
    }
    merger.apply(topology, offset++);

    const auto standing = [&] {
      Panes panes;
      for (std::size_t series = 0; series < config->series.size(); ++series) {
        for (std::size_t k = 0; k < merger.key_end(series); ++k) {
          const auto key = static_cast<journal::KeyId>(k);
          merger.visit(series, key, INT64_MIN, INT64_MAX, [&](const auto& entry) {
            if (entry.values.is_zero()) return;
            panes[{config->series[series].name, merger.key(series, key), entry.pane}] =
                entry.values;
          });
        }
      }
      return panes;
    };

    for (int life = 0; life < 4 && !testing::Test::HasFailure(); ++life) {
      const bool is_last = life == 3;
      Owner owner(config, logs);
      v1::JournalRecord claim;
      claim.mutable_source()->set_topic("orders");
      claim.mutable_ownership()->set_generation("gen");
      for (const config::Series& series : config->series) {
        if (series.event != Topic::kOrders) continue;
        v1::SeriesRef* ref = claim.mutable_ownership()->add_series();
        ref->set_name(series.name);
        ref->set_definition(series.definition);
      }
      const auto token = static_cast<std::uint64_t>(life) + 7;
      claim.set_owner(token);
      const std::int64_t epoch = offset;
      merger.apply(claim, offset++);
      const auto say = [&] {
        const Panes before = standing();
        bool moved = false;
        for (v1::JournalRecord& record : owner.collect()) {
          record.set_epoch(epoch);
          record.set_owner(token);
          moved |= !merger.apply(record, offset++).empty();
          ASSERT_TRUE(merger.refused().empty()) << merger.refused()[0].what;
        }
        const Panes now = standing();
        // What moves becomes this owner's word, all of it; before he has caught up, nothing moves.
        EXPECT_EQ(difference(now, moved ? without_zeros(owner.panes) : before), "none");
        replaced += moved ? 1 : 0;
      };
      const std::int64_t until = is_last ? INT64_MAX : random.pick(1, 240);
      const auto share = static_cast<int>(random.pick(0, 100));
      for (std::int64_t i = 0; i < until && !owner.is_done(); ++i) {
        owner.read(random.chance(share), is_last ? &reference : nullptr);
        if (random.chance(5)) say();
      }
      if (is_last) owner.end();
      say();
      if (is_last) {
        reference.look();
        EXPECT_EQ(difference(owner.found, reference.found), "none");
        EXPECT_EQ(difference(without_zeros(owner.panes), without_zeros(reference.panes)), "none");
      }
    }
    EXPECT_EQ(difference(standing(), without_zeros(reference.panes)), "none");
  }
  EXPECT_GT(replaced, 300u);
}

}  // namespace
}  // namespace surgewatch::property

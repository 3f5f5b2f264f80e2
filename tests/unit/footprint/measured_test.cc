// What is said to be the most is held to what is measured: each part is filled to what its small
// configuration allows, and its peak may be no more than was said, and no less than a third of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aggregate/footprint.h"
#include "aggregate/source.h"
#include "base/bytes.h"
#include "detect/detector.h"
#include "detect/footprint.h"
#include "detect/rules/table.h"
#include "serve/alert_store.h"
#include "surgewatch/v1/alert.pb.h"
#include "surgewatch/v1/events.pb.h"
#include "unit/footprint/peak.h"

namespace surgewatch {
namespace {

constexpr std::int64_t kDollar = 1'000'000;
// Where the measured part is no less than one so-manieth, the figure still says something.
constexpr std::int64_t kTooMuch = 3;
// A huge page is whole or not there.
constexpr std::int64_t kNoise = std::int64_t{2} << 20;

std::shared_ptr<const config::Config> parsed(const std::string& yaml) {
  auto config = config::parse(yaml, "measured.yaml", detect::rule_specs());
  EXPECT_TRUE(config.ok()) << config.status();
  return *config;
}

// A party's id as long as limits.text_bytes allows.
std::string party(int number) { return fmt::format("{:0>128}", number); }

void expect_held(const char* shape, const config::Shares& shares,
                 const std::function<void()>& work) {
  Saturating predicted = 0;
  for (const config::Share& share : shares) predicted += share.bytes;
  const std::int64_t measured = test::peak_of(work);
  fmt::print("{:24} predicted {:>9}, measured {:>9}\n", shape, format_bytes(predicted),
             format_bytes(measured));
  if (std::getenv("SHARES") != nullptr) {
    for (const config::Share& share : shares) {
      fmt::print("    {} {}: {} {}\n", share.of, share.what, share.count.value(),
                 format_bytes(share.bytes));
    }
  }
  EXPECT_GT(measured, 4 * kNoise) << "too little to say anything";
  EXPECT_LE(measured, (predicted + kNoise).value());
  EXPECT_LE(predicted.value(), (Saturating(measured) * kTooMuch).value());
}

// ---- a source ----------------------------------------------------------------------------------

std::string invoice(int number, const std::string& bill_to, Micros time) {
  v1::Invoice invoice;
  invoice.set_invoice_id(fmt::format("invoice-{}", number));
  invoice.set_revision(1);
  invoice.set_type(v1::INVOICE_TYPE_INVOICE);
  invoice.set_order_id("order");
  invoice.mutable_issue_time()->set_seconds(time / kMicrosPerSecond);
  invoice.mutable_bill_to()->set_country("SG");
  invoice.mutable_bill_to()->set_party_id(bill_to);
  v1::InvoiceLine* line = invoice.add_lines();
  line->set_sku("sku");
  line->set_quantity(1);
  line->mutable_unit_price()->set_currency_code("USD");
  line->mutable_unit_price()->set_units(7);
  return invoice.SerializeAsString();
}

// Every key in each of so many panes, all of which are live, and then one flush of all.
void fill_source(const std::shared_ptr<const config::Config>& config, int keys, int panes) {
  aggregate::Source source(SourceId{}, config, {.remembers_documents = false});
  std::vector<aggregate::Aside> aside;
  const Micros begin = 20'000 * kMicrosPerDay;
  std::int64_t offset = 0;
  for (int pane = 0; pane < panes; ++pane) {
    for (int key = 0; key < keys; ++key) {
      const std::string payload =
          invoice(static_cast<int>(offset), party(key), begin + pane * kMicrosPerSecond);
      const aggregate::Record record{.offset = offset++, .payload = payload};
      source.process({&record, 1}, &aside);
    }
  }
  ASSERT_EQ(source.stats().counted, static_cast<std::uint64_t>(offset));
  std::vector<v1::JournalRecord> journal;
  source.flush(&journal);
}

config::Shares without(config::Shares shares, std::vector<std::string> names) {
  std::erase_if(shares, [&](const config::Share& share) {
    return std::ranges::find(names, share.what) != names.end();
  });
  return shares;
}

TEST(Measured, ASourceOfManyPanesAKey) {
  const auto config = parsed(R"(
event_time: {out_of_orderness: 10s, allowed_lateness: 50s, correction_horizon: 1m}
series: [{name: s, event: invoice, group_by: [bill_to.party_id], measures: [units], pane: 1s}]
limits: {keys_per_series: 2000, text_bytes: 128})");
  config::Shares shares;
  aggregate::add_sources(*config, Topic::kInvoices, 1, &shares);
  expect_held("source, 60 panes a key", without(shares, {"documents", "records at hand"}),
              [&] { fill_source(config, 2'000, 60); });
}

TEST(Measured, ASourceOfManyKeys) {
  const auto config = parsed(R"(
event_time: {out_of_orderness: 1s, allowed_lateness: 1s, correction_horizon: 1m}
series:
  - {name: s, event: invoice, group_by: [bill_to, bill_to.party_id], measures: [revenue_usd], pane: 1s}
limits: {keys_per_series: 50000, text_bytes: 128})");
  config::Shares shares;
  aggregate::add_sources(*config, Topic::kInvoices, 1, &shares);
  expect_held("source, 50,000 keys", without(shares, {"documents", "records at hand"}),
              [&] { fill_source(config, 50'000, 3); });
}

TEST(Measured, ASourceOfPanesThatNoRingHolds) {
  const auto config = parsed(R"(
event_time: {out_of_orderness: 100000s, allowed_lateness: 100000s, correction_horizon: 200000s}
series: [{name: s, event: invoice, group_by: [bill_to], measures: [units], pane: 1s}]
limits: {keys_per_series: 1, text_bytes: 128})");
  config::Shares shares;
  aggregate::add_sources(*config, Topic::kInvoices, 1, &shares);
  expect_held("source, 200,000 panes", without(shares, {"documents", "records at hand"}),
              [&] { fill_source(config, 1, 200'000); });
}

// As many documents as may be remembered, and once more as many of another time: what was of the
// first is used again.
TEST(Measured, Documents) {
  const auto config = parsed(R"(
event_time: {out_of_orderness: 0s, allowed_lateness: 0s, correction_horizon: 1000s}
series: [{name: s, event: invoice, group_by: [bill_to], measures: [units], pane: 1d}]
limits: {document_memory: 40MB})");
  config::Shares shares;
  aggregate::add_sources(*config, Topic::kInvoices, 1, &shares);
  std::erase_if(shares, [](const config::Share& share) {
    return share.what != "documents" && share.what != "sources";
  });
  expect_held("documents", shares, [&] {
    aggregate::Source source(SourceId{}, config, {});
    std::vector<aggregate::Aside> aside;
    for (int i = 0; i < 1'500'000; ++i) {
      const std::string payload = invoice(i, "p", 20'000 * kMicrosPerDay + i * Micros{400});
      const aggregate::Record record{.offset = i, .payload = payload};
      source.process({&record, 1}, &aside);
    }
    if (source.stats().documents_forgotten == 0) std::abort();
  });
}

// Records of nothing but lines, as many as are decoded ahead.
TEST(Measured, RecordsAtHand) {
  const auto config = parsed(R"(
series: [{name: s, event: invoice, group_by: [family], measures: [units], pane: 1d}]
limits: {record_bytes: 400000})");
  config::Shares shares;
  aggregate::add_sources(*config, Topic::kInvoices, 1, &shares);
  std::erase_if(shares, [](const config::Share& share) { return share.what != "records at hand"; });
  expect_held("records at hand", shares, [&] {
    std::string empty_lines;
    for (int i = 0; i < 199'990; ++i) empty_lines += std::string("\x62\0", 2);
    v1::Invoice whole;
    whole.ParseFromString(invoice(0, "p", 20'000 * kMicrosPerDay));
    for (int i = 0; i < 60'000; ++i) {
      v1::InvoiceLine* line = whole.add_lines();
      line->set_sku("s");
      line->set_quantity(1);
    }
    const std::string payload = whole.SerializeAsString();
    aggregate::Source source(SourceId{}, config, {});
    std::vector<aggregate::Record> records;
    for (int i = 0; i < 32; ++i) {
      records.push_back({.offset = i, .payload = i % 16 < 8 ? empty_lines : payload});
    }
    std::vector<aggregate::Aside> aside;
    source.process(records, &aside);
  });
}

// ---- a detector --------------------------------------------------------------------------------

// Writes a journal of one series, and takes what is said of it away.
class Journal {
 public:
  explicit Journal(std::shared_ptr<const config::Config> config)
      : config_(std::move(config)), detector_(config_, {.inputs_end = false}) {}

  // Of a pane of every key: one batch after the other.
  void update(PaneIndex pane, const std::vector<std::vector<std::string>>& keys,
              std::int64_t documents) {
    each_batch(keys, [&](v1::PaneBatch* batch, const std::vector<std::string>& key) {
      v1::PaneUpdate* update = batch->add_updates();
      *update->mutable_key() = {key.begin(), key.end()};
      update->set_pane_index(pane);
      set(documents, update->mutable_measures());
      if (config_->series[0].largest_document) update->set_largest_document(kDollar);
    });
  }
  void correct(PaneIndex pane, const std::vector<std::vector<std::string>>& keys) {
    each_batch(keys, [&](v1::PaneBatch* batch, const std::vector<std::string>& key) {
      v1::PaneCorrection* correction = batch->add_corrections();
      *correction->mutable_key() = {key.begin(), key.end()};
      correction->set_pane_index(pane);
      correction->set_offset(offset_ - 1);
      correction->set_part(part_++);
      set(-1, correction->mutable_measures());
    });
  }
  const v1::Alert& largest_alert() const { return largest_; }
  void pass(PaneIndex pane) {
    v1::JournalRecord record = begin();
    record.mutable_progress()->set_next_offset(++offset_);
    record.mutable_progress()->set_watermark_micros((pane + 1) * config_->series[0].pane_length);
    take(record);
  }

 private:
  static constexpr int kBatch = 500;

  static v1::JournalRecord begin() {
    v1::JournalRecord record;
    record.mutable_source()->set_topic("invoices");
    return record;
  }
  static void set(std::int64_t documents, v1::Measures* measures) {
    measures->set_documents(documents);
    measures->set_units(documents);
    measures->set_revenue_usd_micros(documents * kDollar);
  }
  template <typename Add>
  void each_batch(const std::vector<std::vector<std::string>>& keys, Add&& add) {
    for (std::size_t i = 0; i < keys.size();) {
      v1::JournalRecord record = begin();
      v1::PaneBatch* batch = record.mutable_panes();
      batch->set_next_offset(++offset_);
      v1::SeriesRef* series = batch->add_series();
      series->set_name(config_->series[0].name);
      series->set_definition(config_->series[0].definition);
      part_ = 0;
      for (int count = 0; count < kBatch && i < keys.size(); ++count) add(batch, keys[i++]);
      take(record);
    }
  }
  void take(const v1::JournalRecord& record) {
    detector_.take(record, journal_offset_++);
    detect::Emissions said;
    bool is_more = true;
    while (is_more) {
      is_more = detector_.say(100, &said);
      for (v1::Alert& alert : said.alerts) {
        if (alert.ByteSizeLong() > largest_.ByteSizeLong()) largest_ = std::move(alert);
      }
      said = {};
    }
  }

  const std::shared_ptr<const config::Config> config_;
  detect::Detector detector_;
  std::int64_t offset_ = 0, journal_offset_ = 0;
  std::int32_t part_ = 0;
  v1::Alert largest_;
};

// Every key holds something in every pane, and is corrected there once; then all rise.
void fill_detector(const std::shared_ptr<const config::Config>& config,
                   const std::vector<std::vector<std::string>>& keys, int panes) {
  Journal journal(config);
  const PaneIndex begin = 19'000;
  constexpr int kCorrected = 4;  // panes later
  for (int i = 0; i < panes; ++i) {
    journal.update(begin + i, keys, i + 5 < panes ? 8 + i % 3 : 200);
    if (i >= kCorrected) journal.correct(begin + i - kCorrected, keys);
    journal.pass(begin + i);
  }
}

std::vector<std::vector<std::string>> parties(int count) {
  std::vector<std::vector<std::string>> keys;
  for (int i = 0; i < count; ++i) keys.push_back({party(i)});
  return keys;
}

constexpr char kBounds[] =
    "event_time: {out_of_orderness: 1h, allowed_lateness: 2d, correction_horizon: 20d}\n";

std::string of_parties(int keys, const std::string& measures, const std::string& rule) {
  return fmt::format(
      "{}series: [{{name: s, event: invoice, group_by: [bill_to.party_id], measures: "
      "[{}], pane: 1d}}]\nrules: [{{name: r, series: s, {}}}]\n"
      "limits: {{keys_per_series: {}, detector_keys_per_series: {}, text_bytes: 128}}",
      kBounds, measures, rule, keys, keys);
}

void expect_detector_held(const char* shape, const std::string& yaml,
                          const std::vector<std::vector<std::string>>& keys, int panes) {
  const auto config = parsed(yaml);
  config::Shares shares;
  detect::add_detector(*config, 1, &shares);
  expect_held(shape, without(shares, {"records said at once"}),
              [&] { fill_detector(config, keys, panes); });
}

TEST(Measured, SurgeSinceOverALongWindow) {
  expect_detector_held(
      "surge_since",
      of_parties(800, "revenue_usd",
                 "type: surge_since, measure: revenue_usd, per: [bill_to.party_id], window: 91d, "
                 "reference: {start: 2022-01-08, end: 2022-02-08}, fire_at: {ratio: 4}"),
      parties(800), 220);
}

TEST(Measured, SurgeAgainstABaseline) {
  expect_detector_held("surge",
                       of_parties(500, "revenue_usd",
                                  "type: surge, measure: revenue_usd, per: [bill_to.party_id], "
                                  "window: 1d, warm_up: 20, guard: 14, fire_at: {ratio: 2}"),
                       parties(500), 120);
}

TEST(Measured, ARampOfWeeks) {
  expect_detector_held("ramp",
                       of_parties(1'000, "documents",
                                  "type: ramp, measure: documents, per: [bill_to.party_id], "
                                  "window: 7d, warm_up: 10, guard: 4"),
                       parties(1'000), 250);
}

TEST(Measured, NewEntity) {
  expect_detector_held("new_entity",
                       of_parties(1'200, "documents, units",
                                  "type: new_entity, measure: units, per: [bill_to.party_id], "
                                  "window: 1d, fire_at: {observed: 1}"),
                       parties(1'200), 120);
}

TEST(Measured, ShareShift) {
  expect_detector_held("share_shift",
                       of_parties(1'000, "units",
                                  "type: share_shift, measure: units, per: [bill_to.party_id], "
                                  "window: 1d, warm_up: 20, guard: 14, fire_at: {points: 5}"),
                       parties(1'000), 120);
}

TEST(Measured, DivergenceOfCountries) {
  const std::string yaml = std::string(kBounds) + R"(
series: [{name: s, event: invoice, group_by: [bill_to, ship_to], measures: [units], pane: 1d}]
rules:
  - {name: r, series: s, type: divergence, measure: units, per: [bill_to], window: 28d,
     against: {series: s, dimension: ship_to}, fire_at: {divergence: 0.5}}
limits: {keys_per_series: 2000, detector_keys_per_series: 2000})";
  std::vector<std::vector<std::string>> keys;
  for (int i = 0; i < 2'000; ++i) {
    const auto letters = [](int n) {
      return std::string{static_cast<char>('A' + n / 26 % 26), static_cast<char>('A' + n % 26)};
    };
    keys.push_back({letters(i % 200), letters(i / 200)});
  }
  expect_detector_held("divergence", yaml, keys, 200);
}

TEST(Measured, ConcentrationOverParties) {
  expect_detector_held("concentration",
                       of_parties(1'000, "units",
                                  "type: concentration, measure: units, parts: bill_to.party_id, "
                                  "window: 28d, changes_over: 2"),
                       parties(1'000), 200);
}

TEST(Measured, ATypologyOfParties) {
  const std::string yaml = std::string(kBounds) + R"(
series: [{name: s, event: invoice, group_by: [bill_to.party_id], measures: [units], pane: 1d}]
rules:
  - {name: a, series: s, type: threshold, measure: units, per: [bill_to.party_id], window: 1d,
     fire_at: {observed: 1}}
  - {name: b, series: s, type: threshold, measure: units, per: [bill_to.party_id], window: 1d,
     fire_at: {observed: 2}}
  - {name: t, type: typology, per: [party], findings: [{rule: a}, {rule: b}], fire_at: {score: 2},
     page_at: {score: 2}}
limits: {keys_per_series: 1000, detector_keys_per_series: 1000, text_bytes: 128})";
  expect_detector_held("typology", yaml, parties(1'000), 200);
}

// ---- a gateway ---------------------------------------------------------------------------------

TEST(Measured, AGatewaysAlertsAndPoints) {
  const auto config = parsed(std::string(kBounds) + R"(
series:
  - {name: s, event: invoice, group_by: [bill_to.party_id, ship_to.party_id, end_user.party_id],
     measures: [documents, revenue_usd], pane: 1d}
rules:
  - {name: r, series: s, type: surge, measure: revenue_usd, per: [bill_to.party_id, ship_to.party_id],
     window: 1d, warm_up: 20, guard: 14, fire_at: {ratio: 2}}
limits: {text_bytes: 128})");
  v1::Alert alert;
  {
    std::vector<std::vector<std::string>> keys;
    for (int i = 0; i < 6; ++i) keys.push_back({party(1), party(2), party(i)});
    Journal journal(config);
    for (int i = 0; i < 100; ++i) {
      journal.update(19'000 + i, keys, i + 2 < 100 ? 8 + i % 3 : 200);
      journal.pass(19'000 + i);
    }
    alert = journal.largest_alert();
  }
  ASSERT_GT(alert.evidence_size(), 8);
  const serve::AlertStore::Limits limits{.revisions = 3'000,
                                         .alerts = 3'000,
                                         .subjects = 100,
                                         .points_per_subject = 2'000,
                                         .point_changes = 1'000};
  const auto most =
      serve::AlertStore::at_most(limits, detect::alert_bytes(*config), detect::name_bytes(*config));
  const config::Shares shares{{"gateway", "alerts", 1, most.alerts, "", {}},
                              {"gateway", "revisions", 1, most.revisions, "", {}},
                              {"gateway", "points", 1, most.points, "", {}}};
  expect_held("gateway", shares, [&] {
    serve::AlertStore store(limits);
    std::int64_t offset = 0;
    for (int i = 0; i < 3'000; ++i) {
      alert.set_alert_id(fmt::format("al-{:016x}", i));
      alert.set_revision(1);
      store.add(offset++, alert);
    }
    for (int revision = 2; revision < 3'002; ++revision) {
      alert.set_revision(revision);
      store.add(offset++, alert);
    }
    v1::SeriesPoint point;
    point.set_rule("r");
    for (int i = 0; i < 200'000; ++i) {
      (*point.mutable_subject())["bill_to.party_id"] = party(i % 100);
      (*point.mutable_subject())["ship_to.party_id"] = party(i % 100);
      point.mutable_window_start()->set_seconds(i / 100 * 86'400);
      point.mutable_window_end()->set_seconds((i / 100 + 1) * 86'400);
      point.set_observed(i);
      store.add(point);
    }
  });
}

}  // namespace
}  // namespace surgewatch

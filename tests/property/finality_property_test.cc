// What is said in the end is a function of the input alone: random streams with late data and old
// corrections, through real sources, to rules of every type. Between runs on the same streams
// differ how sources interleave, when each is flushed (the first time included), and in which order
// they end. The last revision of each alert that stands, and the last point of each window, may
// not.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "aggregate/source.h"
#include "base/proto_json.h"
#include "detect/detector.h"
#include "property/last_points.h"
#include "unit/aggregate/builders.h"
#include "unit/detect/all_rules.h"

namespace surgewatch::property {
namespace {

constexpr PaneIndex kDays = 140;
constexpr std::array<SourceId, 3> kSources{
    SourceId{Topic::kInvoices, 0}, SourceId{Topic::kInvoices, 1}, SourceId{Topic::kShipments, 0}};

std::shared_ptr<const config::Config> make_config() {
  auto config = std::make_shared<config::Config>(test::all_rules());
  auto reference = test::reference_tables();
  reference->version = "rd-0123456789abcdef";
  reference->capacities = config->reference->capacities;
  for (auto& [country, rows] : reference->capacities.by_country) {
    rows[0].it_mw_e9 = 50'000'000;  // room for a few chips
  }
  config->reference = reference;
  config->event_time.out_of_orderness = test::kHour;
  config->event_time.correction_horizon = 30 * test::kDay;
  // Shipments have no price.
  for (config::Rule& rule : config->rules) {
    if (rule.name == "other" || rule.name == "fits") rule.measure = Measure::kUnits;
    if (rule.name == "fits") rule.assumed->floor = 1;
  }
  return config;
}

// Records of each source, in order.
using Streams = std::array<std::vector<std::string>, kSources.size()>;

class Writer {
 public:
  explicit Writer(std::uint64_t seed) : random_(seed) {}

  Streams write() {
    for (PaneIndex day = 0; day < kDays; ++day) {
      for (std::size_t source = 0; source < kSources.size(); ++source) {
        const std::int64_t events = pick(2, 9);
        for (std::int64_t i = 0; i < events; ++i) event(source, day);
      }
    }
    return std::move(streams_);
  }

 private:
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  std::string country(PaneIndex day) {
    static const std::array<std::string, 6> kCountries{"SG", "US", "MY", "CN", "TW", "DE"};
    return kCountries[static_cast<std::size_t>(pick(0, day < 45 ? 4 : 5))];  // one comes late
  }
  Micros time(PaneIndex day) {
    const PaneIndex late = pick(0, 9) < 3 ? pick(0, 2) : 0;
    return std::max<Micros>(0, (day - late) * test::kDay) + pick(0, test::kDay - 1);
  }

  void event(std::size_t source, PaneIndex day) {
    std::vector<Document>& known = known_[source];
    // An older document is replaced or cancelled: behind the lateness that is a correction.
    if (!known.empty() && pick(0, 9) == 0) {
      Document& document =
          known[static_cast<std::size_t>(pick(0, static_cast<std::int64_t>(known.size()) - 1))];
      const bool cancels = pick(0, 1) == 0;
      ++document.revision;
      put(source, document, day, cancels);
      return;
    }
    known.push_back(
        {.id = std::to_string(source) + "-" + std::to_string(known.size()), .revision = 1});
    put(source, known.back(), day, false);
  }

  struct Document {
    std::string id;
    int revision = 1;
  };
  void put(std::size_t source, const Document& document, PaneIndex day, bool cancels) {
    const std::int64_t quantity = pick(0, 30) == 0 ? pick(20, 60) : pick(1, 6);
    if (kSources[source].topic == Topic::kShipments) {
      v1::Shipment shipment = test::shipment(document.id, time(day), document.revision);
      shipment.mutable_ship_to()->set_country(country(day));
      shipment.mutable_lines(0)->set_quantity(quantity);
      if (cancels) shipment.set_type(v1::SHIPMENT_TYPE_CANCELLATION);
      streams_[source].push_back(shipment.SerializeAsString());
      return;
    }
    v1::Invoice invoice = test::invoice(document.id, time(day), document.revision);
    invoice.mutable_bill_to()->set_country(country(day));
    invoice.mutable_ship_to()->set_country(country(day));
    invoice.mutable_lines(0)->set_quantity(quantity);
    if (cancels) invoice.set_type(v1::INVOICE_TYPE_CANCELLATION);
    if (pick(0, 19) == 0) invoice.set_type(v1::INVOICE_TYPE_CREDIT_NOTE);
    streams_[source].push_back(invoice.SerializeAsString());
  }

  std::mt19937_64 random_;
  std::array<std::vector<Document>, kSources.size()> known_;
  Streams streams_;
};

struct Said {
  std::map<std::string, std::string> alerts, points;
  std::size_t corrections = 0, withdrawn = 0;
};

std::string figures_of(v1::Alert alert) {
  alert.clear_revision();
  alert.clear_explanation();  // words, evidence and contributors say what stood beside the figures
  alert.clear_evidence();
  alert.clear_contributors();
  return to_json(alert);
}

Said run(const Streams& streams, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto config = make_config();
  std::array<std::unique_ptr<aggregate::Source>, kSources.size()> sources;
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    sources[i] = std::make_unique<aggregate::Source>(kSources[i], config);
  }
  detect::Detector detector(config);
  detect::Emissions out;
  Said said;
  const auto tell = [&](const std::vector<v1::JournalRecord>& records) {
    for (const v1::JournalRecord& record : records) {
      said.corrections += static_cast<std::size_t>(record.panes().corrections_size());
      detector.apply(record, &out);
    }
  };
  detector.apply(test::topology(2, 1), &out);
  const std::uint64_t longest = std::array<std::uint64_t, 4>{1, 5, 40, 1'000}[random() % 4];
  const bool starts_late = random() % 3 == 0;
  std::array<std::size_t, kSources.size()> read{};
  std::size_t steps = 0;
  for (;;) {
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < kSources.size(); ++i) {
      if (read[i] < streams[i].size()) left.push_back(i);
    }
    if (left.empty()) break;
    const std::size_t i = left[random() % left.size()];
    const std::size_t count =
        std::min<std::size_t>(1 + random() % longest, streams[i].size() - read[i]);
    std::vector<aggregate::Record> records;
    for (std::size_t k = 0; k < count; ++k, ++read[i]) {
      records.push_back(
          {.offset = static_cast<std::int64_t>(read[i]), .payload = streams[i][read[i]]});
    }
    std::vector<aggregate::Aside> aside;
    sources[i]->process(records, &aside);
    ++steps;
    if (random() % 3 == 0 || (starts_late && steps < 40)) continue;
    std::vector<v1::JournalRecord> journal;
    sources[i]->flush(&journal);
    tell(journal);
  }
  std::vector<std::size_t> order{0, 1, 2};
  std::shuffle(order.begin(), order.end(), random);
  for (const std::size_t i : order) {
    std::vector<v1::JournalRecord> journal;
    sources[i]->finish(&journal);
    tell(journal);
  }
  std::map<std::string, v1::Alert> last;
  for (const v1::Alert& alert : out.alerts) {
    v1::Alert& before = last[alert.alert_id()];
    EXPECT_EQ(alert.revision(), before.revision() + 1) << "revisions have no gaps";
    before = alert;
  }
  for (const auto& [id, alert] : last) {
    EXPECT_EQ(alert.timing(), v1::TIMING_FINAL) << to_json(alert);
    if (alert.resolution() == v1::RESOLUTION_DATA_CORRECTED) {
      ++said.withdrawn;
    } else {
      said.alerts[id] = figures_of(alert);
    }
  }
  said.points = last_points(out.points);
  EXPECT_EQ(detector.stats().too_old, 0u);
  EXPECT_EQ(detector.stats().refused.total(), 0u);
  EXPECT_EQ(detector.stats().unmergeable, 0u);
  return said;
}

void compare(const std::map<std::string, std::string>& a,
             const std::map<std::string, std::string>& b, const std::string& what) {
  int shown = 0;
  for (const auto& [key, text] : a) {
    const auto found = b.find(key);
    const std::string other = found == b.end() ? "" : found->second;
    if (text != other && ++shown <= 3)
      ADD_FAILURE() << what << " " << key << "\n" << text << "\n" << other;
  }
  EXPECT_EQ(a.size(), b.size()) << what;
}

TEST(Finality, IsAFunctionOfTheInput) {
  Said all;
  for (std::uint64_t seed = 1; seed <= 2 && !testing::Test::HasFailure(); ++seed) {
    const Streams streams = Writer(seed).write();
    const Said first = run(streams, 100 * seed);
    for (std::uint64_t arrival = 1; arrival <= 4; ++arrival) {
      const Said other = run(streams, 100 * seed + arrival);
      const std::string what =
          "seed " + std::to_string(seed) + ", arrival " + std::to_string(arrival);
      compare(first.alerts, other.alerts, what + ", alert");
      compare(first.points, other.points, what + ", point");
      all.withdrawn += other.withdrawn;
      all.corrections += other.corrections;
    }
    all.alerts.insert(first.alerts.begin(), first.alerts.end());
  }
  EXPECT_GT(all.alerts.size(), 200u) << "too tame";
  EXPECT_GT(all.corrections, 200u);
  EXPECT_GT(all.withdrawn, 20u);
  std::map<std::string, int> by_rule;
  for (const auto& [id, text] : all.alerts) {
    const auto at = text.find("\"rule\":\"") + 8;
    ++by_rule[text.substr(at, text.find('"', at) - at)];
  }
  const auto config = make_config();
  for (const config::Rule& rule : config->rules) {
    EXPECT_GT(by_rule[rule.name], 3) << rule.name << " says too little";
  }
}

}  // namespace
}  // namespace surgewatch::property

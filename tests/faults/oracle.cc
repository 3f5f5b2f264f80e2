#include "faults/oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "aggregate/order_log.h"
#include "aggregate/pair_writer.h"
#include "aggregate/source.h"
#include "base/proto_json.h"
#include "detect/detector.h"
#include "journal/merger.h"
#include "observe/reference_index.h"
#include "orders/pair.h"
#include "property/last_points.h"
#include "property/orders_reference.h"

namespace surgewatch::faults {
namespace {

// Of each kind of difference so many are shown.
constexpr std::size_t kShown = 3;

std::string name_of(const Place& place) {
  return fmt::format("{}[{}] {}", topic_name(place.source.topic), place.source.partition,
                     place.offset);
}

std::string name_of(const property::PaneKey& pane) {
  const auto& [series, key, index] = pane;
  return fmt::format("{} {} pane {}", series, fmt::join(key, "/"), index);
}
const std::string& name_of(const std::string& name) { return name; }

std::string text_of(const MeasureValues& values) {
  return fmt::format("{} documents, {} units, {} chips, {} micro-USD, {} TPP",
                     values[Measure::kDocuments], values[Measure::kUnits], values[Measure::kChips],
                     values[Measure::kRevenueUsd], values[Measure::kTpp]);
}
const std::string& text_of(const std::string& text) { return text; }

// Collects what differs, some of each kind.
class Differences {
 public:
  void add(const std::string& kind, const std::string& text) {
    if (++counts_[kind] <= kShown) found_.push_back(fmt::format("{}: {}", kind, text));
  }
  template <typename Map>
  void compare(const std::string& kind, const Map& said, const Map& expected) {
    for (const auto& [key, value] : expected) {
      const auto found = said.find(key);
      if (found == said.end()) {
        add(kind, fmt::format("{} is missing: {}", name_of(key), text_of(value)));
      } else if (!(found->second == value)) {
        add(kind,
            fmt::format("{} is {}, not {}", name_of(key), text_of(found->second), text_of(value)));
      }
    }
    for (const auto& [key, value] : said) {
      if (!expected.contains(key)) {
        add(kind, fmt::format("{} should not be: {}", name_of(key), text_of(value)));
      }
    }
  }
  void compare(const std::string& kind, const std::vector<Place>& said,
               const std::set<Place>& expected) {
    const std::set<Place> unique(said.begin(), said.end());
    for (const Place& place : expected) {
      if (!unique.contains(place)) add(kind, name_of(place) + " is missing");
    }
    for (const Place& place : unique) {
      if (!expected.contains(place)) add(kind, name_of(place) + " should not be");
    }
  }
  void compare(const std::string& kind, std::uint64_t said, std::uint64_t expected) {
    if (said != expected) add(kind, fmt::format("{}, not {}", said, expected));
  }

  std::vector<std::string> take() {
    for (const auto& [kind, count] : counts_) {
      if (count > kShown) found_.push_back(fmt::format("{}: {} more", kind, count - kShown));
    }
    return std::move(found_);
  }

 private:
  std::vector<std::string> found_;
  std::map<std::string, std::size_t> counts_;
};

// Without what depends on when something was said: words say what stood beside the figures.
std::string figures_of(v1::Alert alert) {
  alert.clear_revision();
  alert.clear_explanation();
  alert.clear_evidence();
  alert.clear_contributors();
  return to_json(alert);
}

LastWords last_words(const std::vector<v1::Alert>& alerts,
                     const std::vector<v1::SeriesPoint>& points) {
  LastWords words;
  for (const v1::Alert& alert : alerts) {
    if (alert.resolution() == v1::RESOLUTION_DATA_CORRECTED) {
      words.alerts.erase(alert.alert_id());
    } else {
      words.alerts[alert.alert_id()] = figures_of(alert);
    }
  }
  words.points = property::last_points(points);
  return words;
}

template <typename Message>
std::vector<Message> parse(const std::vector<Observed::Said>& said, const std::string& what,
                           Differences* differences) {
  std::vector<Message> messages;
  for (const Observed::Said& one : said) {
    if (!messages.emplace_back().ParseFromString(one.payload)) {
      differences->add(what, fmt::format("offset {} can't be read", one.offset));
    }
  }
  return messages;
}

// One partition of each topic, read by one thread.
class QuietPair {
 public:
  QuietPair(const std::shared_ptr<const config::Config>& config, std::int32_t partition)
      : index_(config->reference.get()),
        pair_(config),
        feeders_{aggregate::PairFeeder(Topic::kInvoices, &index_, &pair_),
                 aggregate::PairFeeder(Topic::kShipments, &index_, &pair_)},
        sources_{aggregate::Source({Topic::kInvoices, partition}, config,
                                   {.is_keyed = true, .documents = &feeders_[0]}),
                 aggregate::Source({Topic::kShipments, partition}, config,
                                   {.is_keyed = true, .documents = &feeders_[1]})},
        writer_(config.get(), partition) {}

  void process(const Sent& sent, Observed* observed, std::vector<v1::JournalRecord>* journal) {
    const auto half = static_cast<std::size_t>(sent.source.topic);
    const aggregate::Record record{.offset = next_[half]++,
                                   .payload = sent.payload,
                                   .key = sent.key,
                                   .has_key = true,
                                   .record_timestamp = std::nullopt};
    std::vector<aggregate::Aside> aside;
    sources_[half].process({&record, 1}, &aside);
    if (observed != nullptr && !aside.empty()) {
      const bool is_late = aside[0].outcome.disposition == aggregate::Disposition::kLate;
      (is_late ? observed->late : observed->rejected).push_back({sent.source, record.offset});
    }
    orders::Pair::Collected collected;
    pair_.collect(&collected);
    writer_.append(collected, {.invoices = next_[0], .shipments = next_[1]}, journal);
    sources_[half].flush(journal);
  }

 private:
  const observe::ReferenceIndex index_;
  orders::Pair pair_;
  std::array<aggregate::PairFeeder, 2> feeders_;
  std::array<aggregate::Source, 2> sources_;
  aggregate::PairWriter writer_;
  std::array<std::int64_t, 2> next_{};
};

// What one thread makes of the workload, record by record: `take` is given the journal's records.
// Those that go to the side topics are appended to `observed`, if it is given.
void run_undisturbed(const Workload& workload, const std::shared_ptr<const config::Config>& config,
                     Observed* observed,
                     const std::function<void(const v1::JournalRecord&)>& take) {
  v1::JournalRecord topology;
  for (const Topic topic : kInputTopics) {
    auto* entry = topology.mutable_topology()->add_topics();
    entry->set_name(std::string(topic_name(topic)));
    entry->set_partitions(kPartitions);
  }
  take(topology);
  std::vector<std::unique_ptr<QuietPair>> pairs;
  for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
    pairs.push_back(std::make_unique<QuietPair>(config, partition));
  }
  std::vector<v1::JournalRecord> journal;
  for (const Sent& sent : workload.records) {
    journal.clear();
    pairs[static_cast<std::size_t>(sent.source.partition)]->process(sent, observed, &journal);
    for (const v1::JournalRecord& record : journal) take(record);
  }
}

LastWords undisturbed(const Workload& workload, const std::shared_ptr<const config::Config>& config,
                      std::uint64_t* too_old) {
  detect::Detector detector(config, {.inputs_end = false});
  detect::Emissions out;
  run_undisturbed(workload, config, nullptr,
                  [&](const v1::JournalRecord& record) { detector.apply(record, &out); });
  *too_old = detector.stats().too_old;
  return last_words(out.alerts, out.points);
}

property::Panes merged(const std::vector<Observed::Said>& said,
                       const std::vector<v1::JournalRecord>& journal,
                       const std::shared_ptr<const config::Config>& config) {
  journal::Merger merger(config, {.inputs_end = false});
  for (std::size_t i = 0; i < journal.size(); ++i) merger.apply(journal[i], said[i].offset);
  property::Panes panes;
  for (std::size_t series = 0; series < config->series.size(); ++series) {
    for (std::size_t k = 0; k < merger.key_end(series); ++k) {
      const auto key = static_cast<journal::KeyId>(k);
      merger.visit(series, key, INT64_MIN, INT64_MAX, [&](const auto& entry) {
        if (entry.values.is_zero()) return;
        panes[{config->series[series].name, merger.key(series, key), entry.pane}] = entry.values;
      });
    }
  }
  return panes;
}

// Everything that is said, by one who reads the journal from its beginning.
detect::Emissions judged(const std::vector<Observed::Said>& said,
                         const std::vector<v1::JournalRecord>& journal,
                         const std::shared_ptr<const config::Config>& config) {
  detect::Detector detector(config, {.inputs_end = false});
  detect::Emissions out;
  for (std::size_t i = 0; i < journal.size(); ++i) {
    detector.take(journal[i], said[i].offset);
    while (detector.say(SIZE_MAX, &out)) {
    }
  }
  return out;
}

void compare_revisions(const std::vector<v1::Alert>& alerts, Differences* differences) {
  std::map<std::string, int> newest;
  for (const v1::Alert& alert : alerts) {
    const int before = newest[alert.alert_id()];
    if (alert.revision() != before + 1) {
      differences->add("O3 revisions",
                       fmt::format("{} {} follows {}", alert.alert_id(), alert.revision(), before));
    }
    newest[alert.alert_id()] = alert.revision();
  }
}

void compare_readers(const std::string& what, const std::vector<Observed::Said>& during,
                     const std::vector<Observed::Said>& after, Differences* differences) {
  const std::string kind = "O3 reader of " + what;
  differences->compare(kind, during.size(), after.size());
  for (std::size_t i = 0; i < std::min(during.size(), after.size()); ++i) {
    if (during[i].offset != after[i].offset || during[i].payload != after[i].payload) {
      differences->add(kind, fmt::format("saw another record at offset {}", during[i].offset));
    }
  }
}

// Documents of the series of everything that is billed: one by one they are the invoices that
// stand.
std::int64_t sum_of(const property::Panes& panes, const std::string& series, Measure measure) {
  std::int64_t sum = 0;
  for (const auto& [key, values] : panes) {
    if (std::get<0>(key) == series) sum += values[measure];
  }
  return sum;
}

}  // namespace

Expected expect(const Workload& workload, const std::shared_ptr<const config::Config>& config) {
  Expected expected;
  std::map<SourceId, property::Reference> sources;
  std::map<SourceId, std::int64_t> next;
  std::map<std::int32_t, property::OrdersReference> orders;
  for (const Sent& sent : workload.records) {
    const Place place{sent.source, next[sent.source]++};
    if (!sent.is_valid) {
      expected.rejected.insert(place);
      continue;
    }
    property::Reference& source =
        sources.try_emplace(sent.source, sent.source.topic, *config).first->second;
    property::OrdersReference& of_pair =
        orders.try_emplace(sent.source.partition, *config).first->second;
    v1::Invoice invoice;
    v1::Shipment shipment;
    const bool is_invoice = sent.source.topic == Topic::kInvoices;
    property::Event event;
    if (is_invoice) {
      invoice.ParseFromString(sent.payload);
      event = property::event_of(invoice);
    } else {
      shipment.ParseFromString(sent.payload);
      event = property::event_of(shipment);
    }
    const std::uint64_t corrections = source.corrections;
    switch (source.process(event)) {
      case aggregate::Disposition::kCounted: {
        ++expected.counted;
        const bool is_known = source.corrections > corrections;
        if (is_invoice) {
          of_pair.invoice(invoice, is_known);
        } else {
          of_pair.shipment(shipment, is_known);
        }
        break;
      }
      case aggregate::Disposition::kLate:
        expected.late.insert(place);
        break;
      default:
        ++expected.known_already;
    }
  }
  for (const auto& [id, source] : sources) {
    for (const auto& [key, values] : source.panes()) expected.panes[key].add(values);
  }
  for (auto& [partition, of_pair] : orders) {
    of_pair.look();
    for (const auto& [key, values] : of_pair.panes) expected.panes[key].add(values);
  }
  std::erase_if(expected.panes, [](const auto& pane) { return pane.second.is_zero(); });
  expected.undisturbed = undisturbed(workload, config, &expected.too_old);
  return expected;
}

Observed observe_undisturbed(const Workload& workload,
                             const std::shared_ptr<const config::Config>& config) {
  Observed observed;
  detect::Detector detector(config, {.inputs_end = false});
  detect::Emissions out;
  run_undisturbed(workload, config, &observed, [&](const v1::JournalRecord& record) {
    observed.journal.push_back(
        {static_cast<std::int64_t>(observed.journal.size()), to_bytes(record)});
    detector.apply(record, &out);
  });
  for (const v1::Alert& alert : out.alerts) {
    observed.alerts.push_back({static_cast<std::int64_t>(observed.alerts.size()), to_bytes(alert)});
  }
  for (const v1::SeriesPoint& point : out.points) {
    observed.points.push_back({static_cast<std::int64_t>(observed.points.size()), to_bytes(point)});
  }
  return observed;
}

std::vector<std::string> differences(const Workload& workload, const Expected& expected,
                                     const std::shared_ptr<const config::Config>& config,
                                     const Observed& observed, const Observed* during) {
  Differences found;
  const auto journal = parse<v1::JournalRecord>(observed.journal, "journal", &found);
  const auto alerts = parse<v1::Alert>(observed.alerts, "alerts", &found);
  const auto points = parse<v1::SeriesPoint>(observed.points, "points", &found);

  const property::Panes panes = merged(observed.journal, journal, config);
  found.compare("O1 pane", panes, expected.panes);
  const LastWords words = last_words(alerts, points);
  found.compare("O1 alert", words.alerts, expected.undisturbed.alerts);
  found.compare("O1 point", words.points, expected.undisturbed.points);

  const detect::Emissions fresh = judged(observed.journal, journal, config);
  const LastWords fresh_words = last_words(fresh.alerts, fresh.points);
  found.compare("O2 alert", words.alerts, fresh_words.alerts);
  found.compare("O2 point", words.points, fresh_words.points);
  found.compare("O2 late event", observed.late, expected.late);
  found.compare("O2 dead letter", observed.rejected, expected.rejected);

  compare_revisions(alerts, &found);
  if (during != nullptr) {
    compare_readers("journal", during->journal, observed.journal, &found);
    compare_readers("alerts", during->alerts, observed.alerts, &found);
    compare_readers("points", during->points, observed.points, &found);
  }

  const std::set<Place> late(observed.late.begin(), observed.late.end());
  const std::set<Place> rejected(observed.rejected.begin(), observed.rejected.end());
  found.compare("O4 events",
                expected.counted + expected.known_already + late.size() + rejected.size(),
                workload.records.size());
  for (const Measure measure : {Measure::kDocuments, Measure::kUnits, Measure::kRevenueUsd}) {
    found.compare("O4 billed", static_cast<std::uint64_t>(sum_of(panes, "billed", measure)),
                  static_cast<std::uint64_t>(sum_of(expected.panes, "billed", measure)));
  }
  return found.take();
}

std::size_t repetitions(const std::vector<Place>& places) {
  return places.size() - std::set<Place>(places.begin(), places.end()).size();
}

void JournalProgress::apply(std::int64_t offset, const v1::JournalRecord& record) {
  const auto topic = topic_from_name(record.source().topic());
  if (!record.has_source() || !topic) return;
  Owner& owner = owners_[{*topic, record.source().partition()}];
  if (record.has_ownership()) owner = {.epoch = offset, .next_offset = -1, .pair = std::nullopt};
  if (!record.has_progress() || record.epoch() != owner.epoch) return;
  const v1::Progress& progress = record.progress();
  owner.next_offset = progress.next_offset();
  if (progress.has_pair()) {
    owner.pair = {progress.pair().invoices_next_offset(), progress.pair().shipments_next_offset()};
  }
}

bool JournalProgress::has_come_to(const std::map<SourceId, std::int64_t>& ends) const {
  return missing(ends).empty();
}

std::string JournalProgress::missing(const std::map<SourceId, std::int64_t>& ends) const {
  std::string missing;
  for (const auto& [source, end] : ends) {
    const auto owner = owners_.find(source);
    const std::int64_t come_to = owner == owners_.end() ? -1 : owner->second.next_offset;
    if (come_to != end) {
      missing += fmt::format("{}[{}] at {} of {}; ", topic_name(source.topic), source.partition,
                             come_to, end);
    }
    if (source.topic != Topic::kInvoices) continue;
    const auto pair = owners_.find({Topic::kOrders, source.partition});
    const std::pair both{end, ends.at({Topic::kShipments, source.partition})};
    if (pair == owners_.end() || pair->second.pair != both) {
      missing += fmt::format("orders[{}]; ", source.partition);
    }
  }
  return missing;
}

}  // namespace surgewatch::faults

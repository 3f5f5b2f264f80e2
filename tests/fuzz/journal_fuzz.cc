// Any records as a journal, through what a detector does with them, to rules of every type.
//
// Held: each record is taken or refused with a reason that is counted; what comes out can be read
// by those who read it, and lies in the calendar; what was refused changes nothing, nor does how
// much is said at a time: a second detector, that never hears of it, says the same, byte for byte;
// and a third, that applies the journal in silence as after a restart, has nothing to add to what
// has been published. journal_records.h says how bytes become records; before them one byte of
// flags and one that chooses rules, since those that learn are slow.
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "detect/detector.h"
#include "fuzz/bytes.h"
#include "fuzz/journal_records.h"
#include "fuzz/published_check.h"
#include "journal/refusal.h"
#include "support/findings_series.h"
#include "unit/detect/all_rules.h"

namespace surgewatch::fuzz {
namespace {

struct Flags {
  explicit Flags(std::uint64_t bits)
      : options{.keep_all_panes = (bits & 2) != 0, .silent = false, .inputs_end = (bits & 1) != 0},
        few_keys((bits & 4) != 0),
        largest((bits & 8) != 0) {}
  detect::Detector::Options options;
  bool few_keys, largest;
};

// One rule with those that it weighs, those that do not learn, or all.
void choose_rules(std::int64_t choice, config::Config* config) {
  const std::vector<config::Rule> all = std::move(config->rules);
  const auto place = static_cast<std::size_t>(choice);
  std::vector<bool> kept(all.size(), place > all.size());
  if (place < all.size()) kept[place] = true;
  if (place == all.size()) {
    for (std::size_t i = 0; i < all.size(); ++i) kept[i] = !all[i].learning && !all[i].typology;
  }
  for (std::size_t i = all.size(); i-- > 0;) {  // what is weighed stands in front
    if (!kept[i] || !all[i].typology) continue;
    for (const config::WeighedFinding& finding : all[i].typology->findings) {
      kept[finding.rule] = true;
    }
  }
  std::vector<std::size_t> places(all.size());
  config->rules.clear();
  config->typologies.clear();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!kept[i]) continue;
    places[i] = config->rules.size();
    config::Rule& rule = config->rules.emplace_back(all[i]);
    if (!rule.typology) continue;
    for (config::WeighedFinding& finding : rule.typology->findings) {
      finding.rule = places[finding.rule];
    }
    config->typologies.push_back(places[i]);
  }
}

// What pairs find, with a rule of their own and one that watches it.
void add_findings(config::Config* config) {
  config::Rule orders = test::rule("order_diversion", 3);
  orders.name = kFound;
  orders.series = config->series.size();
  orders.measure = Measure::kDocuments;
  orders.per = {2};
  orders.fire_at.observed = 10;
  orders.clear_at.observed = 5;
  config::Rule chips = test::rule("threshold", 2);
  chips.name = "chips";
  chips.series = orders.series;
  chips.measure = Measure::kChips;
  chips.per = {0, 6};
  chips.fire_at.observed = 100;
  chips.clear_at.observed = 80;
  config->series.push_back(test::findings_series(kFound, test::kDefinition));
  config->rules.push_back(std::move(orders));
  config->rules.push_back(std::move(chips));
}

std::shared_ptr<const config::Config> config_of(const Flags& flags, std::int64_t rules) {
  auto config = std::make_shared<config::Config>(test::all_rules());
  choose_rules(rules, config.get());
  add_findings(config.get());
  if (flags.few_keys) config->limits.detector_keys_per_series = 3;
  if (flags.largest) config->series[0].largest_document = Measure::kRevenueUsd;
  return config;
}

class Listener {
 public:
  Listener(const std::shared_ptr<const config::Config>& config, detect::Detector::Options options,
           std::size_t limit)
      : detector_(config, options), limit_(limit) {}

  // Null: its bytes were no record.
  std::span<const journal::Refused> take(const v1::JournalRecord& record, std::int64_t offset) {
    const std::uint64_t before = detector_.stats().refused.total();
    const auto refused = detector_.take(record, offset);
    SW_CHECK(detector_.stats().refused.total() >= before + refused.size());
    for (const journal::Refused& one : refused) {
      SW_CHECK(detector_.stats().refused[one.reason] > 0);
      check_line(one.what);
      check_line(journal::refusal_text(one.reason));
    }
    while (detector_.say(limit_, &said_)) {
    }
    return refused;
  }
  // What is said to a restarted one.
  void speak(const std::vector<v1::Alert>& published) { detector_.speak(published, &said_); }

  const detect::Detector& detector() const { return detector_; }
  const detect::Emissions& said() const { return said_; }
  std::string text() const {
    std::string text;
    for (const v1::Alert& alert : said_.alerts) text += to_bytes(alert) + "\n";
    for (const v1::SeriesPoint& point : said_.points) text += to_bytes(point) + "\n";
    return text;
  }

 private:
  detect::Detector detector_;
  const std::size_t limit_;
  detect::Emissions said_;
};

// The newest revision of each; they have no gaps.
std::vector<v1::Alert> check_said(const detect::Emissions& said) {
  std::map<std::string, v1::Alert> newest;
  for (const v1::Alert& alert : said.alerts) {
    check_alert(alert);
    v1::Alert& before = newest[alert.alert_id()];
    SW_CHECK(alert.revision() == before.revision() + 1);
    SW_CHECK(alert.window_start().seconds() < alert.window_end().seconds());
    before = alert;
  }
  for (const v1::SeriesPoint& point : said.points) check_point(point);
  std::vector<v1::Alert> result;
  for (auto& [id, alert] : newest) result.push_back(std::move(alert));
  return result;
}

// Figures of all that can be counted, but for what was refused.
void check_same(const detect::DetectorStats& a, const detect::DetectorStats& b) {
  SW_CHECK(a.pane_updates == b.pane_updates && a.corrections == b.corrections);
  SW_CHECK(a.closed_panes == b.closed_panes && a.alerts_firing == b.alerts_firing);
  SW_CHECK(a.watermark == b.watermark && a.generations == b.generations);
  SW_CHECK(a.subjects == b.subjects && a.too_old == b.too_old);
}

void check(Bytes input) {
  const Flags flags(input.number(1));
  static const auto choices = static_cast<std::int64_t>(test::all_rules().rules.size()) + 1;
  const auto config = config_of(flags, input.pick(0, choices));
  auto silent = flags.options;
  silent.silent = true;
  Listener all(config, flags.options, 3), without(config, flags.options, SIZE_MAX),
      restarted(config, silent, SIZE_MAX);
  JournalRecords records(&input);
  v1::JournalRecord record;
  std::int64_t offset = 0;
  std::uint64_t taken = 0;
  for (; !input.empty() && offset < 256; ++offset) {
    const std::string bytes = records.next();
    if (const auto refused = journal::read_record(bytes, &record)) {
      SW_CHECK(refused->reason == journal::Refusal::kUnreadable && !refused->what.empty());
      continue;
    }
    ++taken;
    const bool is_refused = !all.take(record, offset).empty();
    restarted.take(record, offset);
    // Of a batch only entries are refused. A topology that nobody owns may be claimed later.
    const bool in_part = record.has_panes() || record.has_findings() || record.has_topology();
    if (!is_refused || in_part) without.take(record, offset);
  }
  SW_CHECK(all.detector().stats().records == taken);
  SW_CHECK(all.text() == without.text());
  check_same(all.detector().stats(), without.detector().stats());
  restarted.speak(check_said(all.said()));
  SW_CHECK(restarted.said().alerts.empty() && restarted.said().points.empty());
  all.detector().for_each_pane([&](const detect::ClosedPane& pane) {
    SW_CHECK(pane.key.size() == config->series[pane.series].group_by.size());
    SW_CHECK(!pane.values.is_zero());
  });
}

}  // namespace
}  // namespace surgewatch::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // it logs each string that is not UTF-8
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  surgewatch::fuzz::check({data, size});
  return 0;
}

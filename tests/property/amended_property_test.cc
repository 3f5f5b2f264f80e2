// A pane that comes late says in the end what it would have said in time: random panes of many
// subjects, under rules of every type, told to one detector before they close and to another with
// some of them missing, or wrong, until days or weeks later. The last revision of each alert that
// stands, and the last point of each window, may not differ.
//
// Rather than finality_property_test.cc, which goes through sources, this one reaches far back, has
// subjects enough that the tests of a window hold each other back, and silences.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/proto_json.h"
#include "detect/detector.h"
#include "property/last_points.h"
#include "unit/detect/all_rules.h"

namespace surgewatch::property {
namespace {

constexpr PaneIndex kFirstDay = 20'000;
constexpr PaneIndex kDays = 110;
constexpr PaneIndex kLongestDelay = 50;
constexpr int kSubjects = 24;

// A rule of each type, and of those that look at each other or at the whole one of another kind.
std::shared_ptr<const config::Config> make_config() {
  auto config = std::make_shared<config::Config>(test::all_rules());
  config->event_time.allowed_lateness = 60 * kMicrosPerDay;
  config->event_time.correction_horizon = 60 * kMicrosPerDay;
  for (config::Rule& rule : config->rules) {
    if (rule.reference.has_value()) rule.reference = test::days(kFirstDay + 2, kFirstDay + 12);
    if (rule.learning.has_value()) rule.learning->guard = 3;
    if (rule.assumed.has_value()) rule.assumed->floor = 5e6;
    if (rule.name == "hands") {
      rule.fire_at.change = 100;
      rule.clear_at.change = 80;
    }
    if (rule.name == "routes") rule.origins = {"C0", "C1", "C2"};
    if (rule.name == "line") {
      rule.fire_at.observed = 150e6;
      rule.clear_at.observed = 100e6;
    }
  }
  auto tables = std::make_shared<config::ReferenceTables>(*config->reference);
  for (int party = 0; party < 8; ++party) {
    tables->capacities.by_country["P" + std::to_string(party)] = {
        {.as_of = 0,
         .it_mw_e9 = 60'000'000'000'000,
         .vacancy_pct_e9 = 10'000'000'000,
         .accelerator_pct_e9 = 20'000'000'000,
         .data_centres = std::nullopt,
         .confidence = "low",
         .unsure = {}}};
  }
  config->reference = tables;
  config::Rule strict = config->rules[2];
  strict.name = "strict";
  strict.learning->false_discovery_rate = 0.02;
  strict.fire_at.excess_over_total = 1.2;
  config::Rule shallow = config->rules[7];
  shallow.name = "shallow";
  shallow.rollup = {{1}, {0, 1}};
  config->rules.push_back(strict);
  config->rules.push_back(shallow);
  return config;
}

struct Pane {
  int subject = 0;
  PaneIndex day = 0;
  std::int64_t documents = 0;
};

// What is told on a day, in its order: panes of that day, and of days before that were not told or
// told wrong.
using Story = std::vector<std::vector<Pane>>;
struct Stories {
  Story in_time, late;
};

class Writer {
 public:
  explicit Writer(std::uint64_t seed) : random_(seed) {}

  Stories write() {
    Stories stories;
    stories.in_time.resize(kDays);
    stories.late.resize(kDays + kLongestDelay);
    for (PaneIndex day = 0; day < kDays; ++day) {
      const bool is_silent = pick(0, 29) == 0 || (day > 60 && day < 68);
      for (int subject = 0; subject < kSubjects; ++subject) {
        if (is_silent && pick(0, 19) != 0) continue;
        const std::int64_t documents = documents_of(subject, day);
        if (documents > 0) add({subject, day, documents}, &stories);
      }
    }
    return stories;
  }

 private:
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  std::int64_t documents_of(int subject, PaneIndex day) {
    if (subject >= kSubjects - 4 && day < 50) return 0;  // some come late
    if (subject % 3 == 0 && pick(0, 4) != 0) return 0;   // some are there now and then
    if (pick(0, 39) == 0) surge_to_[subject] = day + pick(0, 5);
    const bool surges = surge_to_.contains(subject) && day <= surge_to_[subject];
    return pick(2, 9) * (surges ? 5 : 1);
  }
  void add(const Pane& pane, Stories* stories) {
    const auto day = static_cast<std::size_t>(pane.day);
    stories->in_time[day].push_back(pane);
    const std::int64_t kind = pick(0, 9);
    if (kind > 1) {
      stories->late[day].push_back(pane);
      return;
    }
    if (kind == 1) {
      Pane wrong = pane;
      wrong.documents += pick(1, 12);
      stories->late[day].push_back(wrong);
    }
    const bool is_soon = pick(0, 1) == 0;
    stories->late[day + static_cast<std::size_t>(pick(1, is_soon ? 3 : kLongestDelay))].push_back(
        pane);
  }

  std::mt19937_64 random_;
  std::map<int, PaneIndex> surge_to_;
};

struct Said {
  std::map<std::string, std::string> alerts, points;
};

Said run(const Story& story) {
  const auto config = make_config();
  detect::Detector detector(config);
  detect::Emissions out;
  std::int64_t offset = 0;
  detector.apply(test::topology(1, 1), &out);
  // The history begins for all alike.
  for (const SourceId source : {test::kInvoices0, test::kShipments0}) {
    detector.apply(
        test::progress(source, offset, kFirstDay * kMicrosPerDay, false, kFirstDay * kMicrosPerDay),
        &out);
  }
  for (std::size_t day = 0; day < story.size(); ++day) {
    test::Batch billed(test::kInvoices0, ++offset, "billed");
    test::Batch shipped(test::kShipments0, offset, "shipped");
    for (const Pane& pane : story[day]) {
      const std::string party = "P" + std::to_string(pane.subject % 12);
      const std::string place = "C" + std::to_string(pane.subject % 5);
      billed.update(
          {{party, place}, kFirstDay + pane.day, pane.documents * test::kDollar, pane.documents});
      if (pane.subject < 8) {
        shipped.update(
            {{party}, kFirstDay + pane.day, pane.documents * test::kDollar / 3, pane.documents});
      }
    }
    detector.apply(billed, &out);
    detector.apply(shipped, &out);
    const PaneIndex passed =
        kFirstDay + std::min<PaneIndex>(static_cast<PaneIndex>(day) + 1, kDays);
    for (const SourceId source : {test::kInvoices0, test::kShipments0}) {
      detector.apply(test::progress(source, offset, passed * kMicrosPerDay), &out);
    }
  }
  for (const SourceId source : {test::kInvoices0, test::kShipments0}) {
    detector.apply(test::progress(source, ++offset, std::nullopt, /*ended=*/true), &out);
  }
  EXPECT_EQ(detector.stats().too_old, 0u);
  Said said;
  std::map<std::string, v1::Alert> last;
  for (const v1::Alert& alert : out.alerts) last[alert.alert_id()] = alert;
  for (auto& [id, alert] : last) {
    if (alert.resolution() == v1::RESOLUTION_DATA_CORRECTED) continue;
    alert.clear_revision();
    // Words, evidence and contributors say what stood beside the figures.
    alert.clear_explanation();
    alert.clear_evidence();
    alert.clear_contributors();
    said.alerts[id] = to_json(alert);
  }
  said.points = last_points(out.points);
  return said;
}

void compare(const std::map<std::string, std::string>& in_time,
             const std::map<std::string, std::string>& late, const std::string& what) {
  int shown = 0;
  for (const auto& [key, text] : in_time) {
    const auto found = late.find(key);
    const std::string other = found == late.end() ? "" : found->second;
    if (text != other && ++shown <= 3) {
      ADD_FAILURE() << what << " " << key << "\n in time " << text << "\n late    " << other;
    }
  }
  for (const auto& [key, text] : late) {
    if (!in_time.contains(key) && ++shown <= 3) {
      ADD_FAILURE() << what << " " << key << "\n late alone " << text;
    }
  }
}

TEST(Amended, SaysWhatItWouldHaveSaidInTime) {
  std::map<std::string, int> alerts;
  for (std::uint64_t seed = 1; seed <= 4 && !testing::Test::HasFailure(); ++seed) {
    const Stories stories = Writer(seed).write();
    const Said in_time = run(stories.in_time);
    const Said late = run(stories.late);
    compare(in_time.alerts, late.alerts, "seed " + std::to_string(seed) + ", alert");
    compare(in_time.points, late.points, "seed " + std::to_string(seed) + ", point");
    for (const auto& [id, text] : in_time.alerts) {
      const auto at = text.find("\"rule\":\"") + 8;
      ++alerts[text.substr(at, text.find('"', at) - at)];
    }
  }
  const auto config = make_config();
  for (const config::Rule& rule : config->rules) {
    EXPECT_GT(alerts[rule.name], 3) << rule.name << " says too little";
  }
}

}  // namespace
}  // namespace surgewatch::property

// Where rules fire, beside a list of windows that is kept the simple way.
#include "detect/firings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "unit/detect/world.h"

namespace surgewatch::detect {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Micros kHour = kMicrosPerDay / 24;

// Two rules per bill_to, one per bill_to and ship_to.
config::Config weighing() {
  config::Config config = test::two_series();
  for (const char* name : {"a", "b", "pair"}) {
    config.rules.push_back(test::rule("threshold", 1));
    config.rules.back().name = name;
  }
  config.rules[2].per = {0, 1};
  test::add_typology("sum", 1, {{"a"}, {"b"}, {"pair"}}, &config);
  return config;
}

SubjectName name_of(const std::string& country, const std::string& other = "") {
  SubjectName name{.per = {0}, .values = {country}, .canonical = country};
  if (!other.empty()) name = {{0, 1}, {country, other}, country + ";" + other};
  return name;
}

// What the changes come to, as (region, rule, pane): a pane that holds nothing is not there.
using Held = std::map<std::tuple<std::string, std::string, PaneIndex>, std::int64_t>;
void take(Firings* firings, Held* held) {
  for (const journal::Change& change : firings->take_changes()) {
    const std::vector<std::string>& key = firings->key(change.key);
    std::int64_t& count = (*held)[{key.at(0), key.at(1), change.pane}];
    EXPECT_EQ(count, static_cast<std::int64_t>(change.before[Measure::kDocuments]));
    count = static_cast<std::int64_t>(change.after[Measure::kDocuments]);
    if (count == 0) held->erase({key.at(0), key.at(1), change.pane});
  }
}

TEST(Firings, AWindowCountsInThePaneInWhichItEnds) {
  const config::Config config = weighing();
  Firings firings(config, 3);
  Held held;
  firings.add(0, name_of("SG"), kMicrosPerDay);      // the end of day 0
  firings.add(0, name_of("SG"), kMicrosPerDay + 1);  // in day 1
  take(&firings, &held);
  EXPECT_EQ(held, (Held{{{"SG", "a", 0}, 1}, {{"SG", "a", 1}, 1}}));
}

TEST(Firings, WhatIsReplacedByTheSameChangesNothing) {
  const config::Config config = weighing();
  Firings firings(config, 3);
  firings.add(0, name_of("SG"), kMicrosPerDay);
  firings.add(0, name_of("SG"), 2 * kMicrosPerDay);
  firings.take_changes();
  firings.replace(0, name_of("SG"), 0, std::vector<Micros>{kMicrosPerDay, 2 * kMicrosPerDay});
  firings.replace(1, name_of("US"), 0, {});
  EXPECT_THAT(firings.take_changes(), IsEmpty());
}

TEST(Firings, ASubjectWithoutTheTypologysValueIsLeftOut) {
  const config::Config config = weighing();
  Firings firings(config, 3);
  firings.add(2, {.per = {}, .values = {}, .canonical = ""}, kMicrosPerDay);  // of a rollup's top
  EXPECT_THAT(firings.take_changes(), IsEmpty());
}

TEST(Firings, KeysThatHoldNothingAreLetGo) {
  const config::Config config = weighing();
  Firings firings(config, 3);
  firings.add(0, name_of("SG"), kMicrosPerDay);
  firings.add(1, name_of("SG"), 9 * kMicrosPerDay);
  firings.take_changes();
  std::vector<std::string> released;
  const auto release = [&](journal::KeyId) { released.push_back("one"); };
  firings.forget_before(0, release);
  EXPECT_THAT(released, IsEmpty());
  firings.forget_before(5, release);
  EXPECT_THAT(released, ElementsAre("one"));
  firings.add(0, name_of("SG"), 10 * kMicrosPerDay);
  Held held;
  take(&firings, &held);
  EXPECT_EQ(held, (Held{{{"SG", "a", 9}, 1}}));
}

TEST(Firings, AreWhatTheWindowsThatStandComeTo) {
  const config::Config config = weighing();
  const std::vector<std::string> rules{"a", "b", "pair"};
  std::mt19937_64 random(7);
  const auto pick = [&](std::uint64_t count) {
    return static_cast<std::int64_t>(random() % count);
  };
  for (int run = 0; run < 50; ++run) {
    Firings firings(config, 3);
    std::map<std::pair<std::size_t, std::string>, std::set<Micros>> stand;  // by rule and subject
    Held held;
    Micros now = 0;
    PaneIndex kept_from = 0;
    for (int step = 0; step < 400; ++step) {
      const auto rule = static_cast<std::size_t>(pick(3));
      const std::string country = pick(2) == 0 ? "SG" : "US";
      const SubjectName subject =
          rule == 2 ? name_of(country, pick(2) == 0 ? "MY" : "CN") : name_of(country);
      std::set<Micros>& ends = stand[{rule, subject.canonical}];
      if (pick(3) > 0) {
        now += kHour * (1 + pick(9));
        firings.add(rule, subject, now);
        ends.insert(now);
      } else {
        const Micros behind = std::max(kept_from * kMicrosPerDay, now - kHour * pick(200));
        std::vector<Micros> anew;
        for (Micros end = behind + kHour; end <= now; end += kHour * (1 + pick(30))) {
          anew.push_back(end);
        }
        firings.replace(rule, subject, behind, anew);
        ends.erase(ends.upper_bound(behind), ends.end());
        ends.insert(anew.begin(), anew.end());
      }
      if (pick(5) == 0) take(&firings, &held);
      if (pick(60) == 0) {
        take(&firings, &held);
        kept_from = std::max<PaneIndex>(kept_from, now / kMicrosPerDay - 4);
        firings.forget_before(kept_from, [](journal::KeyId) {});
      }
    }
    take(&firings, &held);
    std::erase_if(held, [&](const auto& one) { return std::get<2>(one.first) < kept_from; });
    Held expected;
    for (const auto& [of, ends] : stand) {
      for (const Micros end : ends) {
        const PaneIndex pane = pane_of(end - 1, kMicrosPerDay);
        if (pane >= kept_from) ++expected[{of.second.substr(0, 2), rules[of.first], pane}];
      }
    }
    ASSERT_EQ(held, expected) << "run " << run;
  }
}

}  // namespace
}  // namespace surgewatch::detect

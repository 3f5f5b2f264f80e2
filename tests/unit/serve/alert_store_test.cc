#include "serve/alert_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "unit/serve/builders.h"

namespace surgewatch::serve {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> ids(const std::vector<v1::Alert>& alerts) {
  std::vector<std::string> result;
  for (const auto& alert : alerts) result.push_back(alert.alert_id());
  return result;
}

AlertStore::Place at(std::int64_t offset, std::int64_t life = 0) {
  return {.life = life, .next_offset = offset};
}

std::vector<std::string> revisions(const AlertStore& store, std::int64_t from,
                                   std::size_t limit = 100) {
  std::vector<std::string> result;
  const auto found = store.since(at(from), limit);
  if (!found.ok()) return {"gone"};
  for (const auto& r : found->revisions) {
    result.push_back(r.alert->alert_id() + "#" + std::to_string(r.alert->revision()));
  }
  return result;
}

std::vector<std::int64_t> ends(const std::vector<v1::SeriesPoint>& points) {
  std::vector<std::int64_t> result;
  for (const auto& point : points) result.push_back(point.window_end().seconds());
  return result;
}

TEST(Matches, EmptyFilterTakesEverything) {
  EXPECT_TRUE(matches({}, v1::Alert()));
  EXPECT_TRUE(matches({}, make_alert("a")));
}

TEST(Matches, SeverityIsTheLeastThatPasses) {
  v1::AlertFilter filter;
  filter.set_min_severity(v1::SEVERITY_WARNING);
  EXPECT_FALSE(matches(filter, make_alert("a", 1, "SG", 0, v1::SEVERITY_INFO)));
  EXPECT_TRUE(matches(filter, make_alert("a", 1, "SG", 0, v1::SEVERITY_WARNING)));
  EXPECT_TRUE(matches(filter, make_alert("a", 1, "SG", 0, v1::SEVERITY_CRITICAL)));
}

TEST(Matches, RegionIsAnyValueOfTheSubject) {
  v1::AlertFilter filter;
  filter.add_regions("TW");
  filter.add_regions("CN");
  v1::Alert alert = make_alert("a");
  EXPECT_FALSE(matches(filter, alert));
  (*alert.mutable_subject())["ship_to"] = "CN";
  EXPECT_TRUE(matches(filter, alert));
}

TEST(Matches, RuleAndStateMustBeEqual) {
  v1::AlertFilter filter;
  filter.add_rules("rule-of-SG");
  filter.set_state(v1::ALERT_STATE_FIRING);
  EXPECT_TRUE(matches(filter, make_alert("a")));
  EXPECT_FALSE(matches(filter, make_alert("a", 1, "TW")));
  EXPECT_FALSE(
      matches(filter, make_alert("a", 1, "SG", 0, v1::SEVERITY_INFO, v1::ALERT_STATE_RESOLVED)));
}

TEST(AlertStore, ListsTheNewestRevisionNewestOnsetFirstThenById) {
  AlertStore store(100);
  store.add(0, make_alert("b", 1, "SG", 10));
  store.add(1, make_alert("c", 1, "SG", 20));
  store.add(2, make_alert("a", 1, "SG", 10));
  store.add(3, make_alert("b", 2, "SG", 10));
  EXPECT_THAT(ids(store.list({})), ElementsAre("c", "a", "b"));
  EXPECT_EQ(store.get("b")->revision(), 2);
  EXPECT_FALSE(store.get("d").has_value());
}

TEST(AlertStore, ARevisionThatMovesTheOnsetIsListedOnce) {
  AlertStore store(100);
  store.add(0, make_alert("a", 1, "SG", 10));
  store.add(1, make_alert("a", 2, "SG", 30));
  EXPECT_THAT(ids(store.list({})), ElementsAre("a"));
}

TEST(AlertStore, ARevisionThatIsNotNewerChangesNothingButTheEnd) {
  AlertStore store(100);
  store.add(0, make_alert("a", 1));
  store.add(1, make_alert("a", 2));
  store.add(2, make_alert("a", 2));
  store.add(3, make_alert("a", 1, "TW"));
  store.add(4, make_alert("b", 0));
  EXPECT_EQ(store.get("a")->subject().at("bill_to"), "SG");
  EXPECT_THAT(revisions(store, 0), ElementsAre("a#1", "a#2"));
  EXPECT_EQ(store.next_offset(), 5);
  EXPECT_FALSE(store.get("b").has_value());
}

// The detector goes on counting from what it has said itself.
TEST(AlertStore, WhoeverJumpsMutesNobody) {
  AlertStore store(100);
  store.add(0, make_alert("a", 1));
  store.add(1, make_alert("a", 1'000'000, "TW"));
  store.add(2, make_alert("a", INT32_MAX, "TW"));
  store.add(3, make_alert("a", 2));
  EXPECT_EQ(store.get("a")->revision(), 2);
  EXPECT_EQ(store.get("a")->subject().at("bill_to"), "SG");
  store.add(4, make_alert("a", 3, "TW"));
  store.add(5, make_alert("a", 3));
  EXPECT_EQ(store.get("a")->subject().at("bill_to"), "SG") << "the later of one number";
  EXPECT_THAT(ids(store.list({})), ElementsAre("a"));
}

TEST(AlertStore, ARecordThatWasSeenBeforeChangesNothing) {
  AlertStore store(100);
  store.add(5, make_alert("a", 1));
  store.add(5, make_alert("a", 2));
  store.add(4, make_alert("b", 1));
  EXPECT_THAT(revisions(store, 0), ElementsAre("a#1"));
  EXPECT_THAT(ids(store.list({})), ElementsAre("a"));
}

TEST(AlertStore, ResumesBehindAnyOffset) {
  AlertStore store(100);
  store.add(0, make_alert("a", 1));
  store.add(3, make_alert("a", 2));
  store.add(4, make_alert("b", 1));
  EXPECT_THAT(revisions(store, 0), ElementsAre("a#1", "a#2", "b#1"));
  EXPECT_THAT(revisions(store, 1), ElementsAre("a#2", "b#1"));
  EXPECT_THAT(revisions(store, 4), ElementsAre("b#1"));
  EXPECT_THAT(revisions(store, 5), IsEmpty());
  EXPECT_THAT(revisions(store, 0, 2), ElementsAre("a#1", "a#2"));
  EXPECT_EQ(store.since(at(0), 0)->next.next_offset, 0);
  EXPECT_EQ(store.since(at(1), 0)->next.next_offset, 3);
  EXPECT_EQ(store.since(at(0), 2)->next.next_offset, 4);
  EXPECT_EQ(store.since(at(0), 3)->next.next_offset, 5);
  store.advance(9);
  EXPECT_EQ(store.since(at(0), 3)->next.next_offset, 9);
}

TEST(AlertStore, KeepsTheLastRevisionsAndSaysWhenSomeAreGone) {
  AlertStore store(2);
  store.add(0, make_alert("a", 1));
  store.add(2, make_alert("a", 2));
  EXPECT_THAT(revisions(store, 0), ElementsAre("a#1", "a#2"));
  store.add(4, make_alert("a", 3));
  EXPECT_THAT(revisions(store, 0), ElementsAre("gone"));
  EXPECT_THAT(revisions(store, 1), ElementsAre("a#2", "a#3"));
  EXPECT_TRUE(absl::IsOutOfRange(store.since(at(0), 1).status()));
}

TEST(AlertStore, BeyondItsLimitTheOldestResolvedAlertGoes) {
  AlertStore store(AlertStore::Limits{.alerts = 2});
  const auto resolved = v1::ALERT_STATE_RESOLVED;
  store.add(0, make_alert("old-firing", 1, "SG", 10));
  store.add(1, make_alert("resolved", 1, "SG", 20, v1::SEVERITY_INFO, resolved));
  EXPECT_THAT(store.list({}), SizeIs(2));
  store.add(2, make_alert("new", 1, "SG", 30));
  EXPECT_THAT(ids(store.list({})), ElementsAre("new", "old-firing"));
  store.add(3, make_alert("newest", 1, "SG", 40));
  EXPECT_THAT(ids(store.list({})), ElementsAre("newest", "new"));
}

TEST(AlertStore, WhoAsksForAllIsToldOfEverySeverity) {
  AlertStore store(AlertStore::Limits{});
  for (const int severity : {INT32_MIN, -1, 0, 77, INT32_MAX}) {
    store.add(store.next_offset(), make_alert("a" + std::to_string(severity), 1, "SG", 1'000,
                                              static_cast<v1::Severity>(severity)));
  }
  EXPECT_EQ(store.list({}).size(), 5u);
  v1::AlertFilter warnings;
  warnings.set_min_severity(v1::SEVERITY_WARNING);
  EXPECT_EQ(store.list(warnings).size(), 2u);
}

TEST(AlertStore, ATombstoneTakesTheAlertOutOfTheList) {
  AlertStore store(100);
  store.add(0, make_alert("a"));
  store.forget(1, "a");
  store.forget(2, "never-there");
  EXPECT_THAT(store.list({}), IsEmpty());
  EXPECT_EQ(store.next_offset(), 3);
}

TEST(AlertStore, PagesShowEachAlertOnce) {
  AlertStore store(100);
  for (int i = 0; i < 5; ++i) store.add(i, make_alert("a" + std::to_string(i), 1, "SG", i / 2));
  std::vector<std::string> seen;
  std::optional<AlertStore::Cursor> after;
  int pages = 0;
  do {
    const auto page = store.page({}, after, 2);
    EXPECT_EQ(page.place.next_offset, 5);
    for (const auto& alert : page.alerts) seen.push_back(alert->alert_id());
    after = page.next;
    ++pages;
  } while (after);
  EXPECT_THAT(seen, ElementsAre("a4", "a2", "a3", "a0", "a1"));
  EXPECT_EQ(pages, 3);
}

TEST(AlertStore, AFullLastPageHasNoNext) {
  AlertStore store(100);
  store.add(0, make_alert("a"));
  store.add(1, make_alert("b"));
  EXPECT_FALSE(store.page({}, std::nullopt, 2).next.has_value());
  EXPECT_TRUE(store.page({}, std::nullopt, 1).next.has_value());
}

TEST(AlertStore, WaitEndsByARevisionOrTheDeadline) {
  AlertStore store(100);
  EXPECT_FALSE(store.wait_beyond(at(0), milliseconds(1)));
  store.add(0, make_alert("a"));
  EXPECT_TRUE(store.wait_beyond(at(0), milliseconds(0)));
  EXPECT_FALSE(store.wait_beyond(at(1), milliseconds(1)));
  std::thread writer([&] { store.advance(2); });
  EXPECT_TRUE(store.wait_beyond(at(1), milliseconds(20'000)));
  writer.join();
}

TEST(AlertStore, StopWakesThoseWhoWait) {
  AlertStore store(100);
  std::thread stopper([&] { store.stop(); });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(store.wait_beyond(at(0), milliseconds(60'000)));
  stopper.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
  EXPECT_TRUE(store.stopped());
}

TEST(AlertStore, WhoWatchesIsToldOfEachChangeAndMayRead) {
  AlertStore store(100);
  std::vector<std::int64_t> seen;
  auto watch = store.watch([&] { seen.push_back(store.next_offset()); });
  auto other = store.watch([] {});
  store.add(0, make_alert("a"));
  store.forget(1, "a");
  store.advance(4);
  EXPECT_THAT(seen, ElementsAre(1, 2, 4));
  seen.clear();
  store.reset();
  EXPECT_THAT(seen, ElementsAre(0));
  seen.clear();
  store.stop();
  EXPECT_THAT(seen, ElementsAre(0));
  watch.reset();
  store.add(0, make_alert("b"));
  EXPECT_THAT(seen, ElementsAre(0));
}

TEST(AlertStore, AWatchThatHasBeenLetGoOfIsNotCalledAnyMore) {
  AlertStore store(100);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::int64_t i = 0; !done; ++i) store.advance(i + 1);
  });
  for (int i = 0; i < 1'000; ++i) {
    std::atomic<int> calls{0};
    auto counter = std::make_unique<int>(0);  // gone before the next round
    auto watch = store.watch([&] {
      ++*counter;
      ++calls;
    });
    while (calls == 0) std::this_thread::yield();
    watch.reset();
    EXPECT_EQ(*counter, calls);
  }
  done = true;
  writer.join();
}

TEST(AlertStore, ReadersAndTheWriterMeetWithoutALoss) {
  constexpr int kCount = 5'000;
  AlertStore store(kCount);
  std::thread writer([&] {
    for (int i = 0; i < kCount; ++i) {
      store.add(i, make_alert("a", i + 1));
      store.add(make_point("r", "SG", i % 50));
    }
  });
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      AlertStore::Place position;
      std::int64_t points = 0;
      int expected = 1;
      while (expected <= kCount && store.wait_beyond(position, milliseconds(20'000))) {
        const auto found = store.since(position, 64);
        ASSERT_TRUE(found.ok());
        for (const auto& revision : found->revisions) {
          ASSERT_EQ(revision.alert->revision(), expected++);
        }
        position = found->next;
        points = store.points_since(points, 100).next;
        store.page({}, std::nullopt, 10);
      }
      EXPECT_EQ(expected, kCount + 1);
    });
  }
  writer.join();
  for (auto& reader : readers) reader.join();
}

// --- Another log -----------------------------------------------------------------------------

TEST(AlertStore, ResetForgetsTheLogAndIsLoadingUntilItIsToldOtherwise) {
  AlertStore store(100);
  EXPECT_TRUE(store.place().loaded);
  store.set_identity(7);
  store.add(41, make_alert("a"));
  store.add(make_point("r", "SG", 100));
  store.reset();
  const AlertStore::Place empty = store.place();
  EXPECT_EQ(empty.life, 1);
  EXPECT_EQ(empty.identity, 0U);
  EXPECT_EQ(empty.next_offset, 0);
  EXPECT_FALSE(empty.loaded);
  EXPECT_FALSE(store.get("a"));
  EXPECT_THAT(store.list({}), IsEmpty());
  EXPECT_THAT(store.points({}), IsEmpty());
  EXPECT_THAT(store.latest_points(), IsEmpty());
  // The new log begins below where the old one stood.
  EXPECT_TRUE(store.add(0, make_alert("b")).is_news);
  store.set_loaded();
  EXPECT_TRUE(store.page({}, std::nullopt, 10).place.loaded);
  EXPECT_THAT(ids(store.list({})), ElementsAre("b"));
}

TEST(AlertStore, WhoReadsTheOldLogIsWokenAndTold) {
  AlertStore store(100);
  store.add(0, make_alert("a"));
  std::thread resetter([&] { store.reset(); });
  EXPECT_TRUE(store.wait_beyond(at(1), milliseconds(20'000)));
  resetter.join();
  EXPECT_TRUE(absl::IsAborted(store.since(at(1), 1).status()));
  EXPECT_TRUE(store.since(at(0, 1), 1).ok());
}

TEST(AlertStore, PointsThatWereTakenOutliveAReset) {
  AlertStore store(100);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop) {
      for (int i = 0; i < 200; ++i) store.add(make_point("r", "SG" + std::to_string(i), i));
      store.reset();
    }
  });
  for (int i = 0; i < 2'000; ++i) {
    for (const v1::SeriesPoint& point : store.points({})) ASSERT_EQ(point.rule(), "r");
  }
  stop = true;
  writer.join();
}

// The revision says in which life it was added.
TEST(AlertStore, NoReaderMixesTwoLives) {
  constexpr int kLives = 200;
  constexpr int kPerLife = 20;
  AlertStore store(100);
  std::thread writer([&] {
    for (int life = 0; life <= kLives; ++life) {
      if (life > 0) store.reset();
      for (int i = 0; i < kPerLife; ++i) {
        store.add(i, make_alert("a" + std::to_string(i), life + 1));
        store.add(make_point("r", "SG", i));
      }
      store.set_loaded();
    }
  });
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      AlertStore::Place position;
      while (position.life < kLives || position.next_offset < kPerLife) {
        ASSERT_TRUE(store.wait_beyond(position, milliseconds(20'000)));
        const auto found = store.since(position, 7);
        if (!found.ok()) {
          ASSERT_TRUE(absl::IsAborted(found.status())) << found.status();
          position = {.life = store.place().life};
          continue;
        }
        for (const auto& revision : found->revisions) {
          ASSERT_EQ(revision.alert->revision(), position.life + 1);
        }
        position = found->next;
        const auto page = store.page({}, std::nullopt, 10);
        for (const auto& alert : page.alerts) ASSERT_EQ(alert->revision(), page.place.life + 1);
        store.latest_points();
        store.points_since(0, 10);
      }
    });
  }
  writer.join();
  for (auto& reader : readers) reader.join();
}

TEST(AlertStore, SaysWhatIsNewsAndWhatHadToGo) {
  AlertStore store(AlertStore::Limits{.alerts = 2});
  EXPECT_TRUE(store.add(0, make_alert("a", 1, "SG", 1)).is_news);
  EXPECT_FALSE(store.add(1, make_alert("a", 1, "SG", 1)).is_news);
  EXPECT_FALSE(store.add(0, make_alert("a", 3, "SG", 1)).is_news) << "seen before";
  EXPECT_EQ(store.add(2, make_alert("b", 1, "SG", 2)).evicted, "");
  EXPECT_EQ(store.evicted_alerts(), 0U);
  EXPECT_EQ(store.add(3, make_alert("c", 1, "SG", 3)).evicted, "a");
  EXPECT_EQ(store.evicted_alerts(), 1U);
}

// Two subjects are two whatever bytes their values hold.
TEST(Points, NoValueReachesIntoTheNextDimension) {
  const auto point = [](const std::string& first, const std::string& second) {
    v1::SeriesPoint made = make_point("r", first, 100);
    (*made.mutable_subject())["end_user"] = second;
    return made;
  };
  using std::string_literals::operator""s;
  AlertStore store(AlertStore::Limits{});
  store.add(point("x\0end_user\1y"s, "z"));
  store.add(point("x", "y\0end_user\1z"s));
  store.add(point("x\0"s, "y"));
  store.add(point("x", "\0y"s));
  EXPECT_THAT(store.latest_points(), SizeIs(4));
}

// --- Points ----------------------------------------------------------------------------------

TEST(Points, ComeInTheOrderOfTheirWindowsWhateverOrderTheyCameIn) {
  AlertStore store(1);
  for (const int end : {300, 100, 200}) store.add(make_point("r", "SG", end));
  store.add(make_point("r", "TW", 150));
  EXPECT_THAT(ends(store.points({})), ElementsAre(100, 150, 200, 300));
}

TEST(Points, ASecondPointOfAWindowReplacesTheFirst) {
  AlertStore store(1);
  store.add(make_point("r", "SG", 100, 1));
  store.add(make_point("r", "SG", 100, 2));
  const auto points = store.points({});
  ASSERT_THAT(points, SizeIs(1));
  EXPECT_EQ(points[0].observed(), 2);
}

TEST(Points, ComeBackAsTheyWere) {
  AlertStore store(1);
  v1::SeriesPoint point = make_point("r", "SG", 172'800, 7.5);
  point.set_rule_type(v1::RULE_TYPE_SHARE_SHIFT);
  point.set_unit("share");
  point.set_comparison(v1::COMPARISON_GROWTH);
  point.set_expected(0);
  point.set_firing(true);
  store.add(point);
  v1::SeriesPoint other = make_point("r", "SG", 259'200);
  other.set_upper_bound(3);
  other.set_inconclusive(true);
  store.add(other);
  const auto points = store.points({});
  ASSERT_THAT(points, SizeIs(2));
  EXPECT_EQ(points[0].SerializeAsString(), point.SerializeAsString());
  EXPECT_TRUE(points[0].has_expected());
  EXPECT_FALSE(points[0].has_upper_bound());
  EXPECT_EQ(points[1].upper_bound(), 3);
  EXPECT_FALSE(points[1].has_expected());
  EXPECT_TRUE(points[1].inconclusive());
}

TEST(Points, AreFilteredByRuleSubjectAndTime) {
  AlertStore store(1);
  for (const int end : {100, 200, 300}) {
    store.add(make_point("r", "SG", end));
    store.add(make_point("r", "TW", end));
    store.add(make_point("s", "SG", end));
  }
  EXPECT_THAT(store.points({.rule = "r"}), SizeIs(6));
  EXPECT_THAT(store.points({.subject = {{"bill_to", "SG"}}}), SizeIs(6));
  EXPECT_THAT(store.points({.subject = {{"ship_to", "SG"}}}), IsEmpty());
  EXPECT_THAT(ends(store.points({.rule = "s", .from_seconds = 200})), ElementsAre(200, 300));
  EXPECT_THAT(ends(store.points({.rule = "s", .from_seconds = 201})), ElementsAre(300));
  EXPECT_THAT(ends(store.points({.rule = "s", .to_seconds = 200})), ElementsAre(100, 200));
  EXPECT_THAT(ends(store.points({.rule = "s", .to_seconds = 199})), ElementsAre(100));
  EXPECT_THAT(store.points({.to_seconds = 99}), IsEmpty());
}

TEST(Points, ALimitTakesTheNewest) {
  AlertStore store(1);
  for (const int end : {100, 200, 300}) {
    store.add(make_point("r", "SG", end));
    store.add(make_point("r", "TW", end + 50));
  }
  EXPECT_THAT(ends(store.points({.limit = 3})), ElementsAre(250, 300, 350));
  EXPECT_THAT(store.points({.limit = 6}), SizeIs(6));
}

TEST(Points, AStepTakesTheNewestOfEachStep) {
  AlertStore store(1);
  for (const int end : {-50, 0, 99, 100, 150, 199, 250}) store.add(make_point("r", "SG", end));
  EXPECT_THAT(ends(store.points({.step_seconds = 100})), ElementsAre(-50, 99, 199, 250));
}

TEST(Points, AFullRingDropsItsOldest) {
  AlertStore store(AlertStore::Limits{.points_per_subject = 2});
  store.add(make_point("r", "SG", 100));
  store.add(make_point("r", "SG", 200));
  EXPECT_EQ(store.dropped_points(), 0U);
  store.add(make_point("r", "SG", 300));
  EXPECT_THAT(ends(store.points({})), ElementsAre(200, 300));
  store.add(make_point("r", "SG", 150));
  EXPECT_THAT(ends(store.points({})), ElementsAre(200, 300));
  store.add(make_point("r", "SG", 200, 9));
  EXPECT_THAT(ends(store.points({})), ElementsAre(200, 300));
  EXPECT_EQ(store.dropped_points(), 2U);
}

TEST(Points, SubjectsBeyondTheLimitAreDroppedAndCounted) {
  AlertStore store(AlertStore::Limits{.subjects = 1});
  store.add(make_point("r", "SG", 100));
  store.add(make_point("r", "TW", 100));
  store.add(make_point("r", "SG", 200));
  EXPECT_THAT(store.points({}), SizeIs(2));
  EXPECT_EQ(store.dropped_points(), 1U);
}

TEST(Points, TheLatestOfEachSubjectIsOrderedByRuleAndSubject) {
  AlertStore store(1);
  store.add(make_point("s", "SG", 100));
  store.add(make_point("r", "TW", 200));
  store.add(make_point("r", "SG", 300));
  store.add(make_point("r", "SG", 250));
  EXPECT_THAT(ends(store.latest_points()), ElementsAre(300, 200, 100));
}

TEST(PointChanges, TellEachPointOnceAsItIsNow) {
  AlertStore store(1);
  store.add(make_point("r", "SG", 100));
  const std::int64_t start = store.point_sequence();
  store.add(make_point("r", "SG", 200, 1));
  store.add(make_point("r", "SG", 200, 2));
  store.add(make_point("r", "TW", 200, 3));
  const auto changes = store.points_since(start, 100);
  ASSERT_THAT(changes.points, SizeIs(2));
  EXPECT_EQ(changes.points[0].observed(), 2);
  EXPECT_TRUE(changes.complete);
  EXPECT_THAT(store.points_since(changes.next, 100).points, IsEmpty());
}

TEST(PointChanges, GoOnWhereALimitCutThem) {
  AlertStore store(1);
  for (int end = 1; end <= 5; ++end) store.add(make_point("r", "SG", end));
  const auto first = store.points_since(0, 3);
  EXPECT_THAT(ends(first.points), ElementsAre(1, 2, 3));
  EXPECT_THAT(ends(store.points_since(first.next, 3).points), ElementsAre(4, 5));
  const auto early = store.points_since(0, 10, 2);
  EXPECT_THAT(ends(early.points), ElementsAre(1, 2));
  EXPECT_EQ(early.next, 2);
  EXPECT_EQ(store.points_since(3, 10, 2).next, 3) << "nobody goes back";
}

TEST(PointChanges, SayWhenSomeAreGone) {
  AlertStore store(AlertStore::Limits{.point_changes = 2});
  for (int end = 1; end <= 3; ++end) store.add(make_point("r", "SG", end));
  EXPECT_TRUE(store.points_since(1, 10).complete);
  const auto late = store.points_since(0, 10);
  EXPECT_FALSE(late.complete);
  EXPECT_EQ(late.next, 3);
  EXPECT_FALSE(store.points_since(4, 10).complete) << "a sequence of another store";
}

}  // namespace
}  // namespace surgewatch::serve

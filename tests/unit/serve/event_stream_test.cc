#include "serve/event_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "unit/serve/builders.h"

namespace surgewatch::serve {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

EventStream stream_from_the_beginning(const AlertStore& store, api::StreamRequest request = {}) {
  request.from = ResumeToken{.next_offset = 0};
  return {&store, store.place(), std::move(request), seconds(60)};
}

TEST(EventStreamTest, SaysNoMoreThanItsBudgetAndOneEvent) {
  AlertStore store(100);
  for (int i = 0; i < 10; ++i) store.add(i, make_alert("a" + std::to_string(i)));
  PointNews points(&store);
  EventStream stream = stream_from_the_beginning(store);
  EXPECT_THAT(stream.next(1, &points).text, HasSubstr("retry: 2000\n: heartbeat\nid: "));
  for (int i = 0; i < 10; ++i) {
    const EventStream::Batch batch = stream.next(1, &points);
    EXPECT_THAT(batch.text, AllOf(HasSubstr("\"a" + std::to_string(i) + "\""),
                                  Not(HasSubstr("\"a" + std::to_string(i + 1) + "\""))));
    EXPECT_EQ(batch.responses, 1);
    EXPECT_EQ(batch.more, i < 9);
  }
  EXPECT_THAT(stream.next(1, &points).text, IsEmpty());
}

TEST(EventStreamTest, LooksThroughManyRevisionsThatDoNotMatchInTurns) {
  AlertStore store(2'000);
  for (int i = 0; i < 1'000; ++i) store.add(i, make_alert("a" + std::to_string(i), 1, "SG"));
  store.add(1'000, make_alert("wanted", 1, "TW"));
  PointNews points(&store);
  api::StreamRequest request;
  request.filter.add_regions("TW");
  EventStream stream = stream_from_the_beginning(store, request);
  stream.next(1, &points);
  int turns = 0;
  for (; turns < 10; ++turns) {
    const EventStream::Batch batch = stream.next(1'000, &points);
    if (batch.text.find("\"wanted\"") != std::string::npos) break;
    EXPECT_TRUE(batch.more) << "others get their turn, and it goes on at once";
  }
  EXPECT_GT(turns, 1);
  EXPECT_LT(turns, 10);
}

TEST(EventStreamTest, TellsAReaderThatFellBehindFromOneThatCameTooLate) {
  AlertStore store(2);
  for (int i = 0; i < 4; ++i) store.add(i, make_alert("a" + std::to_string(i)));
  PointNews points(&store);
  EventStream late = stream_from_the_beginning(store);
  EventStream slow(&store, store.place(), {}, seconds(60));
  for (EventStream* stream : {&late, &slow}) stream->next(1, &points);
  const EventStream::Batch too_late = late.next(1, &points);
  EXPECT_TRUE(too_late.ends && !too_late.fell_behind);
  slow.next(1, &points);
  for (int i = 4; i < 8; ++i) store.add(i, make_alert("a" + std::to_string(i)));
  const EventStream::Batch behind = slow.next(1, &points);
  EXPECT_TRUE(behind.ends && behind.fell_behind);
  EXPECT_THAT(behind.text, HasSubstr("event: reset"));
}

TEST(PointNewsTest, StreamsComeTogetherAndAreToldTheSameBytes) {
  AlertStore store(100);
  PointNews news(&store);
  store.add(make_point("r", "SG", 100));
  const std::int64_t early = 0;
  const std::int64_t late = store.point_sequence();
  store.add(make_point("r", "TW", 100));
  const PointNews::News& of_early = news.since(early, 7);
  // Changed within the slice: it belongs to the next, or they would never come together.
  store.add(make_point("r", "US", 100));
  const PointNews::News& of_late = news.since(late, 7);
  EXPECT_THAT(of_early.event, AllOf(HasSubstr("\"SG\""), HasSubstr("\"TW\"")));
  EXPECT_THAT(of_late.event,
              AllOf(Not(HasSubstr("\"SG\"")), HasSubstr("\"TW\""), Not(HasSubstr("\"US\""))));
  EXPECT_EQ(of_early.next, of_late.next);
  const std::int64_t together = of_early.next;
  const PointNews::News& next = news.since(together, 8);
  EXPECT_THAT(next.event, AllOf(Not(HasSubstr("\"TW\"")), HasSubstr("\"US\"")));
  EXPECT_EQ(&next, &news.since(together, 8)) << "written once";
}

TEST(PointNewsTest, AStreamThatCameWithinTheSliceWaitsForTheNext) {
  AlertStore store(100);
  PointNews news(&store);
  news.since(0, 7);
  store.add(make_point("r", "SG", 100));
  const std::int64_t newcomer = store.point_sequence();
  const PointNews::News now = news.since(newcomer, 7);
  EXPECT_EQ(now.event, "");
  EXPECT_EQ(now.next, newcomer);
}

TEST(PointNewsTest, SaysThatSomeWereMissed) {
  AlertStore store(AlertStore::Limits{.point_changes = 2});
  PointNews news(&store);
  for (int i = 0; i < 4; ++i) store.add(make_point("r", "SG", 100 + i));
  const PointNews::News& missed = news.since(0, 7);
  EXPECT_THAT(missed.event, HasSubstr("\"complete\":false"));
  EXPECT_EQ(missed.next, store.point_sequence());
}

}  // namespace
}  // namespace surgewatch::serve

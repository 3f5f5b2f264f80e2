#include "common/beginning.h"

#include <gtest/gtest.h>

namespace surgewatch::services {
namespace {

TEST(Remembering, ComesBackAsItWent) {
  for (const Remembered& one :
       {Remembered{}, Remembered{.own = {12, 0xFEDCBA9876543210}, .partitions = 3},
        Remembered{.own = {0, 1}, .partner = Beginning{7, std::nullopt}},
        Remembered{.own = {INT64_MAX, UINT64_MAX}, .partner = Beginning{0, 0}, .partitions = 1}}) {
    EXPECT_EQ(from_metadata(to_metadata(one)), one) << to_metadata(one);
  }
}

// What a group of an earlier release has committed, or somebody's tool.
TEST(Remembering, OfNothingIsTheBeginningAtZero) {
  for (const char* text : {"", "partial", "v1", "first=", "first=x record=zz", "first=-3",
                           "v2 something=else", "   "}) {
    EXPECT_EQ(from_metadata(text), Remembered{}) << text;
  }
}

TEST(Remembering, ReadsWhatItKnowsOfALaterForm) {
  EXPECT_EQ(from_metadata("v9 first=5 colour=red record=00000000000000ff").own,
            (Beginning{5, 255}));
}

TEST(Fingerprint, TellsEveryPartApart) {
  const std::string_view absent;
  const std::string_view empty = "";
  const std::uint64_t base = fingerprint(5, "k", true, "p");
  EXPECT_EQ(base, fingerprint(5, "k", true, "p"));
  EXPECT_NE(base, fingerprint(6, "k", true, "p"));
  EXPECT_NE(base, fingerprint(std::nullopt, "k", true, "p"));
  EXPECT_NE(base, fingerprint(5, "l", true, "p"));
  EXPECT_NE(base, fingerprint(5, "k", true, "q"));
  EXPECT_NE(fingerprint(5, "kp", true, empty), fingerprint(5, "k", true, "p"));
  EXPECT_NE(fingerprint(5, "", true, "p"), fingerprint(5, "", false, "p"));
  EXPECT_NE(fingerprint(5, "k", true, absent), fingerprint(5, "k", true, empty));
}

TEST(Start, OfAFirstLifeIsWhereverTheLogBegins) {
  EXPECT_EQ(judge_start({}, {.first = 0, .next = 0}), Incident::kNone);
  EXPECT_EQ(judge_start({}, {.first = 100, .next = 200}), Incident::kNone);
}

TEST(Start, AgainNeedsTheLogBackToTheFirstLifesBeginning) {
  const StartFacts facts{.committed = 150, .remembered = {.first = 100}};
  EXPECT_EQ(judge_start(facts, {.first = 99, .next = 200}), Incident::kNone);
  EXPECT_EQ(judge_start(facts, {.first = 100, .next = 200}), Incident::kNone);
  EXPECT_EQ(judge_start(facts, {.first = 101, .next = 200}), Incident::kLogStartMoved);
  // All of it is gone.
  EXPECT_EQ(judge_start(facts, {.first = 200, .next = 200}), Incident::kLogStartMoved);
}

TEST(Start, AgainNeedsTheLogUpToWhatWasRead) {
  const StartFacts facts{.committed = 150};
  EXPECT_EQ(judge_start(facts, {.first = 0, .next = 150}), Incident::kNone);
  EXPECT_EQ(judge_start(facts, {.first = 0, .next = 149}), Incident::kTopicReplaced);
  const StartFacts running{.committed = 150, .reached = 170};
  EXPECT_EQ(judge_start(running, {.first = 0, .next = 170}), Incident::kNone);
  EXPECT_EQ(judge_start(running, {.first = 0, .next = 169}), Incident::kTopicReplaced);
}

TEST(Start, WithoutOffsetsThatThePartnerRemembersIsOfAnotherTopic) {
  EXPECT_EQ(judge_start({.partner_recalls = Beginning{}}, {.first = 0, .next = 10}),
            Incident::kTopicReplaced);
  EXPECT_EQ(judge_start({.partner_recalls = Beginning{}}, {.first = 1, .next = 10}),
            Incident::kLogStartMoved);
  EXPECT_EQ(judge_start({.committed = 5, .partner_recalls = Beginning{}}, {.first = 0, .next = 10}),
            Incident::kNone);
}

TEST(FirstRecord, MustBeTheOneThatWasFirst) {
  const Beginning remembered{.first = 100, .record = 7};
  EXPECT_EQ(judge_first(remembered, 100, 7), Incident::kNone);
  EXPECT_EQ(judge_first(remembered, 100, 8), Incident::kTopicReplaced);
  EXPECT_EQ(judge_first(remembered, 101, 7), Incident::kLogStartMoved);
  EXPECT_EQ(judge_first(remembered, 99, 7), Incident::kTopicReplaced);
  EXPECT_EQ(judge_first({.first = 0}, 3, 8), Incident::kNone);
}

}  // namespace
}  // namespace surgewatch::services

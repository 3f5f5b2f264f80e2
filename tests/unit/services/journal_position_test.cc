#include "detector/journal_position.h"

#include <gmock/gmock.h>

namespace surgewatch::services {
namespace {

using ::testing::HasSubstr;

const kafka::TopicPartition kJournal{"surgewatch.journal", 0};

const kafka::StoredRecord kFirst{.offset = 0,
                                 .timestamp_ms = 1'700'000'000'000,
                                 .key = "k",
                                 .has_key = true,
                                 .payload = "payload"};

std::uint64_t first_fingerprint() {
  return fingerprint(kFirst.timestamp_ms, kFirst.key, kFirst.payload);
}

TEST(JournalPosition, GoesThroughACommit) {
  const JournalPosition whole{.next = 7, .transaction = 3, .first_record = 0x0123456789abcdef};
  EXPECT_EQ(to_commit(whole, kJournal).metadata, "first=0123456789abcdef transaction=3");
  EXPECT_EQ(from_commit(to_commit(whole, kJournal)), whole);
  const JournalPosition partial{.next = 7, .is_partial = true, .silent_to = 12, .transaction = 4};
  EXPECT_EQ(to_commit(partial, kJournal).metadata, "transaction=4 partial silent_to=12");
  EXPECT_EQ(from_commit(to_commit(partial, kJournal)), partial);
}

TEST(JournalPosition, OfAnEarlierReleaseIsAnOffsetAlone) {
  EXPECT_EQ(from_commit({kJournal, 7, ""}), JournalPosition{.next = 7});
}

TEST(JournalPosition, PassesOverWordsThatItDoesNotKnow) {
  const JournalPosition read =
      from_commit({kJournal, 7, "  colour=red first=xyz transaction=-1 transaction=5 partial2"});
  EXPECT_EQ(read, (JournalPosition{.next = 7, .transaction = 5}));
}

TEST(Fingerprint, TellsTimeKeyAndPayloadApart) {
  EXPECT_NE(fingerprint(1, "k", "v"), fingerprint(2, "k", "v"));
  EXPECT_NE(fingerprint(1, "kv", ""), fingerprint(1, "k", "v"));
  EXPECT_NE(fingerprint(1, "k", "v"), fingerprint(1, "k", "w"));
  EXPECT_NE(fingerprint(std::nullopt, "k", "v"), fingerprint(0, "k", "v"));
}

TEST(JournalHeader, SpeaksOfOneGroup) {
  const std::string header = to_header(first_fingerprint(), "group 1");
  ASSERT_TRUE(from_header(header, "group 1").has_value());
  EXPECT_EQ(from_header(header, "group 1")->first_record, first_fingerprint());
  EXPECT_FALSE(from_header(header, "group").has_value());
  EXPECT_FALSE(from_header("", "").has_value());
  EXPECT_FALSE(from_header("nonsense group", "group").has_value());
}

TEST(Incident, IsNoneWhereTheJournalIsWholeAndTheSame) {
  const KnownJournal known{.next = 7, .first_record = first_fingerprint()};
  EXPECT_FALSE(incident_of(kJournal, {0, 0}, std::nullopt, std::nullopt).has_value());
  EXPECT_FALSE(incident_of(kJournal, {0, 5}, kFirst, std::nullopt).has_value());
  EXPECT_FALSE(incident_of(kJournal, {0, 7}, kFirst, known).has_value());
  EXPECT_FALSE(incident_of(kJournal, {0, 9}, kFirst, known).has_value());
  // Of an earlier release.
  EXPECT_FALSE(incident_of(kJournal, {0, 7}, kFirst, KnownJournal{.next = 7}).has_value());
}

TEST(Incident, AStartThatHasMovedIsOneInAnyLife) {
  for (const auto& known :
       {std::optional<KnownJournal>(), std::optional(KnownJournal{.next = 7})}) {
    const auto incident = incident_of(kJournal, {1, 9}, kFirst, known);
    ASSERT_TRUE(incident.has_value());
    EXPECT_EQ(incident->name, "journal_start_moved");
    EXPECT_THAT(incident->what_to_do, HasSubstr("kafka.group_id"));
  }
}

TEST(Incident, AnEndBeforeWhatIsKnownIsOne) {
  const auto incident = incident_of(kJournal, {0, 6}, kFirst, KnownJournal{.next = 7});
  ASSERT_TRUE(incident.has_value());
  EXPECT_EQ(incident->name, "journal_replaced");
  EXPECT_THAT(incident->what_to_do, HasSubstr("ends at offset 6"));
  const auto empty =
      incident_of(kJournal, {0, 0}, std::nullopt, KnownJournal{1, first_fingerprint()});
  ASSERT_TRUE(empty.has_value());
  EXPECT_EQ(empty->name, "journal_replaced");
}

TEST(Incident, AnotherFirstRecordIsOne) {
  const auto incident =
      incident_of(kJournal, {0, 9}, kFirst, KnownJournal{7, first_fingerprint() + 1});
  ASSERT_TRUE(incident.has_value());
  EXPECT_EQ(incident->name, "journal_replaced");
}

}  // namespace
}  // namespace surgewatch::services

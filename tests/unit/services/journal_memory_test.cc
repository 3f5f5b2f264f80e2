#include "aggregator/journal_memory.h"

#include <gtest/gtest.h>

namespace surgewatch::services {
namespace {

class Memory : public ::testing::Test {
 protected:
  // `partitions`: of each topic, as the owner says; 0 if he says nothing.
  void own(std::int32_t partition, std::int64_t offset, const std::string& group,
           std::int32_t partitions = 0) {
    v1::JournalRecord record = about(partition);
    record.mutable_ownership()->set_group_id(group);
    for (const Topic topic : kInputTopics) {
      if (partitions == 0) continue;
      auto* said = record.mutable_ownership()->mutable_topology()->add_topics();
      said->set_name(std::string(topic_name(topic)));
      said->set_partitions(partitions);
    }
    memory_.apply(record, offset);
  }
  // What one says at once who means it.
  void begin(std::int32_t partition, std::int64_t offset, const std::string& group,
             std::int32_t partitions = 0) {
    own(partition, offset, group, partitions);
    v1::JournalRecord word = about(partition);
    word.set_epoch(offset);
    word.mutable_idle()->set_idle(false);
    memory_.apply(word, offset + 1);
  }
  void progress(std::int32_t partition, std::int64_t epoch, std::int64_t next,
                std::uint64_t fingerprint) {
    v1::JournalRecord record = about(partition);
    record.set_epoch(epoch);
    record.mutable_progress()->set_next_offset(next);
    record.mutable_progress()->mutable_first_record()->set_offset(2);
    record.mutable_progress()->mutable_first_record()->set_fingerprint(fingerprint);
    memory_.apply(record, 1'000);
  }
  static v1::JournalRecord about(std::int32_t partition) {
    v1::JournalRecord record;
    record.mutable_source()->set_topic("shipments");
    record.mutable_source()->set_partition(partition);
    return record;
  }
  // Of partition 0.
  std::int64_t reached() const {
    const auto life = memory_.of({Topic::kShipments, 0});
    return life.has_value() ? life->reached : 0;
  }

  JournalMemory memory_{"group"};
};

TEST_F(Memory, OfAnEmptyJournalIsNone) {
  EXPECT_FALSE(memory_.of({Topic::kShipments, 0}).has_value());
  EXPECT_EQ(memory_.partitions(), 0);
}

TEST_F(Memory, IsOfWhatTheGroupHasReadAndWhereThatBegan) {
  own(0, 7, "group");
  EXPECT_FALSE(memory_.of({Topic::kShipments, 0}).has_value()) << "nothing has been read";
  progress(0, 7, 20, 0xABC);
  progress(0, 7, 30, 0xABC);
  const auto life = memory_.of({Topic::kShipments, 0});
  ASSERT_TRUE(life.has_value());
  EXPECT_EQ(life->reached, 30);
  EXPECT_EQ(life->beginning, (Beginning{2, 0xABC}));
  EXPECT_FALSE(memory_.of({Topic::kInvoices, 0}).has_value());
  EXPECT_EQ(memory_.partitions(), 1);
}

TEST_F(Memory, IsTheFurthestOfAllLives) {
  own(0, 7, "group");
  progress(0, 7, 30, 0xABC);
  own(0, 9, "group");  // reads again
  progress(0, 9, 12, 0xABC);
  EXPECT_EQ(reached(), 30);
}

TEST_F(Memory, IsNotOfAnotherGroupNorOfWhoWasFollowed) {
  begin(0, 7, "another");
  progress(0, 7, 30, 0xABC);
  EXPECT_EQ(reached(), 0);
  begin(0, 8, "group");
  progress(0, 7, 30, 0xABC);
  EXPECT_EQ(reached(), 0);
  progress(0, 8, 10, 0xABC);
  begin(0, 9, "another");
  progress(0, 8, 40, 0xABC);
  EXPECT_EQ(reached(), 10);
}

// A worker that asks while others have begun with some of them alone.
TEST_F(Memory, HasAsManyPartitionsAsTheFirstOwnerSays) {
  begin(1, 6, "another", 2);
  begin(0, 7, "group", 4);
  EXPECT_EQ(memory_.partitions(), 4);
  begin(1, 9, "group", 4);
  EXPECT_EQ(memory_.partitions(), 4);
}

// Partitions that were added later are none that it has read.
TEST_F(Memory, HasNoMoreThanThereWereInTheBeginning) {
  begin(0, 7, "group", 2);
  begin(1, 9, "group", 2);
  begin(0, 20, "group", 4);
  EXPECT_EQ(memory_.partitions(), 2);
}

TEST_F(Memory, CountsThePartitionsThatWereOwned) {
  begin(0, 7, "group");
  begin(2, 8, "group");
  begin(5, 9, "another");
  EXPECT_EQ(memory_.partitions(), 3);
}

// What only looks like the group's: a mirror's copies, and what no log has. Believed, it would be
// another number of partitions, or a log that ends before what was read.
TEST_F(Memory, IsNotOfWhatNoOwnerSays) {
  begin(0, 7, "group");
  progress(0, 7, 20, 0xABC);
  own(9'999, 8, "group");
  own(INT32_MAX, 9, "group");
  own(-1, 10, "group");
  own(0, 11, "another");
  progress(0, 7, std::int64_t{1} << 62, 0xABC);
  progress(0, 5, 1'000'000, 0xABC);
  EXPECT_EQ(memory_.partitions(), 1);
  EXPECT_EQ(reached(), 20);
  progress(0, 7, 30, 0xABC);
  EXPECT_EQ(reached(), 30);
}

// Who was killed before the group had committed anything may have sent less than he had read.
TEST_F(Memory, OfWhatWasSentIsWhatWasSaidOfIt) {
  begin(0, 5, "group");
  progress(0, 5, 100, 77);
  EXPECT_EQ(memory_.of({Topic::kShipments, 0})->copied_to, 100) << "old journals don't say";
  v1::JournalRecord record = about(0);
  record.set_epoch(5);
  record.mutable_progress()->set_next_offset(300);
  record.mutable_progress()->set_copied_to(120);
  record.mutable_progress()->mutable_first_record()->set_offset(2);
  memory_.apply(record, 1'001);
  EXPECT_EQ(memory_.of({Topic::kShipments, 0})->reached, 300);
  EXPECT_EQ(memory_.of({Topic::kShipments, 0})->copied_to, 120);
}

}  // namespace
}  // namespace surgewatch::services

#include "aggregator/journal_appender.h"

#include "support/kafka_clients.h"
#include "support/process.h"

namespace surgewatch::services {
namespace {

using kafka::EmbeddedBroker;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kMessageTooLarge = 10;
constexpr milliseconds kPatience{20'000};

v1::JournalRecord record(std::int64_t next_offset) {
  v1::JournalRecord made;
  made.mutable_source()->set_topic("invoices");
  made.mutable_progress()->set_next_offset(next_offset);
  return made;
}

class JournalAppenderTest : public ::testing::Test {
 protected:
  JournalAppenderTest() : broker_(*EmbeddedBroker::start()) {
    EXPECT_EQ(broker_->create_topic("journal", 1), absl::OkStatus());
  }
  std::unique_ptr<JournalAppender> make(const std::map<std::string, std::string>& properties = {}) {
    return *JournalAppender::create({.brokers = broker_->brokers(), .properties = properties},
                                    "journal");
  }
  void append(JournalAppender& appender, std::int64_t next_offset) {
    appender.append(record(next_offset), [this, next_offset](std::optional<std::int64_t> offset) {
      delivered_.emplace_back(next_offset, offset);
    });
  }
  std::vector<std::int64_t> written() {
    const auto reader = kafka::make_consumer(broker_->brokers());
    std::vector<std::int64_t> offsets;
    for (const kafka::Kept& one : read_to_end(*reader, {{{"journal", 0}, 0}})) {
      v1::JournalRecord read;
      EXPECT_TRUE(read.ParseFromString(one.payload));
      EXPECT_EQ(one.key, "invoices/0");
      offsets.push_back(read.progress().next_offset());
    }
    return offsets;
  }

  const std::unique_ptr<EmbeddedBroker> broker_;
  // What was said to be there: a record's next_offset, and where it is.
  std::vector<std::pair<std::int64_t, std::optional<std::int64_t>>> delivered_;
};

TEST_F(JournalAppenderTest, SaysInOrderWhatIsThereAndWhere) {
  const auto journal = make();
  EXPECT_FALSE(journal->has_delivered());
  for (const std::int64_t next_offset : {10, 20, 30}) append(*journal, next_offset);
  EXPECT_THAT(delivered_, IsEmpty());
  EXPECT_EQ(journal->undelivered(), 3U);
  ASSERT_EQ(journal->drain(kPatience), absl::OkStatus());
  EXPECT_THAT(delivered_, ElementsAre(std::pair(10, 0), std::pair(20, 1), std::pair(30, 2)));
  EXPECT_EQ(journal->undelivered(), 0U);
  EXPECT_TRUE(journal->has_delivered());
  EXPECT_THAT(written(), ElementsAre(10, 20, 30));
}

TEST_F(JournalAppenderTest, HasNoRoomForMoreThanKafkasQueueTakesAndLosesNothing) {
  constexpr std::int64_t kRecords = 50;
  broker_->set_reachable(false);
  const auto journal = make({{"queue.buffering.max.messages", "10"}});
  EXPECT_TRUE(journal->has_room());
  for (std::int64_t i = 0; i < kRecords; ++i) append(*journal, i);
  EXPECT_FALSE(journal->has_room());
  const auto start = steady_clock::now();
  const absl::Status status = journal->drain(milliseconds(200));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_LT(steady_clock::now() - start, milliseconds(2'000));
  EXPECT_GE(journal->delay(), milliseconds(200));
  EXPECT_EQ(journal->status(), absl::OkStatus());

  broker_->set_reachable(true);
  ASSERT_EQ(journal->drain(kPatience), absl::OkStatus());
  EXPECT_TRUE(journal->has_room());
  EXPECT_EQ(delivered_.size(), std::size_t{kRecords});
  std::vector<std::int64_t> all(kRecords);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  EXPECT_EQ(written(), all);
}

TEST_F(JournalAppenderTest, EndsWithARecordThatIsRefusedAndSaysWhatToDo) {
  const auto journal = make();
  broker_->fail_requests(EmbeddedBroker::Request::kProduce, 1, kMessageTooLarge);
  append(*journal, 10);
  const absl::Status status = journal->drain(kPatience);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(journal->status(), status);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Message size too large"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("max.message.bytes of topic 'journal'"));
  append(*journal, 20);
  EXPECT_EQ(journal->drain(kPatience), status);
  EXPECT_THAT(delivered_, IsEmpty());
  EXPECT_THAT(written(), IsEmpty());
}

TEST_F(JournalAppenderTest, EndsWithoutAJournal) {
  broker_->hide_topic("journal");
  const auto journal = make();
  append(*journal, 10);
  const absl::Status status = journal->drain(kPatience);
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
}

}  // namespace
}  // namespace surgewatch::services

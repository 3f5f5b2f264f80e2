// Appending to the journal of a real Kafka: what the embedded broker can't show.
#include "aggregator/journal_appender.h"
#include "support/kafka_admin.h"
#include "support/kafka_clients.h"
#include "support/kafka_server_fixture.h"
#include "support/process.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr milliseconds kPatience{30'000};
constexpr const char* kTopic = "journal";

class RealJournal : public test::KafkaServerFixture {
 protected:
  void SetUp() override { create({}); }
  void TearDown() override {
    EXPECT_EQ(test::delete_topic(server_->brokers(), kTopic), absl::OkStatus());
  }
  static void create(const std::map<std::string, std::string>& settings) {
    const auto admin = *kafka::Admin::create({.brokers = server_->brokers()});
    ASSERT_EQ(admin->create_topics({{kTopic, 1, settings}}, 1), absl::OkStatus());
  }
  // Each record in a request of its own.
  static std::unique_ptr<JournalAppender> appender() {
    return *JournalAppender::create(
        {.brokers = server_->brokers(), .properties = {{"batch.num.messages", "1"}}}, kTopic);
  }
  static v1::JournalRecord progress(std::int64_t next_offset) {
    v1::JournalRecord record;
    record.mutable_source()->set_topic("invoices");
    record.mutable_progress()->set_next_offset(next_offset);
    return record;
  }
  static v1::JournalRecord panes(std::size_t bytes) {
    v1::JournalRecord record;
    record.mutable_source()->set_topic("invoices");
    record.mutable_panes()->add_updates()->add_key(std::string(bytes, 'x'));
    return record;
  }
};

TEST_F(RealJournal, HasNoProgressBehindPanesThatItRefused) {
  ASSERT_EQ(test::set_topic(server_->brokers(), kTopic, "max.message.bytes", "5000"),
            absl::OkStatus());
  const auto journal = appender();
  journal->append(progress(1));
  ASSERT_EQ(journal->drain(kPatience), absl::OkStatus());
  journal->append(panes(10'000));
  for (std::int64_t i = 2; i < 12; ++i) journal->append(progress(i));
  const absl::Status status = journal->drain(kPatience);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("max.message.bytes"));
  const auto reader = kafka::make_consumer(server_->brokers());
  EXPECT_EQ(read_to_end(*reader, {{{kTopic, 0}, kafka::kBeginning}}).size(), 1U);
}

TEST_F(RealJournal, ThatWasMadeAgainEndsTheSession) {
  const auto journal = appender();
  for (std::int64_t i = 0; i < 3; ++i) journal->append(progress(i));
  ASSERT_EQ(journal->drain(kPatience), absl::OkStatus());
  ASSERT_EQ(test::delete_topic(server_->brokers(), kTopic), absl::OkStatus());
  create({});
  std::int64_t next_offset = 3;
  EXPECT_TRUE(test::wait_until(
      [&] {
        if (journal->undelivered() == 0) journal->append(progress(++next_offset));
        journal->poll(milliseconds(50));
        return !journal->status().ok();
      },
      kPatience));
  EXPECT_TRUE(absl::IsFailedPrecondition(journal->status())) << journal->status();
}

}  // namespace
}  // namespace surgewatch::services

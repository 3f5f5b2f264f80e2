// Two members of one group, on one thread: each is polled in turn. The embedded broker waits 3 s
// for more members before it starts a group, and refuses commits in revoked(), as Kafka doesn't:
// that case is in tests/integration.
#include <set>

#include "support/kafka_clients.h"

namespace surgewatch::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Member {
  std::unique_ptr<Consumer> consumer;
  std::set<TopicPartition> owned;
  int revocations = 0;
  bool revoked_owned_only = true;
  std::vector<Kept> kept;

  // A short session, since the embedded broker waits that long for members that don't answer.
  explicit Member(const std::string& brokers)
      : consumer(make_consumer(brokers, "group",
                               {.client = {.properties = {{"session.timeout.ms", "3000"},
                                                          {"heartbeat.interval.ms", "300"}}}})) {
    const absl::Status status = consumer->subscribe(
        {"invoices", "shipments"}, {.assigned =
                                        [this](const std::vector<TopicPartition>& partitions) {
                                          owned = {partitions.begin(), partitions.end()};
                                          // Asking is allowed in here.
                                          const auto committed = consumer->committed(partitions);
                                          EXPECT_TRUE(committed.ok()) << committed.status();
                                          std::vector<std::int64_t> starts;
                                          for (const auto& offset : *committed)
                                            starts.push_back(offset ? offset->offset : kBeginning);
                                          return starts;
                                        },
                                    .revoked =
                                        [this](const std::vector<TopicPartition>& partitions) {
                                          ++revocations;
                                          for (const TopicPartition& partition : partitions) {
                                            revoked_owned_only &= owned.erase(partition) == 1;
                                          }
                                          EXPECT_FALSE(consumer->assignment_lost());
                                        }});
    EXPECT_EQ(status, absl::OkStatus());
  }

  std::set<std::int32_t> numbers_of(const std::string& topic) const {
    std::set<std::int32_t> numbers;
    for (const TopicPartition& one : owned) {
      if (one.topic == topic) numbers.insert(one.partition);
    }
    return numbers;
  }
};

TEST(Group, MembersShareThePairsAndHandOverWhereTheyStopped) {
  const auto broker = *EmbeddedBroker::start();
  ASSERT_EQ(broker->create_topic("invoices", 4), absl::OkStatus());
  ASSERT_EQ(broker->create_topic("shipments", 4), absl::OkStatus());
  const auto producer = make_producer(broker->brokers());
  int written = 0;
  const auto write = [&] {
    for (int partition = 0; partition < 4; ++partition) {
      for (const char* topic : {"invoices", "shipments"}) {
        ASSERT_EQ(producer->produce(topic, partition, "k", std::to_string(written++)),
                  absl::OkStatus());
      }
    }
    ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  };
  write();

  Member first(broker->brokers());
  ASSERT_EQ(poll_until(*first.consumer, first.kept, [&] { return first.consumer->at_end(); }),
            absl::OkStatus());
  EXPECT_EQ(first.kept.size(), 8U);
  EXPECT_EQ(first.owned.size(), 8U);
  std::vector<GroupOffset> next;
  for (const Kept& one : first.kept) next.push_back({{one.topic, one.partition}, one.offset + 1});
  ASSERT_EQ(first.consumer->commit(next), absl::OkStatus());

  Member second(broker->brokers());
  const auto shared = [&] {
    (void)second.consumer->poll(milliseconds(10), 100, [&](const Message& message) {
      second.kept.push_back(keep(message));
    });
    return first.owned.size() == 4 && second.owned.size() == 4;
  };
  ASSERT_EQ(poll_until(*first.consumer, first.kept, shared, milliseconds(40'000)),
            absl::OkStatus());
  // Pairs stay together.
  EXPECT_EQ(first.numbers_of("invoices"), first.numbers_of("shipments"));
  EXPECT_EQ(second.numbers_of("invoices"), second.numbers_of("shipments"));
  EXPECT_GE(first.revocations, 1);
  EXPECT_TRUE(first.revoked_owned_only);

  // Nothing twice, nothing missed.
  write();
  const auto all = [&] {
    return shared() && first.kept.size() + second.kept.size() >= static_cast<std::size_t>(written);
  };
  ASSERT_EQ(poll_until(*first.consumer, first.kept, all, milliseconds(40'000)), absl::OkStatus());
  std::set<std::string> seen;
  for (const Member* member : {&first, &second}) {
    for (const Kept& one : member->kept) EXPECT_TRUE(seen.insert(one.payload).second);
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(written));
  EXPECT_EQ(second.kept.size(), 4U);

  first.consumer.reset();
  ASSERT_EQ(poll_until(*second.consumer, second.kept, [&] { return second.owned.size() == 8; }),
            absl::OkStatus());
}

// What the group gives is read when it is begun, and on from where it stopped.
class Given : public ::testing::Test {
 protected:
  Given() {
    EXPECT_EQ(broker_->create_topic("invoices", 2), absl::OkStatus());
    const absl::Status status = consumer_->subscribe(
        {"invoices"}, {.assigned = [this](const std::vector<TopicPartition>& partitions) {
          given_ = partitions;
          return std::vector<std::int64_t>(partitions.size(), kNotYet);
        }});
    EXPECT_EQ(status, absl::OkStatus());
    write(0);
    write(1);
    EXPECT_EQ(poll_until(*consumer_, kept_, [&] { return given_.size() == 2; }), absl::OkStatus());
  }
  void write(int partition) {
    for (int i = 0; i < 100; ++i) {
      ASSERT_EQ(producer_->produce("invoices", partition, "k", std::to_string(written_++)),
                absl::OkStatus());
    }
    ASSERT_EQ(producer_->flush(milliseconds(10'000)), absl::OkStatus());
  }
  void read(std::size_t count) {
    ASSERT_EQ(poll_until(*consumer_, kept_, [&] { return kept_.size() >= count; }),
              absl::OkStatus());
  }
  // Gives what can't come the time that it would need.
  void expect_nothing_more() {
    const std::size_t before = kept_.size();
    (void)poll_until(
        *consumer_, kept_, [] { return false; }, milliseconds(1'000));
    EXPECT_EQ(kept_.size(), before);
  }

  std::unique_ptr<EmbeddedBroker> broker_ = *EmbeddedBroker::start();
  std::unique_ptr<Producer> producer_ = make_producer(broker_->brokers());
  std::vector<std::string> left_;
  std::unique_ptr<Consumer> consumer_ =
      make_consumer(broker_->brokers(), "group",
                    {.left_log = [this](const TopicPartition& partition, std::string_view) {
                      left_.push_back(std::to_string(partition.partition));
                    }});
  std::vector<TopicPartition> given_;
  std::vector<Kept> kept_;
  int written_ = 0;
};

TEST_F(Given, IsReadWhenItIsBegunAndNotWhenItIsLeft) {
  expect_nothing_more();
  ASSERT_EQ(consumer_->begin({{{"invoices", 1}, kBeginning}}), absl::OkStatus());
  read(100);
  EXPECT_EQ(kept_.front().payload, "100");
  ASSERT_EQ(consumer_->begin({{{"invoices", 0}, 50}}), absl::OkStatus());
  read(150);
  EXPECT_EQ(kept_[100].payload, "50");
  ASSERT_EQ(consumer_->leave({{"invoices", 1}}), absl::OkStatus());
  write(1);
  expect_nothing_more();
  write(0);
  read(250);
  std::set<std::string> seen;
  for (const Kept& one : kept_) EXPECT_TRUE(seen.insert(one.payload).second) << one.payload;
}

TEST_F(Given, IsNotBegunWithoutAnOffset) {
  const absl::Status status =
      consumer_->begin({{{"invoices", 0}, kBeginning}, {{"invoices", 1}, kNotYet}});
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("invoices [1]"));
  expect_nothing_more();  // nor of the other one
  ASSERT_EQ(consumer_->begin({{{"invoices", 1}, kBeginning}}), absl::OkStatus());
  read(100);
}

TEST_F(Given, GoesOnWhereItWasSuspended) {
  ASSERT_EQ(consumer_->begin({{{"invoices", 0}, kBeginning}, {{"invoices", 1}, kBeginning}}),
            absl::OkStatus());
  // In the middle of what was fetched.
  const auto deadline = std::chrono::steady_clock::now() + milliseconds(20'000);
  while (kept_.empty() && std::chrono::steady_clock::now() < deadline) {
    (void)consumer_->poll(milliseconds(50), /*limit=*/7,
                          [&](const Message& message) { kept_.push_back(keep(message)); });
  }
  ASSERT_LT(kept_.size(), 200U);
  ASSERT_EQ(consumer_->suspend(), absl::OkStatus());
  write(0);
  expect_nothing_more();
  ASSERT_EQ(consumer_->resume(), absl::OkStatus());
  read(300);
  std::set<std::string> seen;
  for (const Kept& one : kept_) EXPECT_TRUE(seen.insert(one.payload).second) << one.payload;
}

// librdkafka ends the process if one is to be stopped that has not stopped yet.
TEST_F(Given, MayChangeAgainAtOnce) {
  ASSERT_EQ(consumer_->begin({{{"invoices", 0}, kBeginning}, {{"invoices", 1}, kBeginning}}),
            absl::OkStatus());
  read(200);
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(consumer_->begin({{{"invoices", 0}, 100}}), absl::OkStatus());
    ASSERT_EQ(consumer_->leave({{"invoices", 0}}), absl::OkStatus());
  }
  ASSERT_EQ(consumer_->begin({{{"invoices", 0}, 100}}), absl::OkStatus());
  write(0);
  write(1);
  read(400);
  std::set<std::string> seen;
  for (const Kept& one : kept_) EXPECT_TRUE(seen.insert(one.payload).second) << one.payload;
}

TEST_F(Given, MayHaveLeftItsLogWhileOthersGoOn) {
  ASSERT_EQ(consumer_->begin({{{"invoices", 0}, 5'000}, {{"invoices", 1}, kBeginning}}),
            absl::OkStatus());
  ASSERT_EQ(poll_until(*consumer_, kept_, [&] { return kept_.size() == 100 && !left_.empty(); }),
            absl::OkStatus());
  EXPECT_EQ(left_.front(), "0");
  ASSERT_EQ(consumer_->leave({{"invoices", 0}}), absl::OkStatus());
  write(1);
  read(200);
}

}  // namespace
}  // namespace surgewatch::kafka

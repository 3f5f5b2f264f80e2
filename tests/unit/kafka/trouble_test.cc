// What happens when brokers, topics or properties are not as they should be.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kafka/topics.h"
#include "support/kafka_clients.h"

namespace surgewatch::kafka {
namespace {

using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr milliseconds kCloseLimit{3'000};

// A loopback port at which nothing answers: bound, so that nobody else takes it.
class ClosedPort {
 public:
  explicit ClosedPort(bool listen = false) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    if (listen) {
      EXPECT_EQ(::listen(socket_, 16), 0);
    }
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~ClosedPort() { ::close(socket_); }
  const std::string& address() const { return address_; }

 private:
  int socket_;
  std::string address_;
};

std::vector<std::int64_t> from_beginning(const std::vector<TopicPartition>& partitions) {
  return std::vector<std::int64_t>(partitions.size(), kBeginning);
}

class Unreachable : public ::testing::TestWithParam<bool> {
 protected:
  // Refusing connections, or accepting them without a word.
  const ClosedPort port_{GetParam()};
  const bool silent_ = GetParam();
};
INSTANTIATE_TEST_SUITE_P(Brokers, Unreachable, ::testing::Bool(),
                         [](const auto& made) { return made.param ? "Silent" : "Refusing"; });

TEST_P(Unreachable, AConsumerWaitsSaysWhyAndClosesInTime) {
  auto consumer = make_consumer(port_.address(), "group");
  ASSERT_EQ(consumer->subscribe({"topic"}, {.assigned = from_beginning}), absl::OkStatus());
  std::vector<Kept> kept;
  if (!silent_) {
    ASSERT_EQ(poll_until(*consumer, kept, [&] { return !consumer->last_error().ok(); }),
              absl::OkStatus());
    EXPECT_TRUE(absl::IsUnavailable(consumer->last_error())) << consumer->last_error();
    EXPECT_THAT(std::string(consumer->last_error().message()), HasSubstr(port_.address()));
    EXPECT_THAT(std::string(consumer->last_error().message()), HasSubstr("refused"));
  } else {
    EXPECT_EQ(*consumer->poll(milliseconds(200), 10, [](const Message&) {}), 0U);
  }
  EXPECT_FALSE(consumer->at_end());
  const auto start = steady_clock::now();
  consumer.reset();
  EXPECT_LT(steady_clock::now() - start, kCloseLimit);
}

TEST_P(Unreachable, ACommitGivesUpAndCloseIsInTimeNevertheless) {
  auto consumer = make_consumer(port_.address(), "group");
  ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}}), absl::OkStatus());
  const absl::Status status = consumer->commit({{{"topic", 0}, 1}});
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  const auto start = steady_clock::now();
  consumer.reset();
  EXPECT_LT(steady_clock::now() - start, kCloseLimit);
}

TEST_P(Unreachable, AProducerKeepsWhatItHasAndClosesInTime) {
  auto producer = make_producer(port_.address());
  ASSERT_EQ(producer->produce("topic", 0, "k", "v"), absl::OkStatus());
  const absl::Status status = producer->flush(milliseconds(300));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(port_.address()));
  EXPECT_GE(producer->pending(), 1U);
  EXPECT_EQ(producer->failed_deliveries(), 0U);
  const auto start = steady_clock::now();
  producer.reset();
  EXPECT_LT(steady_clock::now() - start, kCloseLimit);
}

TEST_P(Unreachable, AnAdminAnswersWithinItsWait) {
  auto admin = *Admin::create({.brokers = port_.address()});
  auto start = steady_clock::now();
  const absl::Status topics = admin->partitions({"topic"}, milliseconds(500)).status();
  EXPECT_TRUE(absl::IsUnavailable(topics)) << topics;
  EXPECT_THAT(std::string(topics.message()), HasSubstr(port_.address()));
  EXPECT_LT(steady_clock::now() - start, milliseconds(2'000));
  start = steady_clock::now();
  const absl::Status ends = admin->watermarks({"topic", 0}, milliseconds(500)).status();
  EXPECT_TRUE(absl::IsUnavailable(ends)) << ends;
  EXPECT_LT(steady_clock::now() - start, milliseconds(2'000));
  start = steady_clock::now();
  admin.reset();
  EXPECT_LT(steady_clock::now() - start, kCloseLimit);
}

TEST_P(Unreachable, ATransactionalProducerIsNotMade) {
  const auto producer =
      Producer::create({.client = {.brokers = port_.address()}, .transactional_id = "id"});
  EXPECT_TRUE(absl::IsUnavailable(producer.status())) << producer.status();
  EXPECT_THAT(std::string(producer.status().message()), HasSubstr("\"id\""));
}

TEST(MissingTopic, IsNamedToASubscriber) {
  const auto broker = *EmbeddedBroker::start();
  broker->hide_topic("nowhere");
  const auto consumer = make_consumer(broker->brokers(), "group");
  ASSERT_EQ(consumer->subscribe({"nowhere"}, {.assigned = from_beginning}), absl::OkStatus());
  std::vector<Kept> kept;
  const absl::Status status = poll_until(*consumer, kept, [] { return false; });
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_EQ(status.message(),
            "topic \"nowhere\" does not exist; create it with: surgewatch topics create --config "
            "FILE");
  EXPECT_EQ(consumer->last_error(), status);
}

TEST(MissingTopic, IsNamedToAReaderByHand) {
  const auto broker = *EmbeddedBroker::start();
  broker->hide_topic("nowhere");
  const auto consumer = make_consumer(broker->brokers());
  ASSERT_EQ(consumer->assign({{{"nowhere", 0}, 0}}), absl::OkStatus());
  std::vector<Kept> kept;
  const absl::Status status = poll_until(*consumer, kept, [] { return false; });
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"nowhere\""));
}

TEST(MissingTopic, NorIsThereAPartitionBeyondTheLast) {
  const auto broker = *EmbeddedBroker::start();
  ASSERT_EQ(broker->create_topic("topic", 2), absl::OkStatus());
  const auto consumer = make_consumer(broker->brokers());
  ASSERT_EQ(consumer->assign({{{"topic", 2}, 0}}), absl::OkStatus());
  std::vector<Kept> kept;
  const absl::Status status = poll_until(*consumer, kept, [] { return false; });
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("topic [2]"));
}

TEST(MissingTopic, IsNoCountOfPartitions) {
  const auto broker = *EmbeddedBroker::start();
  ASSERT_EQ(broker->create_topic("here", 3), absl::OkStatus());
  broker->hide_topic("nowhere");
  const auto admin = *Admin::create({.brokers = broker->brokers()});
  const auto counts = admin->partitions({"here", "nowhere", "here"}, milliseconds(10'000));
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_THAT(*counts, ElementsAre(std::optional<std::int32_t>(3), std::nullopt,
                                   std::optional<std::int32_t>(3)));
}

TEST(Watermarks, AreTheFirstAndTheNextOffset) {
  const auto broker = *EmbeddedBroker::start();
  ASSERT_EQ(broker->create_topic("topic", 1), absl::OkStatus());
  const auto admin = *Admin::create({.brokers = broker->brokers()});
  const auto producer = make_producer(broker->brokers());
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(producer->produce("topic", 0, "k", "v"), absl::OkStatus());
  }
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  const auto ends = admin->watermarks({"topic", 0}, milliseconds(10'000));
  ASSERT_TRUE(ends.ok()) << ends.status();
  EXPECT_EQ(*ends, std::pair(std::int64_t{0}, std::int64_t{3}));
}

TEST(Recovery, AnAnswerClearsTheLastError) {
  const auto broker = *EmbeddedBroker::start();
  ASSERT_EQ(broker->create_topic("topic", 1), absl::OkStatus());
  const ClosedPort port;
  // The first of the bootstrap brokers is dead, so an error comes before the answer may.
  const auto consumer = make_consumer(port.address() + "," + broker->brokers());
  ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}}), absl::OkStatus());
  std::vector<Kept> kept;
  ASSERT_EQ(poll_until(*consumer, kept, [&] { return consumer->at_end(); }), absl::OkStatus());
  EXPECT_EQ(consumer->last_error(), absl::OkStatus());
}

// Nothing new is there to read, so only being asked tells that the brokers are.
void expect_recovery_of(Consumer* consumer, EmbeddedBroker* broker) {
  std::vector<Kept> kept;
  broker->set_reachable(false);
  ASSERT_EQ(poll_until(*consumer, kept, [&] { return !consumer->last_error().ok(); }),
            absl::OkStatus());
  broker->set_reachable(true);
  EXPECT_EQ(poll_until(*consumer, kept, [&] { return consumer->last_error().ok(); }),
            absl::OkStatus())
      << consumer->last_error();
}

TEST(Recovery, OnAQuietTopicTheLastErrorEndsWithTheOutage) {
  const auto broker = *EmbeddedBroker::start();
  ASSERT_EQ(broker->create_topic("topic", 1), absl::OkStatus());
  const auto consumer = make_consumer(broker->brokers());
  ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}}), absl::OkStatus());
  std::vector<Kept> kept;
  ASSERT_EQ(poll_until(*consumer, kept, [&] { return consumer->at_end(); }), absl::OkStatus());
  expect_recovery_of(consumer.get(), broker.get());
}

TEST(Recovery, SoItDoesForAMemberThatReadsNothing) {
  const auto broker = *EmbeddedBroker::start();
  ASSERT_EQ(broker->create_topic("topic", 1), absl::OkStatus());
  const auto consumer = make_consumer(broker->brokers());
  expect_recovery_of(consumer.get(), broker.get());
}

TEST(Properties, AnUnknownOneIsNamed) {
  const absl::Status status =
      Consumer::create({.client = {.brokers = "127.0.0.1:1", .properties = {{"fetch.mim", "1"}}}})
          .status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"fetch.mim\""));
}

TEST(Properties, AValueOutOfRangeIsNamed) {
  const absl::Status status =
      Producer::create({.client = {.brokers = "127.0.0.1:1", .properties = {{"acks", "many"}}}})
          .status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"acks\""));
}

TEST(Properties, OneThatOurGuaranteesRestOnIsRefused) {
  for (const char* name : {"enable.auto.commit", "auto.offset.reset", "isolation.level",
                           "partition.assignment.strategy", "bootstrap.servers"}) {
    const absl::Status status =
        Consumer::create({.client = {.brokers = "127.0.0.1:1", .properties = {{name, "true"}}}})
            .status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  }
}

TEST(Properties, TheUsersComeLast) {
  // 1 byte a message at most: shows that the property reached the client.
  const auto producer = *Producer::create(
      {.client = {.brokers = "127.0.0.1:1", .properties = {{"message.max.bytes", "1000"}}}});
  EXPECT_TRUE(absl::IsInvalidArgument(producer->produce("topic", 0, "", std::string(1'001, 'x'))));
  EXPECT_EQ(producer->produce("topic", 0, "", std::string(900, 'x')), absl::OkStatus());
}

TEST(Properties, NoBrokersIsAnError) {
  EXPECT_TRUE(absl::IsInvalidArgument(Admin::create({}).status()));
}

TEST(Log, GoesToTheFunctionGiven) {
  const ClosedPort port;
  std::vector<std::string> lines;
  const auto consumer = *Consumer::create(
      {.client = {.brokers = port.address(),
                  .log = [&](std::string_view line) { lines.emplace_back(line); }},
       .group_id = "group"});
  ASSERT_EQ(consumer->subscribe({"topic"}, {.assigned = from_beginning}), absl::OkStatus());
  std::vector<Kept> kept;
  ASSERT_EQ(poll_until(*consumer, kept, [&] { return !lines.empty(); }), absl::OkStatus());
  EXPECT_THAT(lines.front(), HasSubstr(port.address()));
}

TEST(QueueFull, IsWaitedForNotDropped) {
  const auto broker = *EmbeddedBroker::start();
  ASSERT_EQ(broker->create_topic("topic", 1), absl::OkStatus());
  const auto producer =
      *Producer::create({.client = {.brokers = broker->brokers(),
                                    .properties = {{"queue.buffering.max.messages", "10"}}}});
  constexpr int kRecords = 500;
  for (int i = 0; i < kRecords; ++i) {
    ASSERT_EQ(producer->produce("topic", 0, "k", std::to_string(i)), absl::OkStatus());
    EXPECT_LE(producer->pending(), 11U);
  }
  ASSERT_EQ(producer->flush(milliseconds(20'000)), absl::OkStatus());
  const auto consumer = make_consumer(broker->brokers());
  EXPECT_EQ(read_to_end(*consumer, {{{"topic", 0}, 0}}).size(), std::size_t{kRecords});
}

TEST(FailedDelivery, IsCountedAndReturnedByTheNextFlushOnce) {
  const auto broker = *EmbeddedBroker::start();
  ASSERT_EQ(broker->create_topic("topic", 1), absl::OkStatus());
  const auto producer = make_producer(broker->brokers());
  constexpr int kTooLarge = 10;
  broker->fail_requests(EmbeddedBroker::Request::kProduce, 1, kTooLarge);
  ASSERT_EQ(producer->produce("topic", 0, "k", "v"), absl::OkStatus());
  const absl::Status status = producer->flush(milliseconds(10'000));
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("topic [0]"));
  EXPECT_EQ(producer->failed_deliveries(), 1U);
  EXPECT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  EXPECT_EQ(producer->failed_deliveries(), 1U);
}

}  // namespace
}  // namespace surgewatch::kafka

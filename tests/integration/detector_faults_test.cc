// What a detector publishes, on a real Kafka, when its transactions are cut off: by brokers that
// stop answering, by an outcome that is not known, by a crash.
#include <dlfcn.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "integration/detector_fixture.h"
#include "support/log_lines.h"

namespace surgewatch::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// The steps of a transaction, as the detector asks its client for them. A test may put itself in
// the place of the next of a kind, once: it is given the step, and its answer is the step's.
enum class Step { kBegin, kAddOffsets, kCommit };
using Answer = rd_kafka_error_t*;
using Instead = std::function<Answer(const std::function<Answer()>& step)>;

class Steps {
 public:
  void replace_next(Step step, Instead instead) {
    const std::lock_guard lock(mutex_);
    step_ = step;
    instead_ = std::move(instead);
  }
  bool is_replaced() const {
    const std::lock_guard lock(mutex_);
    return instead_ == nullptr;
  }
  Answer take(Step step, const std::function<Answer()>& real) {
    Instead instead;
    {
      const std::lock_guard lock(mutex_);
      if (instead_ != nullptr && step_ == step) instead = std::exchange(instead_, nullptr);
    }
    return instead == nullptr ? real() : instead(real);
  }

 private:
  mutable std::mutex mutex_;
  Step step_ = Step::kBegin;
  Instead instead_;
};

Steps& steps() {
  static Steps steps;
  return steps;
}

template <typename Function>
Function* library_function(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace
}  // namespace surgewatch::test

// A program's own functions come before those of the library.
extern "C" {
rd_kafka_error_t* rd_kafka_begin_transaction(rd_kafka_t* client) {
  using namespace surgewatch::test;
  static auto* const real =
      library_function<decltype(rd_kafka_begin_transaction)>("rd_kafka_begin_transaction");
  return steps().take(Step::kBegin, [&] { return real(client); });
}
rd_kafka_error_t* rd_kafka_send_offsets_to_transaction(
    rd_kafka_t* client, const rd_kafka_topic_partition_list_t* offsets,
    const rd_kafka_consumer_group_metadata_t* group, int timeout_ms) {
  using namespace surgewatch::test;
  static auto* const real = library_function<decltype(rd_kafka_send_offsets_to_transaction)>(
      "rd_kafka_send_offsets_to_transaction");
  return steps().take(Step::kAddOffsets, [&] { return real(client, offsets, group, timeout_ms); });
}
rd_kafka_error_t* rd_kafka_commit_transaction(rd_kafka_t* client, int timeout_ms) {
  using namespace surgewatch::test;
  static auto* const real =
      library_function<decltype(rd_kafka_commit_transaction)>("rd_kafka_commit_transaction");
  return steps().take(Step::kCommit, [&] { return real(client, timeout_ms); });
}
}

namespace surgewatch::test {
namespace {

// A detector that publishes one alert's next revision each round, while something happens to that
// transaction.
class OfTransactions : public DetectorOnRealKafka {
 protected:
  explicit OfTransactions(const std::string& more = "")
      : config_(config("session.timeout.ms: '60000', socket.timeout.ms: '1500'" + more)) {
    journal_.surge();
    detector_ = std::make_unique<RunningDetector>(config_);
    wait_for_all_of(journal_, *detector_);
  }

  // `until`: when the fault is over, and what ends it.
  void round(const std::string& name, Step step, const Instead& instead,
             const std::function<bool()>& until = {}) {
    SCOPED_TRACE(name);
    // What the journal's writer waits for comes first.
    std::atomic<bool> is_delivered = false;
    steps().replace_next(step, [&](const std::function<Answer()>& real) {
      is_delivered.wait(false);
      return instead(real);
    });
    journal_.day(next_day_, {{"SG", 50 * next_day_}});
    ++next_day_;
    journal_.deliver();
    is_delivered = true;
    is_delivered.notify_all();
    ASSERT_TRUE(wait_until([&] { return steps().is_replaced(); }, kLong));
    if (until) {
      EXPECT_TRUE(wait_until(until, kLong));
      server_->resume();
    }
    wait_for_all_of(journal_, *detector_);
    expect_each_revision_once(alerts());
    EXPECT_THAT(alerts(), SizeIs(next_day_ - 2));
    std::set<std::int64_t> days;
    for (const v1::SeriesPoint& point : points()) {
      EXPECT_TRUE(days.insert(point.window_start().seconds()).second) << "a point twice";
    }
    EXPECT_THAT(days, SizeIs(next_day_));
  }
  static Instead with_brokers_paused() {
    return [](const std::function<Answer()>& real) {
      server_->pause();
      return real();
    };
  }
  int retries(const std::string& step = "") const {
    return log_.count("publishing failed: " + step);
  }

  // The detector had the journal all the time.
  void expect_retried_in_one_tenure() const {
    EXPECT_EQ(log_.count("owns the journal"), 1);
    EXPECT_TRUE(
        detector_->shows("surgewatch_transactions_retried_total " + std::to_string(retries())));
  }

  // A member for as long as the outages are, since it is the transaction that is looked at.
  const std::shared_ptr<const config::Config> config_;
  LogLines log_;
  JournalWriter journal_{brokers(), config_};
  std::unique_ptr<RunningDetector> detector_;
  PaneIndex next_day_ = 3;
};

TEST_F(OfTransactions, ThoseThatBrokersDontAnswerAreDoneOnce) {
  const auto given_up = [this] {
    return [before = retries(), this] { return retries() > before; };
  };
  round("from the first record on", Step::kBegin, with_brokers_paused(), given_up());
  EXPECT_EQ(retries(), 1);
  round("from the offsets on", Step::kAddOffsets, with_brokers_paused(), given_up());
  EXPECT_EQ(retries("adding offsets to a transaction"), 1);
  round("from the commit on", Step::kCommit, with_brokers_paused(), given_up());
  EXPECT_EQ(retries("committing a transaction"), 1);
  expect_retried_in_one_tenure();
}

// While the commit is under way, for longer than the client waits before it asks again.
TEST_F(OfTransactions, ThoseWhoseCommitIsInterruptedAreDoneOnce) {
  constexpr milliseconds kOutage{3'000};
  for (const int after_us : {0, 300, 1'000, 3'000}) {
    const auto begin = std::chrono::steady_clock::now();
    round(
        std::to_string(after_us) + " us after the commit began", Step::kCommit,
        [&](const std::function<Answer()>& real) {
          const std::jthread fault([&] {
            std::this_thread::sleep_for(std::chrono::microseconds(after_us));
            server_->pause();
          });
          return real();
        },
        [&] { return std::chrono::steady_clock::now() - begin > kOutage; });
  }
  EXPECT_EQ(log_.count("owns the journal"), 1);
}

class OfLongTransactions : public OfTransactions {
 protected:
  OfLongTransactions() : OfTransactions(", transaction.timeout.ms: '300000'") {}
};

// What was committed before it is enough to follow. Who is killed in the middle of one leaves it
// open for as long as its transaction may last, and whoever comes next would wait as long.
TEST_F(OfLongTransactions, OneThatIsOpenIsNotWaitedForByWhoFollows) {
  std::atomic<bool> is_over = false;
  steps().replace_next(Step::kCommit, [&](const std::function<Answer()>& real) {
    is_over.wait(false);
    return real();
  });
  journal_.day(next_day_, {{"SG", 50 * next_day_}});
  journal_.deliver();
  ASSERT_TRUE(wait_until([&] { return steps().is_replaced(); }, kLong));
  {
    const RunningDetector standby(config_);
    EXPECT_TRUE(wait_until([&] { return log_.count("joins its group") == 2; }, kLong))
        << standby.missing();
    is_over = true;
    is_over.notify_all();
    wait_for_all_of(journal_, *detector_);
  }
  expect_each_revision_once(alerts());
  EXPECT_THAT(alerts(), SizeIs(2));
}

// Both ways in which a commit of unknown outcome may have gone.
TEST_F(OfTransactions, ThoseWhoseOutcomeIsNotKnownAreDoneOnce) {
  const auto unknown = [] { return rd_kafka_error_new(RD_KAFKA_RESP_ERR__FATAL, "who knows"); };
  round("not committed", Step::kCommit, [&](const auto&) { return unknown(); });
  EXPECT_EQ(retries("committing a transaction"), 1);
  round("committed", Step::kCommit, [&](const std::function<Answer()>& real) {
    EXPECT_EQ(real(), nullptr);
    return unknown();
  });
  EXPECT_EQ(retries("committing a transaction"), 2);
  expect_retried_in_one_tenure();
}

// Paused for longer than the session of a member, so that the group gives the journal anew.
TEST_F(DetectorOnRealKafka, BrokersThatAreAwayAreNamedByHimWhoWorksAndByAStandbyUntilTheyAreBack) {
  // A request that is not answered is given up after 10 s.
  constexpr milliseconds kNoticed{16'000};
  JournalWriter journal(brokers(), config());
  journal.surge();
  const LogLines log;
  RunningDetector active(config());
  wait_for_all_of(journal, active);
  RunningDetector standby(config());
  ASSERT_TRUE(wait_until(
      [&] { return log.count("stands by") > 0 && standby.ready() && active.ready(); }, kLong))
      << standby.missing() << active.missing();
  server_->pause();
  for (const RunningDetector* detector : {&active, &standby}) {
    SCOPED_TRACE(detector == &standby ? "standby" : "active");
    EXPECT_TRUE(wait_until(
        [&] {
          return detector->missing().find("detector reaches the brokers") != std::string::npos;
        },
        kNoticed))
        << detector->missing();
  }
  server_->resume();
  ASSERT_TRUE(wait_until([&] { return standby.ready() && active.ready(); }, kLong))
      << standby.missing() << "; " << active.missing();
  for (PaneIndex day = 3; day < 6; ++day) {
    journal.day(day, {{"SG", 50 * day}});
    journal.deliver();
    ASSERT_TRUE(wait_until(
        [&] {
          return std::max(active.service().position(), standby.service().position()) ==
                 journal.appended();
        },
        kLong));
  }
  expect_each_revision_once(alerts());
  EXPECT_THAT(alerts(), SizeIs(4));
  EXPECT_THAT(points(), SizeIs(6));
}

// The program, killed while it publishes a journal that takes many transactions.
class ACrash : public DetectorOnRealKafka {
 protected:
  static constexpr PaneIndex kDays = 300;
  static constexpr int kSubjects = 40;

  ACrash() {
    for (const std::string& topic :
         {undisturbed_.journal, undisturbed_.alerts, undisturbed_.series}) {
      create(topic);
    }
    for (const std::string& prefix : {prefix_, undisturbed_prefix_}) {
      JournalWriter journal(brokers(), detector_config(brokers(), prefix));
      for (PaneIndex day = 0; day < kDays; ++day) {
        std::map<std::string, std::int64_t> units;
        for (int subject = 0; subject < kSubjects; ++subject) {
          units["s" + std::to_string(subject)] = day < 2 ? 10 : 50 + day;
        }
        journal.day(day, units);
      }
      journal.deliver();
      records_ = journal.appended();
    }
  }

  // What a killed member holds is given on after a session's time.
  std::unique_ptr<Process> start(const std::string& prefix, const std::string& instance_id = "",
                                 milliseconds session = milliseconds(2'000)) const {
    const std::filesystem::path file =
        directory_.path() / fmt::format("{}{}.yaml", prefix, ++started_);
    std::ofstream(file) << detector_yaml(
                               brokers(), prefix,
                               fmt::format(", group_id: {}g, properties: {{session.timeout.ms: "
                                           "'{}', heartbeat.interval.ms: '300'}}",
                                           prefix, session.count()))
                        << "server: {detector_http_port: " << free_port() << "}\n";
    std::vector<std::string> arguments{"--config", file.string()};
    if (!instance_id.empty()) arguments.insert(arguments.end(), {"--instance-id", instance_id});
    auto process =
        Process::start({.program = SURGEWATCH_BIN "/surgewatch-detector", .arguments = arguments});
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }
  void run_to_the_end(const std::string& prefix) const {
    const auto detector = start(prefix);
    const auto group = kafka::make_consumer(brokers(), prefix + "g-detector");
    const kafka::Topics topics(prefix);
    EXPECT_TRUE(detector->wait_for_output(
        [](const auto&, const auto& err) { return err.find("owns the journal") != err.npos; },
        kLong))
        << detector->err();
    EXPECT_TRUE(wait_until(
        [&] {
          const auto committed = group->committed({{topics.journal, 0}});
          return committed.ok() && (*committed)[0].has_value() &&
                 (*committed)[0]->offset == records_ &&
                 (*committed)[0]->metadata.find("partial") == std::string::npos;
        },
        kLong))
        << detector->err();
    detector->signal(SIGTERM);
    EXPECT_EQ(detector->wait(kLong), 0) << detector->err();
  }
  // The end of a life, as soon as `count` more records are in the topic, committed or not: of the
  // process that `which` names then.
  template <typename Which>
  void kill_after(std::int64_t count, const std::string& topic, const Which& which) const {
    SCOPED_TRACE(topic + " " + std::to_string(count));
    const auto admin = *kafka::Admin::create({.brokers = brokers()});
    const auto ends = admin->watermarks({topic, 0}, kLong);
    ASSERT_TRUE(ends.ok()) << ends.status();
    const auto reader = kafka::make_consumer(brokers(), "reader", {.read_committed = false});
    ASSERT_EQ(reader->assign({{{topic, 0}, ends->second}}), absl::OkStatus());
    std::int64_t seen = 0;
    Process* killed = nullptr;
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while ((seen < count || killed == nullptr) && std::chrono::steady_clock::now() < deadline) {
      const auto came = reader->poll(milliseconds(50), 100, [&](const kafka::Message&) { ++seen; });
      ASSERT_TRUE(came.ok()) << came.status();
      killed = which();
    }
    ASSERT_NE(killed, nullptr);
    killed->signal(SIGKILL);
    EXPECT_GE(seen, count) << killed->err();
    EXPECT_EQ(killed->wait(kLong), 128 + SIGKILL);
  }
  void crash_after(std::int64_t count, const std::string& topic) const {
    const auto detector = start(prefix_);
    kill_after(count, topic, [&] { return detector.get(); });
  }
  void expect_what_the_undisturbed_one_said() const {
    expect_each_revision_once(alerts());
    EXPECT_EQ(alerts().size(), alerts_of(brokers(), undisturbed_prefix_).size());
    for (const auto& [mine, theirs] : {std::pair(topics_->alerts, undisturbed_.alerts),
                                       std::pair(topics_->series, undisturbed_.series)}) {
      SCOPED_TRACE(mine);
      // Not by EXPECT_EQ, which would print them all.
      EXPECT_TRUE(payloads_in_order(records_of(brokers(), mine)) ==
                  payloads_in_order(records_of(brokers(), theirs)));
    }
  }
  static std::vector<std::string> payloads_in_order(const std::vector<kafka::Kept>& records) {
    std::vector<std::string> payloads = kafka::payloads(records);
    std::ranges::sort(payloads);
    return payloads;
  }

  const std::string undisturbed_prefix_ = prefix_ + "undisturbed-";
  const kafka::Topics undisturbed_{undisturbed_prefix_};
  TemporaryDirectory directory_;
  mutable int started_ = 0;
  std::int64_t records_ = 0;
};

// What many records gave rise to and one transaction can't take is cut between records.
TEST_F(ACrash, BetweenTwoTransactionsOfManyRecordsLosesNothing) {
  LogLines log;
  log.hold_at("rev 1");
  {
    RunningDetector detector(config());
    ASSERT_TRUE(wait_until([&] { return log.holds(); }, kLong));
    detector.stop();
    log.release();
  }
  EXPECT_LT(committed()->offset, records_);
  EXPECT_THAT(committed()->metadata, Not(HasSubstr("partial")));
  run_to_the_end(prefix_);
  EXPECT_EQ(points().size(), std::size_t{kDays * kSubjects});
}

// By what it has said last.
bool has_the_journal(const Process& detector) {
  const std::string log = detector.err();
  const auto last = [&](const char* line) {
    const std::size_t at = log.rfind(line);
    return at == std::string::npos ? std::int64_t{-1} : static_cast<std::int64_t>(at);
  };
  return std::max(last("owns the journal"), last("has the journal again")) >
         last("gives the journal back");
}

// Its group would wait for the dead one for longer than this test does.
TEST_F(ACrash, OfOneThatComesBackUnderItsNameIsNotWaitedFor) {
  constexpr milliseconds kSession{300'000};
  static_assert(kSession > 2 * kLong);
  const auto killed = start(prefix_, "detector-0", kSession);
  ASSERT_TRUE(wait_until([&] { return has_the_journal(*killed); }, kLong)) << killed->err();
  killed->signal(SIGKILL);
  EXPECT_EQ(killed->wait(kLong), 128 + SIGKILL);
  const auto next = start(prefix_, "detector-0", kSession);
  EXPECT_TRUE(wait_until([&] { return has_the_journal(*next); }, kLong)) << next->err();
  // Two of one name: the second has the place, and the first ends, since it may not take it back.
  const auto second = start(prefix_, "detector-0", kSession);
  EXPECT_EQ(next->wait(kLong), 1) << next->err();
  EXPECT_THAT(next->err(), HasSubstr("give each an --instance-id of its own"));
  EXPECT_TRUE(wait_until([&] { return has_the_journal(*second); }, kLong)) << second->err();
}

TEST_F(ACrash, WhileItPublishesLosesAndDoublesNothing) {
  run_to_the_end(undisturbed_prefix_);
  const auto expected = alerts_of(brokers(), undisturbed_prefix_);
  expect_each_revision_once(expected);
  ASSERT_GT(expected.size(), 10'000U);
  crash_after(1, topics_->alerts);
  crash_after(1'500, topics_->alerts);
  crash_after(1, topics_->series);
  crash_after(4'000, topics_->alerts);
  crash_after(3'000, topics_->series);
  run_to_the_end(prefix_);
  expect_what_the_undisturbed_one_said();
}

TEST_F(ACrash, OfTheOneOfTwoThatWorksLosesAndDoublesNothing) {
  run_to_the_end(undisturbed_prefix_);
  std::vector<std::unique_ptr<Process>> two;
  two.push_back(start(prefix_));
  two.push_back(start(prefix_));
  const auto working = [&] {
    const auto found =
        std::ranges::find_if(two, [](const auto& one) { return has_the_journal(*one); });
    return found == two.end() ? nullptr : found->get();
  };
  const auto replace_working = [&](std::int64_t count, const std::string& topic) {
    Process* killed = nullptr;
    kill_after(count, topic, [&] { return killed = working(); });
    std::erase_if(two, [&](const auto& one) { return one.get() == killed; });
    two.push_back(start(prefix_));
  };
  replace_working(1, topics_->alerts);
  replace_working(1, topics_->series);
  replace_working(1'500, topics_->alerts);
  two.clear();
  run_to_the_end(prefix_);
  expect_what_the_undisturbed_one_said();
}

}  // namespace
}  // namespace surgewatch::test

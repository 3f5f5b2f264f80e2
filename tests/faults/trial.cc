#include "faults/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/proto_json.h"
#include "base/status.h"
#include "config/config.h"
#include "detect/rules/table.h"
#include "faults/oracle.h"

namespace surgewatch::faults {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Of all sources together.
constexpr std::int64_t kEventsPerSecond = 500;
constexpr milliseconds kSettles{90'000};
constexpr milliseconds kBrokerWait{60'000};
constexpr milliseconds kAnswerWait{2'000};

milliseconds since(SteadyClock::time_point begin) {
  return std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begin);
}

std::map<SourceId, std::int64_t> ends_of(const Workload& workload) {
  std::map<SourceId, std::int64_t> ends;
  for (const Sent& sent : workload.records) ++ends[sent.source];
  return ends;
}

// And waits until those who ask are told of them.
absl::Status create_topics(const std::string& brokers, const kafka::Topics& topics) {
  SW_ASSIGN_OR_RETURN(const auto admin, kafka::Admin::create({.brokers = brokers}));
  absl::Status status;
  test::wait_until(
      [&] {
        status = admin->create_topics(topics.specs(kPartitions), 1);
        if (!status.ok()) return false;
        const auto known = admin->partitions({topics.invoices, topics.shipments}, kAnswerWait);
        return known.ok() &&
               std::ranges::all_of(*known, [](const auto& one) { return one == kPartitions; });
      },
      kBrokerWait);
  return status;
}

template <typename Message>
std::string lines_of(const std::vector<Observed::Said>& said) {
  std::string lines;
  for (const Observed::Said& one : said) {
    Message message;
    message.ParseFromString(one.payload);
    lines += fmt::format("{} {}\n", one.offset, to_json(message));
  }
  return lines;
}

// Why the system has not yet said all that there is to say; empty once it has.
class Settling {
 public:
  static absl::StatusOr<Settling> create(const std::string& brokers, const std::string& group,
                                         const kafka::Topics& topics, const Observer* observer,
                                         std::map<SourceId, std::int64_t> ends) {
    Settling settling;
    SW_ASSIGN_OR_RETURN(settling.group_,
                        kafka::Consumer::create({.client = {.brokers = brokers, .log = [](auto) {}},
                                                 .group_id = group + "-detector"}));
    settling.journal_ = {topics.journal, 0};
    settling.observer_ = observer;
    settling.ends_ = std::move(ends);
    return settling;
  }

  std::string missing() {
    const std::string unread = observer_->missing(ends_);
    if (!unread.empty()) return "the journal does not have all: " + unread;
    const auto committed = group_->committed({journal_}, kAnswerWait);
    if (!committed.ok()) return message_of(committed.status());
    const auto log = group_->log_ends({journal_}, kAnswerWait);
    if (!log.ok()) return message_of(log.status());
    const auto& offset = (*committed)[0];
    const std::int64_t end = (*log)[0].next;
    if (!offset || offset->offset != end) {
      return fmt::format("the detector has come to {} of {}", offset ? offset->offset : -1, end);
    }
    if (offset->metadata.find("partial") != std::string::npos) return "half a record is published";
    if (observer_->journal_end() != end) return "the observer has not seen all";
    return "";
  }

 private:
  Settling() = default;
  std::unique_ptr<kafka::Consumer> group_;
  kafka::TopicPartition journal_;
  const Observer* observer_ = nullptr;
  std::map<SourceId, std::int64_t> ends_;
};

}  // namespace

absl::StatusOr<Outcome> run_trial(test::KafkaServer* server, const Fault& fault,
                                  std::uint64_t seed) {
  const auto begin = SteadyClock::now();
  const std::string& brokers = server->brokers();
  const std::string prefix = fmt::format("{}-{}-", fault.name, seed);
  const std::string group = prefix + "group";
  const kafka::Topics topics(prefix);

  const auto per_source = static_cast<int>(fault.stream.count() * kEventsPerSecond / 1'000 /
                                           (2 * std::int64_t{kPartitions}));
  const Workload workload = make_workload(seed, per_source);
  const test::TemporaryDirectory directory;
  std::filesystem::create_directory_symlink(SURGEWATCH_SOURCE_DIR "/deploy/config/tables",
                                            directory.path() / "tables");
  Members members({.directory = directory.path(),
                   .yaml = workload_yaml(),
                   .brokers = brokers,
                   .prefix = prefix,
                   .group = group});
  SW_ASSIGN_OR_RETURN(const auto config, config::load(members.config(Role::kDetector, 0).string(),
                                                      detect::rule_specs()));
  const Expected expected = expect(workload, config);
  if (expected.too_old > 0) {
    return failed_precondition("seed {}: {} changes are too old; take another", seed,
                               expected.too_old);
  }

  SW_RETURN_IF_ERROR(create_topics(brokers, topics));
  SW_ASSIGN_OR_RETURN(const auto observer, Observer::create(brokers, topics));
  for (int i = 0; i < fault.aggregators; ++i) {
    SW_RETURN_IF_ERROR(members.start(Role::kAggregator, i));
  }
  for (int i = 0; i < fault.detectors; ++i) {
    SW_RETURN_IF_ERROR(members.start(Role::kDetector, i));
  }
  SW_ASSIGN_OR_RETURN(const auto sender, Sender::create(brokers, topics, &workload, fault.stream));

  Scene scene(server, &members, observer.get(), seed);
  scene.wait_for_news();
  const std::size_t before = scene.silences().size();
  fault.play(&scene);
  Outcome outcome;
  outcome.silences.assign(scene.silences().begin() + static_cast<std::ptrdiff_t>(before),
                          scene.silences().end());
  if (!scene.status().ok()) outcome.differences.push_back(message_of(scene.status()));

  SW_RETURN_IF_ERROR(sender->finish(kBrokerWait));
  SW_ASSIGN_OR_RETURN(Settling settling,
                      Settling::create(brokers, group, topics, observer.get(), ends_of(workload)));
  std::string missing;
  const bool has_settled = test::wait_until(
      [&] {
        missing = settling.missing();
        return missing.empty();
      },
      kSettles);
  if (!has_settled) {
    outcome.differences.push_back(
        fmt::format("it does not come to rest: {}\n{}", missing, members.last_lines()));
  }
  for (const std::string& ended : members.ended()) outcome.differences.push_back(ended);
  if (const absl::Status stopped = members.stop_all(); !stopped.ok()) {
    outcome.differences.push_back(message_of(stopped));
  }
  // The side topics are behind the rest by up to a flush: they are whole once the members have
  // ended.
  SW_ASSIGN_OR_RETURN(const Observed observed, read_all(brokers, topics));
  test::wait_until([&] { return observer->journal_end() >= observed.journal.back().offset + 1; },
                   kAnswerWait);
  const Observed during = observer->end();
  for (std::string& difference : differences(workload, expected, config, observed, &during)) {
    outcome.differences.push_back(std::move(difference));
  }
  if (!outcome.differences.empty()) {
    for (const auto& [name, text] : members.logs()) outcome.evidence[name + ".log"] = text;
    outcome.evidence["journal.txt"] = lines_of<v1::JournalRecord>(observed.journal);
    outcome.evidence["alerts.txt"] = lines_of<v1::Alert>(observed.alerts);
    outcome.evidence["points.txt"] = lines_of<v1::SeriesPoint>(observed.points);
  }
  outcome.events = workload.records.size();
  outcome.alerts = observed.alerts.size();
  outcome.repeated_copies = repetitions(observed.late) + repetitions(observed.rejected);
  outcome.took = since(begin);
  return outcome;
}

}  // namespace surgewatch::faults

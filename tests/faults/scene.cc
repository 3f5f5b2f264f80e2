#include "faults/scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace surgewatch::faults {
namespace {

using SteadyClock = std::chrono::steady_clock;

// After that nothing is waited for any more: the trial ends as one that stands still.
constexpr milliseconds kNewsWithin{30'000};
// What was committed before has been seen by then.
constexpr milliseconds kSeen{60};

}  // namespace

absl::StatusOr<std::unique_ptr<Sender>> Sender::create(const std::string& brokers,
                                                       const kafka::Topics& topics,
                                                       const Workload* workload,
                                                       milliseconds within) {
  SW_ASSIGN_OR_RETURN(auto producer,
                      kafka::Producer::create({.client = {.brokers = brokers, .log = [](auto) {}},
                                               .linger = milliseconds(2),
                                               .retries_for_ever = true}));
  return std::unique_ptr<Sender>(new Sender(std::move(producer), topics, workload, within));
}

Sender::Sender(std::unique_ptr<kafka::Producer> producer, kafka::Topics topics,
               const Workload* workload, milliseconds within)
    : producer_(std::move(producer)),
      topics_(std::move(topics)),
      workload_(*workload),
      within_(within),
      thread_([this] { run(); }) {}

Sender::~Sender() {
  is_given_up_ = true;
  if (thread_.joinable()) thread_.join();
}

void Sender::run() {
  const auto begin = SteadyClock::now();
  const auto total = static_cast<std::int64_t>(workload_.records.size());
  for (std::int64_t i = 0; i < total && status_.ok() && !is_given_up_; ++i) {
    while (!hurries_ && !is_given_up_ && SteadyClock::now() < begin + within_ * i / total) {
      producer_->poll(milliseconds(1));
    }
    const Sent& sent = workload_.records[static_cast<std::size_t>(i)];
    const std::string& topic =
        sent.source.topic == Topic::kInvoices ? topics_.invoices : topics_.shipments;
    status_ = producer_->produce(topic, sent.source.partition, sent.key, sent.payload);
  }
  while (status_.ok() && !is_given_up_ && producer_->pending() > 0) {
    producer_->poll(milliseconds(10));
  }
  if (status_.ok() && producer_->failed_deliveries() > 0) {
    status_ = failed_precondition("{} events were refused", producer_->failed_deliveries());
  }
  is_done_ = true;
}

absl::Status Sender::finish(milliseconds within) {
  hurries_ = true;
  if (!test::wait_until([&] { return is_done(); }, within)) {
    return absl::DeadlineExceededError("the events are not taken by the brokers");
  }
  return status_;
}

void Scene::wait_for_news() {
  const auto begin = SteadyClock::now();
  std::this_thread::sleep_for(kSeen);
  const std::size_t before = observer_.said();
  test::wait_until([&] { return observer_.said() > before; }, kNewsWithin);
  silences_.push_back(std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begin));
}

namespace {

void kill_and_start(Scene* scene, const std::vector<Role>& roles) {
  for (int i = 0; i < 3; ++i) {
    scene->go_on(100, 1'000);
    for (const Role role : roles) scene->kill(role, 0);
    for (const Role role : roles) scene->start(role, 0);
    scene->wait_for_news();
  }
}

void kill_both(Scene* scene) {
  std::vector<Role> roles{Role::kAggregator, Role::kDetector};
  if (scene->chance(50)) std::ranges::reverse(roles);
  kill_and_start(scene, roles);
}

// Before it has come back from the last one.
void kill_again_and_again(Scene* scene) {
  for (int i = 0; i < 8; ++i) {
    const Role role = scene->chance(50) ? Role::kAggregator : Role::kDetector;
    scene->kill(role, 0);
    scene->start(role, 0);
    scene->go_on(20, 700);
  }
  scene->wait_for_news();
}

// Stands still for longer than its group waits, while another takes over, and then goes on.
void stand_still(Scene* scene, Role role) {
  for (int i = 0; i < 2; ++i) {
    scene->go_on(100, 800);
    scene->pause(role, i);
    scene->go_on(Members::kSession.count() * 5 / 4, Members::kSession.count() * 2);
    scene->resume();
    scene->wait_for_news();
  }
}

void hand_over(Scene* scene) {
  for (int i = 0; i < 4; ++i) {
    const Role role = scene->chance(50) ? Role::kAggregator : Role::kDetector;
    const int number = static_cast<int>(scene->pick(0, 1));
    scene->go_on(100, 600);
    scene->stop(role, number);
    scene->wait_for_news();
    scene->start(role, number);
  }
}

void storm(Scene* scene) {
  constexpr int kMost = 3;
  for (int i = 0; i < 16; ++i) {
    const Role role = scene->chance(60) ? Role::kAggregator : Role::kDetector;
    const int number = static_cast<int>(scene->pick(0, kMost - 1));
    if (!scene->members().runs(role, number)) {
      scene->start(role, number);
    } else if (scene->members().is_paused(role, number)) {
      scene->resume();
    } else if (scene->chance(40)) {
      scene->kill(role, number);
    } else if (scene->chance(50)) {
      scene->stop(role, number);
    } else {
      scene->pause(role, number);
    }
    scene->go_on(100, 900);
  }
  scene->resume();
  for (const Role role : {Role::kAggregator, Role::kDetector}) {
    if (!scene->members().runs(role, 0)) scene->start(role, 0);
  }
  scene->wait_for_news();
}

void lose_broker(Scene* scene, bool in_order) {
  for (int i = 0; i < 2; ++i) {
    scene->go_on(200, 1'500);
    if (in_order) {
      scene->stop_broker();
    } else {
      scene->kill_broker();
    }
    scene->go_on(0, 1'000);
    scene->restart_broker();
    scene->wait_for_news();
  }
}

void silence_broker(Scene* scene) {
  for (int i = 0; i < 2; ++i) {
    scene->go_on(200, 1'500);
    scene->pause_broker();
    scene->go_on(500, 2 * Members::kSession.count());
    scene->resume_broker();
    scene->wait_for_news();
  }
}

// A member that stands still while the broker goes away under it, and one that dies meanwhile.
void everything(Scene* scene) {
  scene->go_on(200, 1'000);
  scene->pause(Role::kDetector, 0);
  scene->kill_broker();
  scene->kill(Role::kAggregator, 0);
  scene->go_on(0, 500);
  scene->restart_broker();
  scene->start(Role::kAggregator, 0);
  scene->go_on(0, Members::kSession.count() * 2);
  scene->resume();
  scene->wait_for_news();
}

}  // namespace

const std::vector<Fault>& all_faults() {
  static const std::vector<Fault> kFaults{
      {"none", "nothing happens", milliseconds(3'000), 1, 1,
       [](Scene* scene) { scene->go_on(1, 1); }},
      {"kill-aggregator", "kill -9 of the aggregator, 3 times", milliseconds(14'000), 1, 1,
       [](Scene* scene) { kill_and_start(scene, {Role::kAggregator}); }},
      {"kill-detector", "kill -9 of the detector, 3 times", milliseconds(14'000), 1, 1,
       [](Scene* scene) { kill_and_start(scene, {Role::kDetector}); }},
      {"kill-both", "kill -9 of both, 3 times", milliseconds(14'000), 1, 1, kill_both},
      {"kill-again", "kill -9 of one that is coming back, 8 times", milliseconds(14'000), 1, 1,
       kill_again_and_again},
      {"stop-aggregator", "an aggregator stands still for longer than its session, twice",
       milliseconds(18'000), 2, 1, [](Scene* scene) { stand_still(scene, Role::kAggregator); }},
      {"stop-detector", "a detector stands still for longer than its session, twice",
       milliseconds(18'000), 1, 2, [](Scene* scene) { stand_still(scene, Role::kDetector); }},
      {"hand-over", "one of two is told to stop and started again, 4 times", milliseconds(14'000),
       2, 2, hand_over},
      {"storm", "16 of: kill, stop, stand still, go on, start; of 3 and 3", milliseconds(18'000), 2,
       2, storm},
      {"kill-broker", "kill -9 of the broker, twice", milliseconds(25'000), 1, 1,
       [](Scene* scene) { lose_broker(scene, /*in_order=*/false); }},
      {"restart-broker", "the broker is stopped and started, twice", milliseconds(25'000), 1, 1,
       [](Scene* scene) { lose_broker(scene, /*in_order=*/true); }},
      {"silent-broker", "the broker stands still, up to two sessions, twice", milliseconds(25'000),
       1, 1, silence_broker},
      {"everything", "the broker and the aggregator die while the detector stands still",
       milliseconds(20'000), 1, 1, everything},
  };
  return kFaults;
}

}  // namespace surgewatch::faults

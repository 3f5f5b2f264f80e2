// What a fault has to play with: a running system under a steady stream of events, and a source of
// chance.
//
// Threads: the player's; the events are sent by a thread of their own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "faults/members.h"
#include "faults/observer.h"
#include "faults/workload.h"
#include "kafka/client.h"
#include "support/kafka_server.h"

namespace surgewatch::faults {

using std::chrono::milliseconds;

// Sends the workload in its order, evenly over a time; whatever the brokers do, all of it once.
class Sender {
 public:
  static absl::StatusOr<std::unique_ptr<Sender>> create(const std::string& brokers,
                                                        const kafka::Topics& topics,
                                                        const Workload* workload,
                                                        milliseconds within);
  ~Sender();
  bool is_done() const { return is_done_.load(); }
  // What is left goes out at once; waits until all is delivered.
  absl::Status finish(milliseconds within);

 private:
  Sender(std::unique_ptr<kafka::Producer> producer, kafka::Topics topics, const Workload* workload,
         milliseconds within);
  void run();

  const std::unique_ptr<kafka::Producer> producer_;
  const kafka::Topics topics_;
  const Workload& workload_;
  const milliseconds within_;
  std::atomic<bool> hurries_{false}, is_given_up_{false}, is_done_{false};
  absl::Status status_;  // written before is_done_
  std::thread thread_;
};

class Scene {
 public:
  Scene(test::KafkaServer* server, Members* members, const Observer* observer, std::uint64_t seed)
      : server_(*server), members_(*members), observer_(*observer), random_(seed) {}

  // ---- Chance.
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  // Lets things go on for so long, at random: when a fault comes is what is tried, and decides
  // nothing of what is right.
  void go_on(std::int64_t least_ms, std::int64_t most_ms) {
    std::this_thread::sleep_for(milliseconds(pick(least_ms, most_ms)));
  }

  // ---- Deeds. What can't be done ends the trial.
  void start(Role role, int number) { must(members_.start(role, number)); }
  void kill(Role role, int number) { members_.kill(role, number); }
  void stop(Role role, int number) { must(members_.stop(role, number)); }
  void pause(Role role, int number) { members_.pause(role, number); }
  void resume() { members_.resume(); }
  Members& members() { return members_; }
  void kill_broker() { server_.kill(); }
  void stop_broker() { server_.stop(); }
  void restart_broker() { must(server_.restart()); }
  void pause_broker() { server_.pause(); }
  void resume_broker() { server_.resume(); }

  // From now on until something new is said: one figure of the report. Waits for it.
  void wait_for_news();
  const std::vector<milliseconds>& silences() const { return silences_; }

  const absl::Status& status() const { return status_; }

 private:
  void must(const absl::Status& status) { status_.Update(status); }

  test::KafkaServer& server_;
  Members& members_;
  const Observer& observer_;
  std::mt19937_64 random_;
  std::vector<milliseconds> silences_;
  absl::Status status_;
};

struct Fault {
  std::string name, what;
  milliseconds stream;  // for how long events are sent meanwhile
  int aggregators = 1, detectors = 1;
  std::function<void(Scene*)> play;
};

// Every kind.
const std::vector<Fault>& all_faults();

}  // namespace surgewatch::faults

#include "serve/open_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "serve/metrics.h"
#include "unit/serve/builders.h"

namespace surgewatch::serve {
namespace {

using std::chrono::seconds;

// Does what it is given on a thread of its own, in order, as gRPC calls those whom it serves.
class Executor {
 public:
  Executor() : thread_([this] { run(); }) {}
  ~Executor() {
    post(nullptr);
    thread_.join();
  }
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void post(std::function<void()> action) {
    const std::lock_guard lock(mutex_);
    actions_.push_back(std::move(action));
    posted_.notify_one();
  }

 private:
  void run() {
    while (true) {
      std::function<void()> action;
      {
        std::unique_lock lock(mutex_);
        posted_.wait(lock, [this] { return !actions_.empty(); });
        action = std::move(actions_.front());
        actions_.pop_front();
      }
      if (!action) return;
      action();
    }
  }

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> actions_;
  std::thread thread_;
};

// A client, and what has become of its stream. Its executor's, but for `heard_all`.
struct Client {
  enum class Does { kRead, kStandStill, kGo } does = Does::kRead;
  int after = 0;  // responses, it stands still or goes
  std::vector<int> heard;
  absl::Status end;
  int unfinished_writes = 0;
  std::atomic<int> count{0};
};

class FakeStream final : public OpenCalls::Stream {
 public:
  FakeStream(OpenCalls* calls, OpenCalls::Slot slot, Subscription subscription, Executor* executor,
             Client* client)
      : Stream(calls, std::move(slot), std::move(subscription)),
        executor_(*executor),
        client_(*client) {}

 private:
  void start_write(const v1::SubscribeResponse& response) override {
    executor_.post([this, &response] {
      EXPECT_EQ(client_.unfinished_writes++, 0);
      const bool has_enough = client_.count >= client_.after;
      if (has_enough && client_.does == Client::Does::kStandStill) return;
      if (response.has_alert()) {
        client_.heard.push_back(static_cast<int>(response.alert().revision()));
        ++client_.count;
      }
      --client_.unfinished_writes;
      has_enough&& client_.does == Client::Does::kGo ? gone() : taken();
    });
  }
  void finish(const absl::Status& status) override {
    executor_.post([this, status] {
      client_.end = status;
      done();
    });
  }
  void cancel(const absl::Status&) override {
    executor_.post([this] { gone(); });
  }

  Executor& executor_;
  Client& client_;
};

// Clients of every kind at once, more than there are slots for, while alerts come.
TEST(OpenCalls, EveryClientHearsAllInOrderUpToItsEnd) {
  constexpr int kAlerts = 300;
  constexpr int kOpeners = 3;
  constexpr int kClientsOfEachKind = 7 * kOpeners;
  constexpr int kKinds = 3;
  telemetry::Telemetry telemetry("gateway", 100);
  AlertStore store(kAlerts);
  std::deque<Executor> executors(3);
  std::deque<Client> clients(kKinds * kClientsOfEachKind);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    clients[i].does = static_cast<Client::Does>(i / kOpeners % kKinds);
    clients[i].after = static_cast<int>(i);
  }
  OpenCalls calls(&store, {.streams = 45, .streams_per_peer = 18, .write_time = seconds(2)},
                  &telemetry);
  const auto begin = store.place();
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    for (int i = 0; i < kAlerts; ++i) store.add(i, make_alert("a", i + 1));
  });
  for (int opener = 0; opener < kOpeners; ++opener) {
    threads.emplace_back([&, opener] {
      const std::string peer = "peer" + std::to_string(opener);
      for (auto id = static_cast<std::size_t>(opener); id < clients.size(); id += kOpeners) {
        auto slot = calls.slot_for_stream(peer);
        for (; !slot.ok(); slot = calls.slot_for_stream(peer)) std::this_thread::yield();
        calls.open(std::make_unique<FakeStream>(
            &calls, *std::move(slot),
            *Subscription::begin(&store, {}, begin, {}, OpenCalls::Clock::now()),
            &executors[id % executors.size()], &clients[id]));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto readers_have_all = [&] {
    return std::all_of(clients.begin(), clients.end(), [](const Client& client) {
      return client.does != Client::Does::kRead || client.count == kAlerts;
    });
  };
  const auto deadline = OpenCalls::Clock::now() + seconds(60);
  while (subscribers_gauge(telemetry, "grpc").Value() > kClientsOfEachKind || !readers_have_all()) {
    ASSERT_LT(OpenCalls::Clock::now(), deadline);
    std::this_thread::yield();
  }
  calls.stop();
  calls.join();
  executors.clear();
  for (const Client& client : clients) {
    for (std::size_t i = 0; i < client.heard.size(); ++i) {
      ASSERT_EQ(client.heard[i], static_cast<int>(i) + 1);
    }
    switch (client.does) {
      case Client::Does::kRead:
        EXPECT_EQ(client.heard.size(), std::size_t{kAlerts});
        EXPECT_TRUE(absl::IsUnavailable(client.end)) << client.end;
        break;
      case Client::Does::kStandStill:
        EXPECT_EQ(client.count, client.after);
        EXPECT_TRUE(absl::IsResourceExhausted(client.end)) << client.end;
        break;
      case Client::Does::kGo:
        EXPECT_TRUE(absl::IsCancelled(client.end)) << client.end;
        break;
    }
  }
  EXPECT_EQ(subscribers_gauge(telemetry, "grpc").Value(), 0);
  EXPECT_EQ(subscribers_cut_counter(telemetry, "grpc", "time").Value(), kClientsOfEachKind);
}

}  // namespace
}  // namespace surgewatch::serve

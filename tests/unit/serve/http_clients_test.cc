// Slow and greedy clients of the HTTP server, and what they must not take from others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "unit/serve/builders.h"
#include "unit/serve/http_fixture.h"

namespace surgewatch::serve {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Long enough for a client of ours to do what it should on a machine that has much else to do.
constexpr milliseconds kSoon{300};

using HttpClientsTest = HttpFixture;

// A path whose answers come when the test says so, or is over.
class HeldAnswers {
 public:
  ~HeldAnswers() { release(); }
  Answers answers() {
    return {{"/api/v1/held", [state = state_](const api::Params&) {
               state->running.fetch_add(1);
               state->is_released.wait(false);
               return api::Reply{.status = 200, .body = "{}"};
             }}};
  }
  int running() const { return state_->running.load(); }
  void release() {
    state_->is_released.store(true);
    state_->is_released.notify_all();
  }

 private:
  // Outlives the test, whose server is stopped behind it.
  struct State {
    std::atomic<int> running{0};
    std::atomic<bool> is_released{false};
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};
constexpr char kHeld[] = "GET /api/v1/held HTTP/1.1\r\nHost: x\r\n\r\n";

// --- Probes ------------------------------------------------------------------------------------

// What each kind of server is given: an aggregator answers for others, a detector for nobody, a
// gateway has a store.
class EachKindOfServer : public HttpClientsTest, public ::testing::WithParamInterface<const char*> {
 protected:
  HttpServer::Options options() {
    HttpServer::Options made;
    if (std::string(GetParam()) == "aggregator") {
      made.answers = {{"/api/v1/window", [](const api::Params&) { return api::Reply{}; }}};
    }
    if (std::string(GetParam()) == "gateway") made.alerts = &store_;
    return made;
  }
};

TEST_P(EachKindOfServer, ClientsThatSendAByteNowAndThenBlindNoProbe) {
  start(options());
  constexpr char kBegin[] = "GET /-/healthy HTTP/1.1\r\nx: ";
  std::list<RawClient> slow;
  for (int i = 0; i < 250; ++i) {
    slow.push_back(connect());
    slow.back().send(kBegin);
  }
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    while (!stop) {
      for (auto it = slow.begin(); it != slow.end(); ++it) {
        if (it->send("x")) continue;
        it = slow.erase(it);
        it = slow.insert(it, connect());
        it->send(kBegin);
      }
    }
  });
  for (int i = 0; i < 3; ++i) expect_probes_answered();
  stop = true;
  sender.join();
}

TEST_P(EachKindOfServer, ClientsThatTakeNoAnswerBlindNoProbe) {
  start(options());
  std::list<RawClient> deaf;
  for (int i = 0; i < 250; ++i) {
    deaf.push_back(connect_narrow());
    for (int j = 0; j < 20; ++j) deaf.back().send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  for (int i = 0; i < 3; ++i) expect_probes_answered();
}

INSTANTIATE_TEST_SUITE_P(All, EachKindOfServer,
                         ::testing::Values("aggregator", "detector", "gateway"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST_F(HttpClientsTest, SlowQueriesBlindNoProbe) {
  HeldAnswers held;
  start({.answers = held.answers()});
  std::list<RawClient> askers;
  for (int i = 0; i < 60; ++i) {
    askers.push_back(connect());
    askers.back().send(kHeld);
  }
  EXPECT_TRUE(wait_until([&] { return held.running() > 0; }));
  expect_probes_answered();
  held.release();
}

// --- Deadlines ---------------------------------------------------------------------------------

// Sends `first` and then a byte now and then until the server has closed; what it has answered.
std::string trickle(const RawClient& client, std::string_view first, std::string_view byte) {
  client.send(first);
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    while (!stop && client.send(byte)) std::this_thread::sleep_for(milliseconds(5));
  });
  std::string answer = client.read_until("\r\n\r\n");
  EXPECT_TRUE(client.is_closed_in_time());
  stop = true;
  sender.join();
  return answer;
}

TEST_F(HttpClientsTest, AHeadThatTakesTooLongEndsTheConnection) {
  start({.limits = {.request_time = kSoon}});
  EXPECT_THAT(trickle(connect(), "GET /-/healthy HTTP/1.1\r\nx: ", "x"),
              AllOf(StartsWith("HTTP/1.1 408"), HasSubstr("Connection: close")));
  EXPECT_EQ(cut("request_time"), 1);
}

TEST_F(HttpClientsTest, ABodyThatTakesTooLongEndsTheConnection) {
  start({.limits = {.request_time = kSoon}});
  EXPECT_THAT(trickle(connect(), "GET / HTTP/1.1\r\nContent-Length: 60000\r\n\r\n", "x"),
              StartsWith("HTTP/1.1 408"));
  EXPECT_EQ(cut("request_time"), 1);
}

TEST_F(HttpClientsTest, ASecondRequestHasTheSameDeadline) {
  start({.limits = {.request_time = kSoon}});
  const RawClient client = connect();
  client.send(kGetHealthy);
  EXPECT_THAT(client.read_until("healthy\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(trickle(client, "GET ", "x"), StartsWith("HTTP/1.1 408"));
}

TEST_F(HttpClientsTest, AClientThatSaysNothingIsLetGo) {
  start({.limits = {.request_time = kSoon}});
  const RawClient client = connect();
  EXPECT_TRUE(client.is_closed_in_time());
  EXPECT_EQ(cut("request_time"), 1);
}

TEST_F(HttpClientsTest, AnIdleConnectionIsKeptForAWhileAndIsNoFault) {
  start({.limits = {.request_time = kSoon, .idle_time = 4 * kSoon}});
  const RawClient client = connect();
  for (int i = 0; i < 3; ++i) {
    client.send(kGetHealthy);
    EXPECT_THAT(client.read_until("healthy\n"), HasSubstr("Connection: keep-alive"));
  }
  const auto begin = steady_clock::now();
  EXPECT_TRUE(client.is_closed_in_time());
  EXPECT_GT(steady_clock::now() - begin, 3 * kSoon);
  EXPECT_EQ(cut("request_time"), 0);
}

TEST_F(HttpClientsTest, AClientThatTakesNothingOfItsAnswerIsCut) {
  start({.answers = {{"/large",
                      [](const api::Params&) {
                        return api::Reply{.status = 200, .body = std::string(20'000'000, 'x')};
                      }}},
         .limits = {.stall_time = kSoon}});
  const RawClient client = connect_narrow();
  client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(wait_until([&] { return cut("answer_time") == 1; }));
  EXPECT_TRUE(wait_until([&] { return connections() == 0; }));
}

TEST_F(HttpClientsTest, AClientThatTakesItsAnswerByDripsIsCutToo) {
  start({.answers = {{"/large",
                      [](const api::Params&) {
                        return api::Reply{.status = 200, .body = std::string(100'000'000, 'x')};
                      }}},
         .limits = {.stall_time = seconds(20), .answer_time = milliseconds(20)}});
  const RawClient client = connect_narrow();
  client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(client.is_closed_in_time());
  EXPECT_EQ(cut("answer_time"), 1);
}

// --- Bounds ------------------------------------------------------------------------------------

TEST_F(HttpClientsTest, ANewConnectionTakesThePlaceOfTheOneOfItsPeerThatWaitedLongest) {
  start({.limits = {.connections_per_peer = 3, .request_time = seconds(60)}});
  const RawClient other = connect_from("127.0.0.2");
  std::list<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(connect());
    clients.back().send(kGetHealthy);
    clients.back().read_until("healthy\n");
  }
  // The first one is heard of again, so the second is now the one that was silent for longest.
  clients.front().send(kGetHealthy);
  clients.front().read_until("healthy\n");
  const RawClient fourth = connect();
  EXPECT_TRUE(std::next(clients.begin())->is_closed_in_time());
  const RawClient& first = clients.front();
  const RawClient& third = clients.back();
  for (const RawClient* kept : {&first, &third, &fourth, &other}) {
    EXPECT_TRUE(kept->send(kGetHealthy));
    EXPECT_THAT(kept->read_until("healthy\n"), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_EQ(cut("peer"), 1);
}

TEST_F(HttpClientsTest, OneThatWaitsForUsGoesOnlyWhereNoneWaitsForItsClient) {
  HeldAnswers held;
  start({.answers = held.answers(),
         .limits = {.connections_per_peer = 2, .request_time = seconds(60)}});
  const RawClient asker = connect();
  asker.send(kHeld);
  EXPECT_TRUE(wait_until([&] { return queries() == 1; }));
  const RawClient idle = connect();
  const RawClient second = connect();
  EXPECT_TRUE(idle.is_closed_in_time()) << "though the query has waited for longer";
  second.send(kHeld);
  EXPECT_TRUE(wait_until([&] { return queries() == 2; }));
  const RawClient probe = connect();
  EXPECT_TRUE(asker.is_closed_in_time());
  probe.send(kGetHealthy);
  EXPECT_THAT(probe.read_until("healthy\n"), StartsWith("HTTP/1.1 200"));
  held.release();
  EXPECT_THAT(second.read_until("{}"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(cut("peer"), 2);
}

TEST_F(HttpClientsTest, InAllItIsThePeerWithMostConnectionsThatLosesOne) {
  start({.limits = {.connections = 4, .request_time = seconds(60)}});
  const RawClient first = connect_from("127.0.0.2");
  EXPECT_TRUE(wait_until([&] { return connections() == 1; }));
  std::list<RawClient> greedy;
  for (int i = 0; i < 3; ++i) {
    greedy.push_back(connect());
    EXPECT_TRUE(wait_until([&] { return connections() == i + 2; }));
  }
  const RawClient last = connect_from("127.0.0.3");
  EXPECT_TRUE(greedy.front().is_closed_in_time());
  last.send(kGetHealthy);
  EXPECT_THAT(last.read_until("healthy\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_FALSE(first.is_closed());
  EXPECT_EQ(cut("full"), 1);
  EXPECT_EQ(connections(), 4);
}

TEST_F(HttpClientsTest, QueriesBeyondTheBoundAreRefusedAndCounted) {
  HeldAnswers held;
  start({.answers = held.answers(),
         .limits = {.query_threads = 1, .queries = 3, .queries_per_peer = 2}});
  std::list<RawClient> askers;
  for (int i = 0; i < 2; ++i) {
    askers.push_back(connect());
    askers.back().send(kHeld);
  }
  EXPECT_TRUE(wait_until([&] { return queries() == 2; }));
  const RawClient third = connect();
  third.send(kHeld);
  EXPECT_THAT(third.read_until("\"}}"),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("of this address")));
  EXPECT_EQ(refused("peer"), 1);

  const RawClient other = connect_from("127.0.0.2");
  other.send(kHeld);
  EXPECT_TRUE(wait_until([&] { return queries() == 3; }));
  const RawClient last = connect_from("127.0.0.3");
  last.send(kHeld);
  EXPECT_THAT(last.read_until("\"}}"), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("Retry-After"),
                                             HasSubstr("RESOURCE_EXHAUSTED")));
  EXPECT_EQ(refused("full"), 1);
  expect_probes_answered();

  held.release();
  for (const RawClient& asker : askers) {
    EXPECT_THAT(asker.read_until("{}"), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_THAT(other.read_until("{}"), StartsWith("HTTP/1.1 200"));
  last.send(kHeld);
  EXPECT_THAT(last.read_until("{}"), StartsWith("HTTP/1.1 200")) << "there is room again";
}

TEST_F(HttpClientsTest, NoQueryIsBegunWhileTooMuchWaitsForItsClients) {
  start({.answers = {{"/large",
                      [](const api::Params&) {
                        return api::Reply{.status = 200, .body = std::string(20'000'000, 'x')};
                      }}},
         .limits = {.unsent_bytes = 1'000'000}});
  {
    const RawClient deaf = connect_narrow();
    deaf.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    deaf.read_until("HTTP/1.1 200");
    const RawClient second = connect();
    second.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(second.read_until("\"}}"), StartsWith("HTTP/1.1 503"));
    EXPECT_EQ(refused("unsent"), 1);
    expect_probes_answered();
  }
  httplib::Client next("127.0.0.1", server_->port());
  EXPECT_TRUE(wait_until([&] { return next.Get("/large")->status == 200; }))
      << "what a client that has gone did not take counts no more";
}

TEST_F(HttpClientsTest, WhileTooMuchIsUnsentTheSlowestGoSooner) {
  start({.answers = {{"/large",
                      [](const api::Params&) {
                        return api::Reply{.status = 200, .body = std::string(20'000'000, 'x')};
                      }}},
         .limits = {.unsent_bytes = 1'000'000,
                    .request_time = seconds(60),
                    .stall_time = seconds(60),
                    .pressed_stall_time = kSoon}});
  const RawClient idle = connect();
  const RawClient deaf = connect_narrow();
  deaf.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  deaf.read_until("HTTP/1.1 200");
  httplib::Client next = client();
  EXPECT_TRUE(wait_until([&] { return next.Get("/large")->status == 200; }));
  EXPECT_EQ(cut("unsent"), 1);
  EXPECT_FALSE(idle.is_closed()) << "it holds nothing";
}

TEST_F(HttpClientsTest, MetricsAreWrittenOnceForAllWhoAskMeanwhile) {
  start({});
  std::list<RawClient> scrapers;
  for (int i = 0; i < 50; ++i) {
    scrapers.push_back(connect());
    scrapers.back().send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  for (const RawClient& scraper : scrapers) {
    EXPECT_THAT(scraper.read_until("surgewatch_http_connections "), StartsWith("HTTP/1.1 200"));
  }
}

// --- The end -----------------------------------------------------------------------------------

TEST_F(HttpClientsTest, StopEndsWhateverClientsDo) {
  Answers answers = {{"/large", [](const api::Params&) {
                        return api::Reply{.status = 200, .body = std::string(20'000'000, 'x')};
                      }}};
  start_gateway({.answers = answers, .limits = {.stop_time = milliseconds(200)}});
  std::list<RawClient> clients;
  for (const char* what : {"", "GET / HT", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
                           kGetHealthy, kGetStream, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
                           "GET /large HTTP/1.1\r\nConnection: close\r\n\r\n", "bad\r\n\r\n"}) {
    for (int i = 0; i < 5; ++i) {
      clients.push_back(connect_narrow());
      clients.back().send(what);
    }
  }
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    while (!stop) {
      for (const RawClient& client : clients) client.send("x");
      std::this_thread::yield();
    }
  });
  std::thread teller([&] {
    for (int i = 0; !stop; ++i) store_.add(i, make_alert("a" + std::to_string(i % 7), i + 1));
  });
  EXPECT_TRUE(wait_until([&] { return streams() == 5; }));
  const auto begin = steady_clock::now();
  server_->stop();
  EXPECT_LT(steady_clock::now() - begin, seconds(4));
  EXPECT_EQ(connections(), 0);
  EXPECT_EQ(streams(), 0);
  stop = true;
  sender.join();
  teller.join();
  for (const RawClient& client : clients) EXPECT_TRUE(client.is_closed_in_time());
}

TEST_F(HttpClientsTest, StopLetsAnswersBeWritten) {
  HeldAnswers held;
  start({.answers = held.answers()});
  const RawClient asker = connect();
  asker.send(kHeld);
  EXPECT_TRUE(wait_until([&] { return held.running() == 1; }));
  const RawClient idle = connect();
  std::thread stopper([&] { server_->stop(); });
  EXPECT_TRUE(idle.is_closed_in_time());
  held.release();
  EXPECT_THAT(asker.read_until("{}"), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("close")));
  stopper.join();
}

}  // namespace
}  // namespace surgewatch::serve

// The stream of the HTTP API: what it says, and what its readers may not take from others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <list>
#include <string>
#include <vector>

#include "serve/token.h"
#include "unit/serve/builders.h"
#include "unit/serve/http_fixture.h"

namespace surgewatch::serve {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::int64_t now_seconds() {
  return std::chrono::duration_cast<seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// The values of `field:` lines, in order.
std::vector<std::string> fields(const std::string& stream, const std::string& field) {
  std::vector<std::string> values;
  std::size_t at = 0;
  while (at < stream.size()) {
    const std::size_t end = std::min(stream.find('\n', at), stream.size());
    const std::string line = stream.substr(at, end - at);
    if (line.rfind(field + ": ", 0) == 0) values.push_back(line.substr(field.size() + 2));
    at = end + 1;
  }
  return values;
}

std::size_t threads_of_this_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

using HttpStreamTest = HttpFixture;

TEST_F(HttpStreamTest, TheStreamStartsFromNowWithAToken) {
  start_gateway();
  store_.add(0, make_alert("before"));
  std::future<std::string> read = std::async(
      std::launch::async, [&] { return read_stream("/api/v1/stream", says("event: alert")); });
  ASSERT_TRUE(wait_for_streams(1));
  store_.add(1, make_alert("after"));
  const std::string text = read.get();
  EXPECT_THAT(text, AllOf(HasSubstr(R"("alert_id":"after")"), Not(HasSubstr("before"))));
  EXPECT_EQ(parse_resume_token(fields(text, "id").front())->next_offset, 1);
  EXPECT_EQ(parse_resume_token(fields(text, "id").back())->next_offset, 2);
  EXPECT_TRUE(wait_for_streams(0));
}

TEST_F(HttpStreamTest, TheStreamResumesWithoutAGapOrADuplicate) {
  start_gateway();
  for (int i = 0; i < 6; ++i) store_.add(i, make_alert("a" + std::to_string(i)));
  const auto seen = [](std::size_t alerts) { return says("event: alert", alerts); };
  std::string token = make_token(ResumeToken{.next_offset = 0, .issued_at = now_seconds()});
  const std::string first = read_stream("/api/v1/stream?from=" + token, seen(6));
  const std::vector<std::string> tokens = fields(first, "id");
  ASSERT_EQ(tokens.size(), 7U);
  // Whatever alert a client has seen last, by parameter or by header, it gets exactly the rest.
  for (std::size_t last = 0; last < 5; ++last) {
    for (const bool by_header : {false, true}) {
      const std::string rest =
          by_header ? read_stream("/api/v1/stream?from=" + tokens.front(), seen(5 - last),
                                  {{"Last-Event-ID", tokens[last + 1]}})
                    : read_stream("/api/v1/stream?from=" + tokens[last + 1], seen(5 - last));
      EXPECT_THAT(rest, Not(HasSubstr("\"a" + std::to_string(last) + "\"")));
      for (std::size_t next = last + 1; next < 6; ++next) {
        EXPECT_EQ(count(rest, "\"alert_id\":\"a" + std::to_string(next) + "\""), 1U);
      }
    }
  }
}

TEST_F(HttpStreamTest, TheStreamIsFiltered) {
  start_gateway();
  store_.add(0, make_alert("a", 1, "SG"));
  store_.add(1, make_alert("b", 1, "TW"));
  store_.add(2, make_alert("c", 1, "SG"));
  const std::string token = make_token(ResumeToken{.next_offset = 0, .issued_at = now_seconds()});
  const std::string text = read_stream("/api/v1/stream?region=SG&from=" + token, says("\"c\""));
  EXPECT_EQ(count(text, "event: alert"), 2U);
  EXPECT_THAT(text, Not(HasSubstr("\"b\"")));
}

TEST_F(HttpStreamTest, TheStreamTellsNewPointsOnce) {
  start_gateway();
  store_.add(make_point("r", "US", 100));
  std::future<std::string> read =
      std::async(std::launch::async, [&] { return read_stream("/api/v1/stream", says("\"TW\"")); });
  ASSERT_TRUE(wait_for_streams(1));
  store_.add(make_point("r", "SG", 200));
  store_.add(make_point("r", "TW", 200));
  const std::string text = read.get();
  EXPECT_EQ(count(text, "\"SG\""), 1U);
  EXPECT_THAT(text, AllOf(HasSubstr("event: series"), Not(HasSubstr("\"US\"")),
                          HasSubstr("\"complete\":true")));
}

TEST_F(HttpStreamTest, HeartbeatsCarryTheNewestTokenThoughNothingMatches) {
  start_gateway({.heartbeat = milliseconds(20)});
  std::future<std::string> read = std::async(std::launch::async, [&] {
    return read_stream("/api/v1/stream?region=US&series=false", [](const std::string& text) {
      const auto tokens = fields(text, "id");
      return !tokens.empty() && parse_resume_token(tokens.back())->next_offset == 4;
    });
  });
  ASSERT_TRUE(wait_for_streams(1));
  for (int i = 0; i < 4; ++i) store_.add(i, make_alert("a" + std::to_string(i)));
  EXPECT_THAT(read.get(), Not(HasSubstr("event:")));
}

TEST_F(HttpStreamTest, ATokenThatIsTooOldGetsAReset) {
  AlertStore small(2);
  for (int i = 0; i < 4; ++i) small.add(i, make_alert("a" + std::to_string(i)));
  auto server = HttpServer::start({.alerts = &small});
  ASSERT_TRUE(server.ok());
  const auto stream_of = [&](const ResumeToken& token) {
    httplib::Client reader("127.0.0.1", (*server)->port());
    reader.set_read_timeout(20);
    return reader.Get(("/api/v1/stream?from=" + make_token(token)).c_str())->body;
  };
  const std::string gone = stream_of({.next_offset = 1, .issued_at = now_seconds()});
  EXPECT_THAT(fields(gone, "event"), ElementsAre("reset"));
  EXPECT_THAT(gone, AllOf(HasSubstr("OUT_OF_RANGE"), HasSubstr("/api/v1/alerts")));
  const std::string expired =
      stream_of({.next_offset = 3, .issued_at = now_seconds() - kTokenLifeSeconds - 60});
  EXPECT_THAT(fields(expired, "event"), ElementsAre("reset"));
}

TEST_F(HttpStreamTest, AnswersNothingButThePageWhileItIsLoading) {
  store_.reset();
  store_.add(0, make_alert("history"));
  start_gateway();
  for (const char* path : {"/api/v1/alerts", "/api/v1/alerts/history", "/api/v1/series",
                           "/api/v1/rules", "/api/v1/stream"}) {
    const auto result = client().Get(path);
    ASSERT_TRUE(result) << path;
    EXPECT_EQ(result->status, 503) << path;
    EXPECT_EQ(result->get_header_value("Retry-After"), "1") << path;
    EXPECT_EQ(result->get_header_value_count("Retry-After"), 1U) << path;
    EXPECT_THAT(result->body, AllOf(HasSubstr("UNAVAILABLE"), Not(HasSubstr("history")))) << path;
  }
  EXPECT_THAT(get("/"), HasSubstr("Surgewatch"));
  EXPECT_EQ(get("/-/healthy"), "healthy\n");
  store_.set_loaded();
  EXPECT_THAT(get("/api/v1/alerts"), HasSubstr("history"));
}

TEST_F(HttpStreamTest, TheStreamIsResetWhenTheTopicBecomesAnotherOne) {
  start_gateway();
  store_.set_identity(1);
  for (int i = 0; i < 5; ++i) store_.add(i, make_alert("old" + std::to_string(i)));
  std::future<std::string> read = std::async(std::launch::async, [&] {
    return read_stream("/api/v1/stream", [](const std::string&) { return false; });
  });
  ASSERT_TRUE(wait_for_streams(1));
  store_.reset();
  store_.set_identity(2);
  for (int i = 0; i < 9; ++i) store_.add(i, make_alert("new" + std::to_string(i)));
  store_.set_loaded();
  const std::string text = read.get();
  EXPECT_THAT(fields(text, "event"), ElementsAre("reset"));
  EXPECT_THAT(text, AllOf(HasSubstr("OUT_OF_RANGE"), HasSubstr("/api/v1/alerts")));
}

TEST_F(HttpStreamTest, ATokenOfAnotherTopicOrAnEarlierFormGetsAReset) {
  start_gateway();
  store_.set_identity(2);
  for (int i = 0; i < 5; ++i) store_.add(i, make_alert("a" + std::to_string(i)));
  const auto never = [](const std::string&) { return false; };
  for (const std::string& token :
       {make_token(ResumeToken{.next_offset = 3, .identity = 1, .issued_at = now_seconds()}),
        std::string("cjE6NDI6MTcwMDAwMDAwMDpjMWNkOGU1ZQ")}) {
    const std::string text = read_stream("/api/v1/stream?from=" + token, never);
    EXPECT_THAT(fields(text, "event"), ElementsAre("reset")) << token;
    EXPECT_THAT(text, Not(HasSubstr("alert_id"))) << token;
  }
}

TEST_F(HttpStreamTest, StreamsBeyondTheLimitAreTurnedAway) {
  start_gateway({.limits = {.streams = 1}});
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::future<std::string> held = std::async(std::launch::async, [&] {
    return read_stream("/api/v1/stream", [&](const std::string&) {
      released.wait();
      return true;
    });
  });
  ASSERT_TRUE(wait_for_streams(1));
  const auto refused = client().Get("/api/v1/stream");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_THAT(refused->body, HasSubstr("RESOURCE_EXHAUSTED"));
  EXPECT_EQ(refused->get_header_value("Retry-After"), "10");
  release.set_value();
  held.get();
  ASSERT_TRUE(wait_for_streams(0)) << "the place is free again once the client has gone";
}

TEST_F(HttpStreamTest, StopEndsStreams) {
  start_gateway();
  std::future<std::string> read = std::async(std::launch::async, [&] {
    return read_stream("/api/v1/stream", [](const std::string&) { return false; });
  });
  ASSERT_TRUE(wait_for_streams(1));
  const auto begin = std::chrono::steady_clock::now();
  server_->stop();
  read.get();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
}

// --- Slow and greedy readers -------------------------------------------------------------------

TEST_F(HttpStreamTest, StreamsCostNoThreads) {
  start_gateway();
  const std::size_t before = threads_of_this_process();
  std::list<RawClient> readers;
  for (int i = 0; i < 64; ++i) {
    readers.push_back(connect());
    readers.back().send(kGetStream);
    EXPECT_THAT(readers.back().read_until(": heartbeat"), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_EQ(streams(), 64);
  EXPECT_EQ(threads_of_this_process(), before);
  store_.add(0, make_alert("news"));
  for (const RawClient& reader : readers) {
    EXPECT_THAT(reader.read_until("\"news\""), HasSubstr("event: alert"));
  }
}

TEST_F(HttpStreamTest, OneAddressDoesNotGetAllStreams) {
  start_gateway({.limits = {.streams = 3, .streams_per_peer = 2}});
  std::list<RawClient> readers;
  for (int i = 0; i < 2; ++i) {
    readers.push_back(connect());
    readers.back().send(kGetStream);
    readers.back().read_until(": heartbeat");
  }
  const RawClient third = connect();
  third.send(kGetStream);
  EXPECT_THAT(third.read_until("\"}}"),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("of this address")));
  EXPECT_EQ(streams_refused("peer"), 1);
  const RawClient other = connect_from("127.0.0.2");
  other.send(kGetStream);
  EXPECT_THAT(other.read_until(": heartbeat"), StartsWith("HTTP/1.1 200"));
  const RawClient last = connect_from("127.0.0.3");
  last.send(kGetStream);
  EXPECT_THAT(last.read_until("\"}}"), StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(streams_refused("full"), 1);
}

TEST_F(HttpStreamTest, StreamsDoNotCountAsConnections) {
  start_gateway({.limits = {.connections = 3, .connections_per_peer = 2}});
  std::list<RawClient> readers;
  for (int i = 0; i < 8; ++i) {
    readers.push_back(connect());
    readers.back().send(kGetStream);
    readers.back().read_until(": heartbeat");
  }
  expect_probes_answered();
  for (const RawClient& reader : readers) EXPECT_FALSE(reader.is_closed());
  EXPECT_EQ(streams(), 8);
}

TEST_F(HttpStreamTest, ReadersThatTakeNothingAreCutAndHoldUpNobody) {
  start_gateway();
  std::list<RawClient> deaf;
  for (int i = 0; i < 8; ++i) {
    deaf.push_back(connect_narrow());
    deaf.back().send(kGetStream);
  }
  ASSERT_TRUE(wait_for_streams(8));
  std::future<std::string> read = std::async(
      std::launch::async, [&] { return read_stream("/api/v1/stream", says("\"last\"")); });
  ASSERT_TRUE(wait_for_streams(9));
  v1::Alert large = make_alert("large");
  large.set_explanation(std::string(500'000, 'x'));
  for (int i = 0; i < 20; ++i) {
    large.set_revision(i + 1);
    store_.add(i, large);
  }
  store_.add(20, make_alert("last"));
  expect_probes_answered();
  EXPECT_EQ(count(read.get(), "event: alert"), 21U);
  EXPECT_TRUE(wait_for_streams(0));
  EXPECT_EQ(cut("answer_time"), 8);
  EXPECT_EQ(streams_cut("time"), 8);
}

TEST_F(HttpStreamTest, AStreamWhoseClientNeverStopsSendingIsCut) {
  start_gateway();
  const RawClient client = connect();
  client.send(kGetStream);
  client.read_until(": heartbeat");
  const std::string more(100'000, 'x');
  for (int i = 0; i < 100 && client.send(more); ++i) {
  }
  EXPECT_TRUE(wait_until([&] { return cut("unasked") == 1; }));
  EXPECT_TRUE(wait_until([&] { return streams() == 0; }));
}

TEST_F(HttpStreamTest, AStreamWhoseClientSendsAByteNowAndThenGoesOn) {
  start_gateway({.heartbeat = milliseconds(100), .limits = {.request_time = milliseconds(300)}});
  const RawClient client = connect();
  client.send(kGetStream);
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(client.read_until(": heartbeat"), HasSubstr("id: "));
    client.send("x");
  }
  store_.add(0, make_alert("news"));
  EXPECT_THAT(client.read_until("\"news\""), HasSubstr("event: alert"));
}

}  // namespace
}  // namespace surgewatch::serve

#include "serve/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <string>
#include <vector>

#include "serve/metrics.h"
#include "serve/token.h"
#include "unit/serve/builders.h"

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

class HttpServerTest : public ::testing::Test {
 protected:
  void start(int max_streams = 64, milliseconds heartbeat = seconds(10)) {
    auto started = HttpServer::start({.telemetry = &telemetry_,
                                      .alerts = &store_,
                                      .max_streams = max_streams,
                                      .heartbeat = heartbeat});
    ASSERT_TRUE(started.ok()) << started.status().ToString();
    server_ = *std::move(started);
  }

  httplib::Client client() const {
    httplib::Client client("127.0.0.1", server_->port());
    client.set_read_timeout(20);
    return client;
  }
  std::string get(const std::string& path, int status = 200) const {
    const auto result = client().Get(path.c_str());
    if (!result) return "no answer";
    EXPECT_EQ(result->status, status) << path;
    return result->body;
  }

  // Reads a stream until `enough` of what came so far.
  std::string read_stream(const std::string& path,
                          const std::function<bool(const std::string&)>& enough,
                          const httplib::Headers& headers = {}) const {
    std::string read;
    auto reader = client();
    reader.Get(path.c_str(), headers, [&](const char* data, std::size_t size) {
      read.append(data, size);
      return !enough(read);
    });
    return read;
  }

  double streams() { return subscribers_gauge(telemetry_, "sse").Value(); }
  bool wait_for_streams(double count) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    while (streams() != count && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    return streams() == count;
  }

  telemetry::Telemetry telemetry_{"gateway", 100};
  AlertStore store_{100};
  std::unique_ptr<HttpServer> server_;
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
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

TEST_F(HttpServerTest, AnswersForOthersToo) {
  auto started = HttpServer::start(
      {.answers = {{"/api/v1/sum", [](const api::Params& params) {
                      if (params.empty()) return api::error(absl::ResourceExhaustedError("busy"));
                      return api::Reply{.status = 200, .body = params.begin()->second};
                    }}}});
  ASSERT_TRUE(started.ok()) << started.status().ToString();
  server_ = *std::move(started);
  EXPECT_EQ(get("/api/v1/sum?of=a%3Db"), "a=b");
  const auto busy = client().Get("/api/v1/sum");
  ASSERT_TRUE(busy);
  EXPECT_EQ(busy->status, 503);
  EXPECT_NE(busy->get_header_value("Retry-After"), "");
  get("/api/v1/sums", 404);
}

TEST_F(HttpServerTest, SaysWhetherItIsHealthyAndReady) {
  start();
  EXPECT_EQ(get("/-/healthy"), "healthy\n");
  telemetry_.set_ready("journal", false);
  telemetry_.set_ready("kafka", true);
  EXPECT_THAT(get("/-/ready", 503), AllOf(HasSubstr("journal"), Not(HasSubstr("kafka"))));
  telemetry_.set_ready("journal", true);
  EXPECT_EQ(get("/-/ready"), "ready\n");
}

TEST_F(HttpServerTest, ServesMetricsInTheTextFormat) {
  start();
  const auto result = client().Get("/metrics");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(result->body, HasSubstr("surgewatch_subscribers{kind=\"sse\"} 0"));
}

TEST_F(HttpServerTest, ServesThePageWithoutAnythingInlineOrForeign) {
  start();
  const auto result = client().Get("/");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->get_header_value("Content-Type"), "text/html; charset=utf-8");
  EXPECT_THAT(result->get_header_value("Content-Security-Policy"),
              AllOf(HasSubstr("default-src 'self'"), Not(HasSubstr("unsafe"))));
  EXPECT_EQ(result->get_header_value("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(result->get_header_value("Referrer-Policy"), "no-referrer");
  EXPECT_THAT(result->body, AllOf(HasSubstr("<title>Surgewatch</title>"), Not(HasSubstr("http")),
                                  Not(HasSubstr("style=")), Not(HasSubstr("<style"))));
  // Everything that the page names is there.
  for (const char* attribute : {"href=\"/", "src=\"/"}) {
    for (auto at = result->body.find(attribute); at != std::string::npos;
         at = result->body.find(attribute, at + 1)) {
      const auto begin = result->body.find('/', at);
      get(result->body.substr(begin, result->body.find('"', begin) - begin));
    }
  }
}

TEST_F(HttpServerTest, AnUnchangedAssetIsNotSentAgain) {
  start();
  const auto first = client().Get("/app.js");
  ASSERT_TRUE(first);
  const auto again = client().Get("/app.js", {{"If-None-Match", first->get_header_value("ETag")}});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->status, 304);
  EXPECT_EQ(again->body, "");
}

TEST_F(HttpServerTest, ListsAlertsByFilter) {
  start();
  store_.add(0, make_alert("a", 1, "SG", 10, v1::SEVERITY_INFO));
  store_.add(1, make_alert("b", 1, "TW", 20, v1::SEVERITY_CRITICAL));
  const std::string all = get("/api/v1/alerts");
  EXPECT_THAT(all, StartsWith(R"({"alerts":[{"alert_id":"b","revision":1)"));
  EXPECT_THAT(all, HasSubstr(R"("severity":"SEVERITY_CRITICAL")"));
  EXPECT_THAT(all, HasSubstr(R"("more":false,"resume_token":")"));
  EXPECT_EQ(count(get("/api/v1/alerts?severity=warning"), "alert_id"), 1U);
  EXPECT_EQ(count(get("/api/v1/alerts?severity=SEVERITY_INFO"), "alert_id"), 2U);
  EXPECT_EQ(count(get("/api/v1/alerts?region=sg&region=TW"), "alert_id"), 2U);
  EXPECT_EQ(count(get("/api/v1/alerts?region=US"), "alert_id"), 0U);
  EXPECT_EQ(count(get("/api/v1/alerts?rule=rule-of-SG"), "alert_id"), 1U);
  EXPECT_EQ(count(get("/api/v1/alerts?state=resolved"), "alert_id"), 0U);
  EXPECT_THAT(get("/api/v1/alerts?limit=1"), HasSubstr(R"("more":true)"));
}

TEST_F(HttpServerTest, GetsOneAlert) {
  start();
  store_.add(0, make_alert("a-1"));
  EXPECT_THAT(get("/api/v1/alerts/a-1"), StartsWith(R"({"alert_id":"a-1")"));
  EXPECT_EQ(get("/api/v1/alerts/b", 404),
            R"({"error":{"code":"NOT_FOUND","message":"there is no alert 'b'"}})");
}

TEST_F(HttpServerTest, ListsPointsByRuleSubjectAndTime) {
  start();
  const std::int64_t day = 86'400;
  for (int i = 1; i <= 3; ++i) {
    store_.add(make_point("r", "SG", i * day));
    store_.add(make_point("r", "TW", i * day));
  }
  EXPECT_EQ(count(get("/api/v1/series"), "window_end"), 6U);
  EXPECT_EQ(count(get("/api/v1/series?rule=r&bill_to=SG"), "window_end"), 3U);
  EXPECT_EQ(count(get("/api/v1/series?bill_to=SG&from=1970-01-03"), "window_end"), 2U);
  EXPECT_EQ(count(get("/api/v1/series?bill_to=SG&to=1970-01-03T00:00:00Z"), "window_end"), 2U);
  EXPECT_EQ(count(get("/api/v1/series?limit=1"), "window_end"), 1U);
  EXPECT_EQ(count(get("/api/v1/series?bill_to=SG&step=30d"), "window_end"), 1U);
  EXPECT_EQ(get("/api/v1/series?rule=none"), R"({"points":[]})");
}

TEST_F(HttpServerTest, ListsTheRulesThatPointsHaveComeOf) {
  start();
  EXPECT_EQ(get("/api/v1/rules"), R"({"rules":[]})");
  store_.add(make_point("r", "SG", 86'400));
  EXPECT_THAT(get("/api/v1/rules"),
              AllOf(HasSubstr(R"("name":"r")"), HasSubstr(R"("per":["bill_to"])"),
                    HasSubstr(R"("newest_window_end":"1970-01-02T00:00:00Z")")));
}

TEST_F(HttpServerTest, BadParametersAreToldWhatIsWrong) {
  start();
  const std::vector<std::pair<std::string, std::string>> cases{
      {"/api/v1/alerts?limit=0", "limit: '0' is not a whole number from 1 to 10000"},
      {"/api/v1/alerts?limit=10001", "limit: '10001'"},
      {"/api/v1/alerts?limit=1x", "limit: '1x'"},
      {"/api/v1/alerts?severity=loud", "severity: 'loud' is none of info, warning, critical"},
      {"/api/v1/alerts?severity=unspecified", "severity: 'unspecified'"},
      {"/api/v1/alerts?state=on", "state: 'on' is none of firing, resolved"},
      {"/api/v1/alerts?regions=SG", "unknown parameter 'regions'"},
      {"/api/v1/series?from=yesterday", "from: 'yesterday' is neither a date"},
      {"/api/v1/series?to=2024-13-01", "to: '2024-13-01' is neither a date"},
      {"/api/v1/series?from=2024-02-01&to=2024-01-01", "from lies after to"},
      {"/api/v1/series?limit=-1", "limit: '-1'"},
      {"/api/v1/series?limit=100001", "limit: '100001'"},
      {"/api/v1/series?step=1", "'1' is not a duration"},
      {"/api/v1/series?step=500ms", "step: '500ms' is not a whole number of seconds"},
      {"/api/v1/series?colour=red", "unknown parameter 'colour'"},
      {"/api/v1/stream?from=17", "not a resume token of ours"},
      {"/api/v1/stream?series=maybe", "series: 'maybe' is neither true nor false"},
      {"/api/v1/stream?limit=3", "unknown parameter 'limit'"},
  };
  for (const auto& [path, message] : cases) {
    EXPECT_THAT(get(path, 400),
                AllOf(StartsWith(R"({"error":{"code":"INVALID_ARGUMENT")"), HasSubstr(message)))
        << path;
  }
}

TEST_F(HttpServerTest, UnknownPathsAndMethodsAreToldSo) {
  start();
  EXPECT_THAT(get("/nothing", 404), HasSubstr(R"("code":"NOT_FOUND")"));
  EXPECT_THAT(get("/api/v1/nothing", 404), HasSubstr("there is nothing at /api/v1/nothing"));
  EXPECT_THAT(get("/" + std::string(8'000, 'a'), 404), HasSubstr("NOT_FOUND"));
  const auto posted = client().Post("/api/v1/alerts", "{}", "application/json");
  ASSERT_TRUE(posted);
  EXPECT_EQ(posted->status, 405);
  EXPECT_EQ(posted->get_header_value("Allow"), "GET, HEAD");
  EXPECT_THAT(posted->body, HasSubstr("POST is not served"));
}

TEST_F(HttpServerTest, ALongBodyIsRefused) {
  start();
  const auto posted = client().Post("/api/v1/alerts", std::string(70'000, 'x'), "text/plain");
  ASSERT_TRUE(posted);
  EXPECT_EQ(posted->status, 413);
}

TEST_F(HttpServerTest, RangesAndBrotliAreNotOffered) {
  start();
  const auto whole = client().Get("/app.js");
  const auto ranged =
      client().Get("/app.js", {{"Range", "bytes=0-1,0-1,0-1"}, {"Accept-Encoding", "br, gzip"}});
  ASSERT_TRUE(whole && ranged);
  EXPECT_EQ(ranged->status, 200);
  EXPECT_EQ(ranged->get_header_value("Content-Encoding"), "gzip");
  EXPECT_EQ(ranged->body, whole->body);
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  start();
  for (const char* path : {"/", "/api/v1/alerts", "/api/v1/stream", "/metrics"}) {
    const auto result = client().Head(path);
    ASSERT_TRUE(result) << path;
    EXPECT_EQ(result->status, 200) << path;
    EXPECT_EQ(result->body, "") << path;
  }
}

TEST_F(HttpServerTest, WithoutAStoreThereIsNoApi) {
  auto plain = HttpServer::start({.telemetry = &telemetry_});
  ASSERT_TRUE(plain.ok());
  httplib::Client reader("127.0.0.1", (*plain)->port());
  EXPECT_EQ(reader.Get("/api/v1/alerts")->status, 404);
  EXPECT_EQ(reader.Get("/metrics")->status, 200);
  EXPECT_THAT(reader.Get("/")->body, HasSubstr("/metrics"));
}

TEST_F(HttpServerTest, ATakenPortIsNamed) {
  start();
  const auto second = HttpServer::start({.port = server_->port()});
  ASSERT_FALSE(second.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr("127.0.0.1:" + std::to_string(server_->port())),
                    HasSubstr("Address already in use")));
}

TEST_F(HttpServerTest, AnAddressThatIsNotOursIsNamed) {
  const auto server = HttpServer::start({.bind_address = "192.0.2.1"});
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("192.0.2.1:0"));
}

TEST_F(HttpServerTest, APortIsFreeAgainAfterStop) {
  start();
  const int port = server_->port();
  get("/-/healthy");
  server_->stop();
  EXPECT_TRUE(HttpServer::start({.port = port}).ok());
}

// --- The stream ------------------------------------------------------------------------------

TEST_F(HttpServerTest, TheStreamStartsFromNowWithAToken) {
  start();
  store_.add(0, make_alert("before"));
  std::future<std::string> read = std::async(std::launch::async, [&] {
    return read_stream("/api/v1/stream", [](const std::string& text) {
      return text.find("event: alert") != std::string::npos;
    });
  });
  ASSERT_TRUE(wait_for_streams(1));
  store_.add(1, make_alert("after"));
  const std::string text = read.get();
  EXPECT_THAT(text, AllOf(HasSubstr(R"("alert_id":"after")"), Not(HasSubstr("before"))));
  EXPECT_EQ(parse_resume_token(fields(text, "id").front())->next_offset, 1);
  EXPECT_EQ(parse_resume_token(fields(text, "id").back())->next_offset, 2);
  EXPECT_TRUE(wait_for_streams(0));
}

TEST_F(HttpServerTest, TheStreamResumesWithoutAGapOrADuplicate) {
  start();
  for (int i = 0; i < 6; ++i) store_.add(i, make_alert("a" + std::to_string(i)));
  const auto seen = [](std::size_t alerts) {
    return [alerts](const std::string& text) { return count(text, "event: alert") >= alerts; };
  };
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

TEST_F(HttpServerTest, TheStreamIsFiltered) {
  start();
  store_.add(0, make_alert("a", 1, "SG"));
  store_.add(1, make_alert("b", 1, "TW"));
  store_.add(2, make_alert("c", 1, "SG"));
  const std::string token = make_token(ResumeToken{.next_offset = 0, .issued_at = now_seconds()});
  const std::string text =
      read_stream("/api/v1/stream?region=SG&from=" + token,
                  [](const std::string& read) { return read.find("\"c\"") != std::string::npos; });
  EXPECT_EQ(count(text, "event: alert"), 2U);
  EXPECT_THAT(text, Not(HasSubstr("\"b\"")));
}

TEST_F(HttpServerTest, TheStreamTellsNewPointsOnce) {
  start();
  store_.add(make_point("r", "US", 100));
  std::future<std::string> read = std::async(std::launch::async, [&] {
    return read_stream("/api/v1/stream", [](const std::string& text) {
      return text.find("\"TW\"") != std::string::npos;
    });
  });
  ASSERT_TRUE(wait_for_streams(1));
  store_.add(make_point("r", "SG", 200));
  store_.add(make_point("r", "TW", 200));
  const std::string text = read.get();
  EXPECT_EQ(count(text, "\"SG\""), 1U);
  EXPECT_THAT(text, AllOf(HasSubstr("event: series"), Not(HasSubstr("\"US\"")),
                          HasSubstr("\"complete\":true")));
}

TEST_F(HttpServerTest, HeartbeatsCarryTheNewestTokenThoughNothingMatches) {
  start(64, milliseconds(20));
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

TEST_F(HttpServerTest, ATokenThatIsTooOldGetsAReset) {
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

TEST_F(HttpServerTest, AnswersNothingButThePageWhileItIsLoading) {
  store_.reset();
  store_.add(0, make_alert("history"));
  start();
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

TEST_F(HttpServerTest, TheStreamIsResetWhenTheTopicBecomesAnotherOne) {
  start();
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

TEST_F(HttpServerTest, ATokenOfAnotherTopicOrAnEarlierFormGetsAReset) {
  start();
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

TEST_F(HttpServerTest, StreamsBeyondTheLimitAreTurnedAway) {
  start(1);
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

TEST_F(HttpServerTest, StopEndsStreams) {
  start();
  std::future<std::string> read = std::async(std::launch::async, [&] {
    return read_stream("/api/v1/stream", [](const std::string&) { return false; });
  });
  ASSERT_TRUE(wait_for_streams(1));
  const auto begin = std::chrono::steady_clock::now();
  server_->stop();
  read.get();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
}

TEST_F(HttpServerTest, ClientsThatDoNotReadHoldUpNobody) {
  start();
  std::vector<int> stalled;
  for (int i = 0; i < 8; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int small = 4'096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(server_->port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const std::string request = "GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n";
    ASSERT_EQ(send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    stalled.push_back(fd);
  }
  ASSERT_TRUE(wait_for_streams(8));
  v1::Alert large = make_alert("large");
  large.set_explanation(std::string(500'000, 'x'));
  for (int i = 0; i < 20; ++i) {
    large.set_revision(i + 1);
    store_.add(i, large);
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(get("/-/healthy"), "healthy\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(2));
  EXPECT_TRUE(wait_for_streams(0)) << "a client that takes nothing in is cut off";
  for (const int fd : stalled) close(fd);
}

}  // namespace
}  // namespace surgewatch::serve

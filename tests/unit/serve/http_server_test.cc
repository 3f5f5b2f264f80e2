#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "config/config.h"
#include "unit/serve/builders.h"
#include "unit/serve/http_fixture.h"

namespace surgewatch::serve {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using HttpServerTest = HttpFixture;

TEST_F(HttpServerTest, AnswersForOthersToo) {
  start({.answers = {{"/api/v1/sum", [](const api::Params& params) {
                        if (params.empty()) return api::error(absl::ResourceExhaustedError("busy"));
                        return api::Reply{.status = 200, .body = params.begin()->second};
                      }}}});
  EXPECT_EQ(get("/api/v1/sum?of=a%3Db"), "a=b");
  const auto busy = client().Get("/api/v1/sum");
  ASSERT_TRUE(busy);
  EXPECT_EQ(busy->status, 503);
  EXPECT_NE(busy->get_header_value("Retry-After"), "");
  get("/api/v1/sums", 404);
}

TEST_F(HttpServerTest, SaysWhetherItIsHealthyAndReady) {
  start_gateway();
  EXPECT_EQ(get("/-/healthy"), "healthy\n");
  telemetry_.set_ready("journal", false);
  telemetry_.set_ready("kafka", true);
  EXPECT_THAT(get("/-/ready", 503), AllOf(HasSubstr("journal"), Not(HasSubstr("kafka"))));
  telemetry_.set_ready("journal", true);
  EXPECT_EQ(get("/-/ready"), "ready\n");
}

TEST_F(HttpServerTest, ServesMetricsInTheTextFormat) {
  start_gateway();
  const auto result = client().Get("/metrics");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(result->body, HasSubstr("surgewatch_subscribers{kind=\"sse\"} 0"));
}

TEST_F(HttpServerTest, ServesThePageWithoutAnythingInlineOrForeign) {
  start_gateway();
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
  start_gateway();
  const auto first = client().Get("/app.js");
  ASSERT_TRUE(first);
  const auto again = client().Get("/app.js", {{"If-None-Match", first->get_header_value("ETag")}});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->status, 304);
  EXPECT_EQ(again->body, "");
  const auto weak =
      client().Get("/app.js", {{"If-None-Match", "\"x\", W/" + first->get_header_value("ETag")}});
  ASSERT_TRUE(weak);
  EXPECT_EQ(weak->status, 304) << "a proxy that compresses makes it weak";
}

TEST_F(HttpServerTest, ListsAlertsByFilter) {
  start_gateway();
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
  start_gateway();
  store_.add(0, make_alert("a-1"));
  EXPECT_THAT(get("/api/v1/alerts/a-1"), StartsWith(R"({"alert_id":"a-1")"));
  EXPECT_EQ(get("/api/v1/alerts/b", 404),
            R"({"error":{"code":"NOT_FOUND","message":"there is no alert 'b'"}})");
}

TEST_F(HttpServerTest, ListsPointsByRuleSubjectAndTime) {
  start_gateway();
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

// A subject is asked for by its dimensions, so none may have the name of another parameter.
TEST_F(HttpServerTest, PointsAreAskedForByEveryDimension) {
  start_gateway();
  for (std::size_t i = 0; i < config::kDimensionCount; ++i) {
    const std::string name(config::dimension_name(static_cast<config::Dimension>(i)));
    EXPECT_EQ(get("/api/v1/series?rule=r&" + name + "=SG"), R"({"points":[]})") << name;
  }
}

TEST_F(HttpServerTest, ListsTheRulesThatPointsHaveComeOf) {
  start_gateway();
  EXPECT_EQ(get("/api/v1/rules"), R"({"rules":[]})");
  store_.add(make_point("r", "SG", 86'400));
  EXPECT_THAT(get("/api/v1/rules"),
              AllOf(HasSubstr(R"("name":"r")"), HasSubstr(R"("per":["bill_to"])"),
                    HasSubstr(R"("newest_window_end":"1970-01-02T00:00:00Z")")));
}

TEST_F(HttpServerTest, BadParametersAreToldWhatIsWrong) {
  start_gateway();
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
  start_gateway();
  EXPECT_THAT(get("/nothing", 404), HasSubstr(R"("code":"NOT_FOUND")"));
  EXPECT_THAT(get("/api/v1/nothing", 404), HasSubstr("there is nothing at /api/v1/nothing"));
  EXPECT_THAT(get("/" + std::string(8'000, 'a'), 404), HasSubstr("NOT_FOUND"));
  const auto posted = client().Post("/api/v1/alerts", "{}", "application/json");
  ASSERT_TRUE(posted);
  EXPECT_EQ(posted->status, 405);
  EXPECT_EQ(posted->get_header_value("Allow"), "GET, HEAD");
  EXPECT_THAT(posted->body, HasSubstr("POST is not served"));
}

TEST_F(HttpServerTest, APathOfAnyBytesIsToldThatNothingIsThere) {
  start_gateway();
  for (const char* path : {"/%ff%fe", "/%00", "/%0a%1b[31m", "/api/v1/alerts/%ff", "/api/%c3"}) {
    EXPECT_THAT(get(path, 404), StartsWith(R"({"error":{"code":"NOT_FOUND")")) << path;
  }
}

TEST_F(HttpServerTest, ALongBodyIsRefused) {
  start_gateway();
  const auto posted = client().Post("/api/v1/alerts", std::string(70'000, 'x'), "text/plain");
  ASSERT_TRUE(posted);
  EXPECT_EQ(posted->status, 413);
}

TEST_F(HttpServerTest, RangesAndBrotliAreNotOffered) {
  start_gateway();
  const auto whole = client().Get("/app.js");
  const auto ranged =
      client().Get("/app.js", {{"Range", "bytes=0-1,0-1,0-1"}, {"Accept-Encoding", "br, gzip"}});
  ASSERT_TRUE(whole && ranged);
  EXPECT_EQ(ranged->status, 200);
  EXPECT_EQ(ranged->get_header_value("Content-Encoding"), "gzip");
  EXPECT_EQ(ranged->body, whole->body);
}

TEST_F(HttpServerTest, OnlyWhatIsWorthItIsCompressed) {
  start({.answers = {{"/size", [](const api::Params& params) {
                        const std::string& size = params.begin()->second;
                        return api::Reply{.body = std::string(std::stoul(size), 'x')};
                      }}}});
  const httplib::Headers gzip{{"Accept-Encoding", "gzip"}};
  const auto small = client().Get("/size?of=1023", gzip);
  const auto large = client().Get("/size?of=1024", gzip);
  const auto plain = client().Get("/size?of=1024", {{"Accept-Encoding", "gzip;q=0"}});
  const auto huge = client().Get("/size?of=50000000", gzip);
  ASSERT_TRUE(small && large && plain && huge);
  EXPECT_FALSE(small->has_header("Content-Encoding"));
  EXPECT_EQ(large->get_header_value("Content-Encoding"), "gzip");
  EXPECT_EQ(large->get_header_value("Vary"), "Accept-Encoding");
  EXPECT_FALSE(plain->has_header("Content-Encoding"));
  EXPECT_EQ(plain->get_header_value("Vary"), "Accept-Encoding");
  EXPECT_EQ(large->body, plain->body);
  EXPECT_EQ(huge->body, std::string(50'000'000, 'x'));
}

TEST_F(HttpServerTest, AnAnswerThatThrowsIsAnErrorOfOurs) {
  start({.answers = {{"/throws", [](const api::Params&) -> api::Reply {
                        throw std::runtime_error("a secret of the program");
                      }}}});
  EXPECT_THAT(get("/throws", 500),
              AllOf(StartsWith(R"({"error":{"code":"INTERNAL")"), Not(HasSubstr("secret"))));
  EXPECT_EQ(get("/-/healthy"), "healthy\n");
}

TEST_F(HttpServerTest, CountsWhatItAnswersByClass) {
  start_gateway();
  get("/");
  get("/nothing", 404);
  get("/api/v1/alerts?limit=0", 400);
  const std::string metrics = get("/metrics");
  EXPECT_THAT(metrics, HasSubstr("surgewatch_http_requests_total{code=\"2xx\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("surgewatch_http_requests_total{code=\"4xx\"} 2"));
}

TEST_F(HttpServerTest, AnswersOneRequestAfterAnotherOfAConnection) {
  start_gateway();
  const RawClient raw = connect();
  // Each of another thread of ours, and all sent at once.
  raw.send(
      "GET /api/v1/alerts HTTP/1.1\r\n\r\nGET /-/healthy HTTP/1.1\r\n\r\n"
      "GET /metrics HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n"
      "GET /-/ready HTTP/1.1\r\nConnection: close\r\n\r\nGET /-/healthy HTTP/1.1\r\n\r\n");
  const std::string read = raw.read_until("never");
  EXPECT_EQ(count(read, "HTTP/1.1 200"), 5U) << "nothing is answered behind the last";
  EXPECT_LT(read.find("\"alerts\""), read.find("healthy\n"));
  EXPECT_LT(read.find("healthy\n"), read.find("# HELP"));
  EXPECT_LT(read.find("# HELP"), read.find("text/html"));
  EXPECT_LT(read.find("text/html"), read.find("ready\n"));
  EXPECT_EQ(count(read, "Connection: close"), 1U);
}

TEST_F(HttpServerTest, AClientOfHttp10GetsWhatItUnderstands) {
  start_gateway();
  const RawClient plain = connect();
  plain.send("GET /-/healthy HTTP/1.0\r\n\r\n");
  EXPECT_THAT(plain.read_until("never"), HasSubstr("Connection: close"));
  const RawClient reader = connect();
  reader.send("GET /api/v1/stream HTTP/1.0\r\n\r\n");
  EXPECT_THAT(reader.read_until(": heartbeat"),
              AllOf(HasSubstr("text/event-stream\r\n"), HasSubstr("\r\n\r\nretry: 2000\n"),
                    Not(HasSubstr("chunked"))));
}

TEST_F(HttpServerTest, ABodyIsAskedForIfItsClientWaits) {
  start_gateway();
  const RawClient raw = connect();
  raw.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(raw.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  raw.send("{}");
  EXPECT_THAT(raw.read_until("\"}}"), StartsWith("HTTP/1.1 405"));
}

TEST_F(HttpServerTest, WhatIsNoRequestIsToldSo) {
  start_gateway();
  const RawClient raw = connect();
  raw.send(std::string("\x16\x03\x01\x02\x00", 5) + "a client that wants TLS\r\n\r\n");
  EXPECT_THAT(raw.read_until("never"),
              AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("INVALID_ARGUMENT")));
  EXPECT_THAT(get("/%zz", 400), HasSubstr("two hexadecimal digits"));
}

TEST_F(HttpServerTest, ListensOnIPv6) {
  start({.bind_address = "::1"});
  const auto result = httplib::Client("::1", server_->port()).Get("/-/healthy");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->body, "healthy\n");
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  start_gateway();
  for (const char* path : {"/", "/api/v1/alerts", "/api/v1/stream", "/metrics"}) {
    const auto result = client().Head(path);
    ASSERT_TRUE(result) << path;
    EXPECT_EQ(result->status, 200) << path;
    EXPECT_EQ(result->body, "") << path;
  }
}

TEST_F(HttpServerTest, WithoutAStoreThereIsNoApi) {
  start({});
  get("/api/v1/alerts", 404);
  get("/metrics");
  EXPECT_THAT(get("/"), HasSubstr("/metrics"));
}

TEST_F(HttpServerTest, ATakenPortIsNamed) {
  start_gateway();
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
  start_gateway();
  const int port = server_->port();
  get("/-/healthy");
  server_->stop();
  EXPECT_TRUE(HttpServer::start({.port = port}).ok());
}

}  // namespace
}  // namespace surgewatch::serve

// Whatever is asked and whatever is stored, an answer is one answer: its head is ours, its body is
// JSON that holds what was meant.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "base/utf8.h"
#include "serve/http_server.h"
#include "support/hostile.h"
#include "support/shown.h"
#include "unit/serve/builders.h"

namespace surgewatch::serve {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

std::string percent_encoded(const std::string& text) {
  std::string result;
  for (const char c : text) result += fmt::format("%{:02x}", static_cast<unsigned char>(c));
  return result;
}

struct Answer {
  std::string status_line;
  std::set<std::string> headers;  // their names
  std::string body;
};

class HostileRequestsTest : public ::testing::Test {
 protected:
  HostileRequestsTest() {
    for (const test::Hostile& hostile : test::hostile_texts()) {
      if (!hostile.is_utf8) continue;  // no record of the topic holds it
      store_.add(static_cast<std::int64_t>(texts_.size()),
                 alert_of(fmt::format("al-{}", texts_.size()), hostile.text));
      texts_.push_back(hostile.text);
    }
    auto started = HttpServer::start({.alerts = &store_, .heartbeat = milliseconds(100)});
    EXPECT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }

  static v1::Alert alert_of(const std::string& id, const std::string& text) {
    v1::Alert alert = make_alert(id);
    alert.set_rule(text);
    alert.set_explanation(text);
    (*alert.mutable_subject())["bill_to.party_id"] = text;
    return alert;
  }

  // All that comes back until the server closes.
  std::string exchange(const std::string& request) const {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(server_->port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string all;
    std::array<char, 4'096> block{};
    for (ssize_t n = 0; (n = ::recv(fd, block.data(), block.size(), 0)) > 0;) {
      all.append(block.data(), static_cast<std::size_t>(n));
    }
    ::close(fd);
    return all;
  }

  // The one answer to a GET of a target that is sent as it is.
  Answer get(const std::string& target) const {
    const std::string all =
        exchange("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    Answer answer;
    const std::size_t head_end = all.find("\r\n\r\n");
    EXPECT_NE(head_end, all.npos) << all;
    if (head_end == all.npos) return answer;
    std::istringstream head(all.substr(0, head_end));
    std::getline(head, answer.status_line);
    std::size_t length = 0;
    for (std::string line; std::getline(head, line);) {
      if (line.ends_with('\r')) line.pop_back();
      const std::string name = absl::AsciiStrToLower(line.substr(0, line.find(':')));
      if (name == "content-length") length = std::stoul(line.substr(name.size() + 1));
      answer.headers.insert(name);
    }
    answer.body = all.substr(head_end + 4);
    EXPECT_EQ(answer.body.size(), length) << "more than one answer";
    return answer;
  }

  AlertStore store_{1'000};
  std::vector<std::string> texts_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HostileRequestsTest, PathsAndParametersComeBackInTheWordsOfAnErrorAndNowhereElse) {
  std::set<std::string> usual;
  for (const char* target :
       {"/", "/nothing", "/-/ready", "/api/v1/alerts", "/api/v1/alerts?limit=none"}) {
    usual.merge(get(target).headers);
  }
  for (const test::Hostile& hostile : test::hostile_texts()) {
    SCOPED_TRACE(hostile.what);
    const std::string text = percent_encoded(hostile.text.substr(0, 1'000));
    for (const std::string& target :
         {"/" + text + "?", "/api/v1/alerts/" + text, "/api/v1/alerts?limit=" + text,
          "/api/v1/alerts?" + text + "=x", "/api/v1/alerts?severity=" + text,
          "/api/v1/series?from=" + text, "/api/v1/stream?series=" + text}) {
      const Answer answer = get(target);
      EXPECT_THAT(answer.status_line,
                  ::testing::MatchesRegex("HTTP/1\\.1 [1-5][0-9][0-9] [A-Za-z -]+\r"));
      EXPECT_TRUE(is_utf8(answer.body));
      if (answer.status_line.find(" 4") == std::string::npos) continue;
      EXPECT_THAT(answer.headers, ::testing::Each(::testing::AnyOfArray(usual))) << target;
      const json error = json::parse(answer.body)["error"];
      EXPECT_THAT(error["message"].get<std::string>(), test::IsSafeToShow());
      EXPECT_EQ(error.size(), 2U);
    }
  }
}

TEST_F(HostileRequestsTest, HeadersOfARequestDoNotComeBack) {
  for (const test::Hostile& hostile : test::hostile_texts()) {
    SCOPED_TRACE(hostile.what);
    const std::string text = hostile.text.substr(0, 1'000);
    const std::string all =
        exchange("GET /-/healthy HTTP/1.1\r\nHost: x\r\nX-Forged: " + text +
                 "\r\nLast-Event-ID: " + text + "\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(all.find("forged"), all.npos) << all;
    EXPECT_EQ(all.find("stolen"), all.npos) << all;
  }
}

TEST_F(HostileRequestsTest, AlertsAreListedExactly) {
  httplib::Client client("127.0.0.1", server_->port());
  const auto listed = client.Get("/api/v1/alerts");
  ASSERT_TRUE(listed);
  EXPECT_THAT(listed->body, test::IsSafeToShow());
  std::multiset<std::string> rules;
  const json body = json::parse(listed->body);
  for (const json& alert : body["alerts"]) {
    rules.insert(alert.value("rule", ""));
    EXPECT_EQ(alert["subject"]["bill_to.party_id"], alert.value("rule", ""));
  }
  EXPECT_EQ(rules, std::multiset<std::string>(texts_.begin(), texts_.end()));
}

TEST_F(HostileRequestsTest, AStreamHasAnEventForEachAlertAndNoOther) {
  // From before the first.
  httplib::Client client("127.0.0.1", server_->port());
  const auto listed = client.Get("/api/v1/alerts");
  ASSERT_TRUE(listed);
  const std::string token = json::parse(listed->body)["resume_token"];
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    store_.add(static_cast<std::int64_t>(texts_.size() + i),
               alert_of(fmt::format("again-{}", i), texts_[i]));
  }
  std::string stream;
  const std::string last_id = fmt::format("\"again-{}\"", texts_.size() - 1);
  client.Get("/api/v1/stream?from=" + token, [&](const char* data, std::size_t size) {
    stream.append(data, size);
    return stream.find(last_id) == stream.npos || !stream.ends_with("\n\n");
  });
  std::vector<std::string> rules;
  std::istringstream lines(stream);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_THAT(line, test::IsSafeToShow());
    if (!line.starts_with("data: ")) continue;
    rules.push_back(json::parse(line.substr(6)).value("rule", ""));
  }
  EXPECT_EQ(rules, texts_);
}

}  // namespace
}  // namespace surgewatch::serve

// An HTTP server with metrics, and clients of it.
#pragma once

#include <gtest/gtest.h>
#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "serve/http_server.h"
#include "serve/metrics.h"
#include "unit/serve/raw_client.h"

namespace surgewatch::serve {

constexpr char kGetHealthy[] = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr char kGetStream[] = "GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n";

inline bool wait_until(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

inline std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// Whether what was read of a stream so far says `part` as often as `times`. Each byte is looked at
// once: a reader that looks from the beginning each time becomes so slow that it may well be cut.
inline std::function<bool(const std::string&)> says(std::string part, std::size_t times = 1) {
  return [part = std::move(part), times, at = std::size_t{0},
          found = std::size_t{0}](const std::string& read) mutable {
    for (auto next = read.find(part, at); next != std::string::npos; next = read.find(part, at)) {
      ++found;
      at = next + part.size();
    }
    at = std::max(at, read.size() - std::min(read.size(), part.size() - 1));
    return found >= times;
  };
}

class HttpFixture : public ::testing::Test {
 protected:
  void start(HttpServer::Options options) {
    options.telemetry = &telemetry_;
    auto started = HttpServer::start(options);
    ASSERT_TRUE(started.ok()) << started.status().ToString();
    server_ = *std::move(started);
  }
  void start_gateway(HttpServer::Options options = {}) {
    options.alerts = &store_;
    start(std::move(options));
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

  RawClient connect() const { return RawClient(server_->port()); }
  RawClient connect_from(const char* address) const { return {server_->port(), {.from = address}}; }
  // Takes in little that it doesn't read.
  RawClient connect_narrow() const { return {server_->port(), {.receive_buffer = 4'096}}; }

  // What a probe would see, which does not wait for long.
  void expect_probes_answered() const {
    httplib::Client probe("127.0.0.1", server_->port());
    probe.set_connection_timeout(2);
    probe.set_read_timeout(2);
    for (const char* path : {"/-/healthy", "/-/ready", "/metrics"}) {
      const auto result = probe.Get(path);
      EXPECT_TRUE(result && result->status == 200) << path << ": no answer within 2 s";
    }
  }

  double cut(const char* reason) {
    return telemetry_
        .counter("http_connections_cut_total",
                 "Connections closed that took too long, or to make room for others.",
                 {{"reason", reason}})
        .Value();
  }
  double refused(const char* reason) {
    return telemetry_
        .counter("http_requests_refused_total", "Queries answered 503 since there were too many.",
                 {{"reason", reason}})
        .Value();
  }
  double connections() {
    return telemetry_.gauge("http_connections", "Connections that are open, streams included.", {})
        .Value();
  }
  double queries() {
    return telemetry_
        .gauge("http_queries", "Queries that are being answered or wait for their turn.", {})
        .Value();
  }
  double streams_refused(const char* reason) {
    return subscribers_refused_counter(telemetry_, "sse", reason).Value();
  }
  double streams_cut(const char* reason) {
    return subscribers_cut_counter(telemetry_, "sse", reason).Value();
  }
  double streams() { return subscribers_gauge(telemetry_, "sse").Value(); }
  bool wait_for_streams(double open) {
    return wait_until([&] { return streams() == open; });
  }

  telemetry::Telemetry telemetry_{"gateway", 100};
  AlertStore store_{100};
  std::unique_ptr<HttpServer> server_;
};

}  // namespace surgewatch::serve

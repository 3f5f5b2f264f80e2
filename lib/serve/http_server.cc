#include "serve/http_server.h"

#include <httplib.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/status.h"
#include "base/time.h"
#include "serve/api.h"
#include "serve/assets.h"
#include "serve/event_stream.h"
#include "serve/listen.h"
#include "serve/metrics.h"
#include "serve/token.h"

namespace surgewatch::serve {
namespace {

using httplib::Request;
using httplib::Response;

constexpr char kJson[] = "application/json; charset=utf-8";
constexpr char kText[] = "text/plain; charset=utf-8";
constexpr char kMetrics[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kAlertsPath = "/api/v1/alerts/";
// The page has no inline script or style, and nothing comes from elsewhere.
constexpr char kContentSecurityPolicy[] =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

constexpr int kShortRequestThreads = 32;
constexpr int kBacklog = 128;
constexpr std::size_t kMaxPayload = 64 * 1'024;
// stop() waits for these: an idle connection, and one that is in the middle of something.
constexpr int kKeepAliveSeconds = 2;
constexpr int kReadSeconds = 3;
constexpr int kWriteSeconds = 3;
constexpr char kRetryAfterSeconds[] = "10";
constexpr char kLoadingRetryAfterSeconds[] = "1";

void answer(const api::Reply& reply, Response& response,
            const char* retry_after = kRetryAfterSeconds) {
  response.status = reply.status;
  if (reply.status == 503) response.set_header("Retry-After", retry_after);
  response.set_content(reply.body, kJson);
}

void answer(int status, const std::string& text, const char* type, Response& response) {
  response.status = status;
  response.set_content(text, type);
}

// cpp-httplib would compress with Brotli at its slowest (seconds for a long series) and would
// answer any number of ranges with as many copies of the body. We offer gzip and no ranges, both of
// which HTTP leaves to the server (RFC 9110, 12.5.3 and 14.2). The object behind the reference is
// the server's own, not const.
void narrow(const Request& request) {
  auto& own = const_cast<Request&>(request);
  own.ranges.clear();
  const bool gzip = own.get_header_value("Accept-Encoding").find("gzip") != std::string::npos;
  own.headers.erase("Accept-Encoding");
  if (gzip) own.headers.emplace("Accept-Encoding", "gzip");
}

class HttpServerImpl final : public HttpServer {
 public:
  explicit HttpServerImpl(const Options& options) : options_(options) {
    if (options.telemetry == nullptr) return;
    telemetry::Telemetry& telemetry = *options.telemetry;
    constexpr std::array<const char*, 6> kClasses{"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      requests_[i] = &telemetry.counter("http_requests_total", "HTTP requests answered.",
                                        {{"code", kClasses[i]}});
    }
    if (options.alerts == nullptr) return;
    subscribers_ = &subscribers_gauge(telemetry, "sse");
    responses_ = &responses_counter(telemetry, "sse");
  }
  ~HttpServerImpl() override { stop(); }

  absl::Status listen() {
    configure();
    const bool any = options_.port == 0;
    const int bound = any ? server_.bind_to_any_port(options_.bind_address) : options_.port;
    if (bound <= 0 || (!any && !server_.bind_to_port(options_.bind_address, options_.port))) {
      return cannot_listen("HTTP", options_.bind_address, options_.port);
    }
    port_ = bound;
    // cpp-httplib listens with a backlog of 5; listening again only changes that.
    if (const int fd = listening_fd_; fd >= 0) ::listen(fd, kBacklog);
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // stop() does nothing to a server that is not running yet.
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return absl::OkStatus();
  }

  int port() const override { return port_; }

  void stop() override {
    if (!thread_.joinable()) return;
    stopping_.store(true, std::memory_order_release);
    server_.stop();
    thread_.join();
  }

 private:
  void configure() {
    // Not SO_REUSEPORT, which cpp-httplib sets of itself: two servers on one port would each get
    // some of the requests. SO_REUSEADDR only spares a restart the wait for old connections.
    server_.set_socket_options([this](int fd) {
      const int yes = 1;
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
      listening_fd_ = fd;
    });
    const int threads =
        (options_.alerts == nullptr ? 0 : options_.max_streams) + kShortRequestThreads;
    server_.new_task_queue = [threads] {
      return new httplib::ThreadPool(static_cast<std::size_t>(threads));
    };
    server_.set_tcp_nodelay(true);
    server_.set_keep_alive_max_count(1'000);
    server_.set_keep_alive_timeout(kKeepAliveSeconds);
    server_.set_read_timeout(kReadSeconds);
    server_.set_write_timeout(kWriteSeconds);
    server_.set_payload_max_length(kMaxPayload);
    server_.set_default_headers({{"Content-Security-Policy", kContentSecurityPolicy},
                                 {"X-Content-Type-Options", "nosniff"},
                                 {"Referrer-Policy", "no-referrer"},
                                 {"Cross-Origin-Resource-Policy", "same-origin"}});
    // Routing is ours, before cpp-httplib's regular expressions, whose recursion a long path could
    // drive deep. Other methods go its way, which reads their bodies, and end in on_error().
    server_.set_pre_routing_handler(
        httplib::Server::HandlerWithResponse([this](const Request& request, Response& response) {
          if (request.method != "GET" && request.method != "HEAD") {
            return httplib::Server::HandlerResponse::Unhandled;
          }
          narrow(request);
          route(request, response);
          return httplib::Server::HandlerResponse::Handled;
        }));
    server_.set_error_handler(httplib::Server::HandlerWithResponse(
        [](const Request& request, Response& response) { return on_error(request, response); }));
    server_.set_exception_handler(
        [](const Request& request, Response& response, std::exception_ptr thrown) {
          on_exception(request, response, thrown);
        });
    server_.set_logger([this](const Request&, const Response& response) {
      const auto klass = static_cast<std::size_t>(response.status) / 100;
      auto* const counter = requests_[klass < requests_.size() ? klass : 0];
      if (counter != nullptr) counter->Increment();
    });
  }

  static httplib::Server::HandlerResponse on_error(const Request& request, Response& response) {
    if (!response.body.empty()) return httplib::Server::HandlerResponse::Unhandled;
    const int status = response.status;
    if (status == 404 && request.method != "GET" && request.method != "HEAD") {
      answer(api::error(invalid_argument("{} is not served; use GET", request.method)), response);
      response.status = 405;
      response.set_header("Allow", "GET, HEAD");
    } else {
      answer(api::error(invalid_argument("the request can't be served (HTTP {})", status)),
             response);
      response.status = status;
    }
    return httplib::Server::HandlerResponse::Handled;
  }

  static void on_exception(const Request& request, Response& response, std::exception_ptr thrown) {
    std::string what = "unknown exception";
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      what = e.what();
    } catch (...) {
    }
    spdlog::error("HTTP: {} {}: {}", request.method, request.path, what);
    answer(api::error(absl::InternalError("this request failed here; the log says why")), response);
  }

  void route(const Request& request, Response& response) {
    const std::string& path = request.path;
    if (path == "/-/healthy") return answer(200, "healthy\n", kText, response);
    if (path == "/-/ready") return serve_ready(response);
    if (path == "/metrics" && options_.telemetry != nullptr) {
      return answer(200, options_.telemetry->expose(), kMetrics, response);
    }
    if (const auto found = options_.answers.find(path); found != options_.answers.end()) {
      response.set_header("Cache-Control", "no-store");
      return answer(found->second(request.params), response);
    }
    if (options_.alerts != nullptr) {
      if (serve_api(request, response)) return;
      if (const Asset* asset = find_asset(path)) return serve_asset(*asset, request, response);
    } else if (path == "/") {
      return answer(200, "Surgewatch. See /metrics, /-/healthy, /-/ready.\n", kText, response);
    }
    answer(api::error(not_found("there is nothing at {}", path)), response);
  }

  // What the store holds is told only if it was loaded before it was looked at and is still of the
  // same life after that.
  bool serve_api(const Request& request, Response& response) {
    if (request.path.rfind("/api/", 0) != 0) return false;
    response.set_header("Cache-Control", "no-store");
    const AlertStore::Place place = options_.alerts->place();
    if (place.loaded) {
      if (request.path == "/api/v1/stream") {
        serve_stream(request, place, response);
        return true;
      }
      const std::optional<api::Reply> reply = reply_from_store(request);
      if (!reply) return false;
      if (options_.alerts->place().life == place.life) {
        answer(*reply, response);
        return true;
      }
    }
    answer(api::error(unavailable("the gateway has not read the alerts topic to its end yet; try "
                                  "again in a second")),
           response, kLoadingRetryAfterSeconds);
    return true;
  }

  // Nothing if there is nothing at this path.
  std::optional<api::Reply> reply_from_store(const Request& request) const {
    const std::string& path = request.path;
    const AlertStore& alerts = *options_.alerts;
    if (path == "/api/v1/alerts") return api::list_alerts(alerts, request.params);
    if (path.rfind(kAlertsPath, 0) == 0 && path.size() > kAlertsPath.size()) {
      return api::get_alert(alerts, path.substr(kAlertsPath.size()));
    }
    if (path == "/api/v1/series") return api::list_points(alerts, request.params);
    if (path == "/api/v1/rules") return api::list_rules(alerts, options_.config);
    return std::nullopt;
  }

  void serve_ready(Response& response) const {
    std::string missing;
    const bool ready = options_.telemetry == nullptr || options_.telemetry->ready(&missing);
    answer(ready ? 200 : 503, ready ? "ready\n" : fmt::format("not ready: {}\n", missing), kText,
           response);
  }

  static void serve_asset(const Asset& asset, const Request& request, Response& response) {
    response.set_header("ETag", std::string(asset.etag));
    response.set_header("Cache-Control", "no-cache");
    if (request.get_header_value("If-None-Match") == asset.etag) {
      response.status = 304;
      return;
    }
    response.status = 200;
    response.set_content(asset.body.data(), asset.body.size(),
                         std::string(asset.content_type) + "; charset=utf-8");
  }

  // Counts a stream for as long as the response that holds it lives.
  class StreamSlot {
   public:
    explicit StreamSlot(HttpServerImpl* server) : server_(server) {
      if (server_->subscribers_ != nullptr) server_->subscribers_->Increment();
    }
    ~StreamSlot() {
      server_->open_streams_.fetch_sub(1, std::memory_order_relaxed);
      if (server_->subscribers_ != nullptr) server_->subscribers_->Decrement();
    }
    StreamSlot(const StreamSlot&) = delete;
    StreamSlot& operator=(const StreamSlot&) = delete;

   private:
    HttpServerImpl* server_;
  };

  void serve_stream(const Request& request, const AlertStore::Place& place, Response& response) {
    auto parsed =
        api::parse_stream_request(request.params, request.get_header_value("Last-Event-ID"));
    absl::Status status = parsed.status();
    if (parsed.ok() && parsed->from) {
      status = usable(*parsed->from, place.identity, wall_clock_micros() / kMicrosPerSecond);
    }
    if (!status.ok() && !absl::IsOutOfRange(status)) {
      return answer(api::error(status), response);
    }
    if (request.method == "HEAD") return answer(200, "", "text/event-stream", response);
    if (open_streams_.fetch_add(1, std::memory_order_relaxed) >= options_.max_streams) {
      open_streams_.fetch_sub(1, std::memory_order_relaxed);
      return answer(api::error(absl::ResourceExhaustedError(
                        fmt::format("{} streams are open, the most there may be; try again later",
                                    options_.max_streams))),
                    response);
    }
    // Its start is fixed before it is counted.
    auto stream = std::make_shared<EventStream>(
        status.ok() ? EventStream(options_.alerts, place, *std::move(parsed), options_.heartbeat)
                    : EventStream::reset(options_.alerts, message_of(status)));
    auto slot = std::make_shared<StreamSlot>(this);
    response.status = 200;
    response.set_chunked_content_provider(
        "text/event-stream",
        [this, slot, stream](std::size_t, httplib::DataSink& sink) { return pump(*stream, sink); });
  }

  // False breaks the connection off, which is how a stream ends when we stop: the client comes back
  // by itself.
  bool pump(EventStream& stream, httplib::DataSink& sink) {
    if (stopping_.load(std::memory_order_acquire) || options_.alerts->stopped()) return false;
    // A client that has gone is noticed now and not by the next heartbeat.
    if (!sink.is_writable()) return false;
    const auto outcome = stream.pump(
        [&sink](std::string_view text) { return sink.write(text.data(), text.size()); });
    if (responses_ != nullptr) responses_->Increment(stream.take_written());
    if (outcome == EventStream::Outcome::kEnd) sink.done();
    return outcome != EventStream::Outcome::kGone;
  }

  const Options options_;
  std::array<prometheus::Counter*, 6> requests_{};
  prometheus::Gauge* subscribers_ = nullptr;
  prometheus::Counter* responses_ = nullptr;
  httplib::Server server_;
  std::thread thread_;
  int port_ = 0;
  int listening_fd_ = -1;  // written and read by listen()'s thread only
  // Written by stop(), read by streams; acquire/release for plainness, nothing else hangs on it.
  std::atomic<bool> stopping_{false};
  // A count and no more; relaxed, since nobody reads other data by it.
  std::atomic<int> open_streams_{0};
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::start(const Options& options) {
  auto server = std::make_unique<HttpServerImpl>(options);
  SW_RETURN_IF_ERROR(server->listen());
  return server;
}

}  // namespace surgewatch::serve

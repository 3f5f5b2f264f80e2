#include "serve/router.h"

#include <spdlog/spdlog.h>

#include <exception>
#include <string_view>

#include "base/status.h"
#include "base/time.h"
#include "serve/assets.h"
#include "serve/gzip.h"
#include "serve/token.h"

namespace surgewatch::serve {
namespace {

constexpr char kJson[] = "application/json; charset=utf-8";
constexpr char kText[] = "text/plain; charset=utf-8";
constexpr char kMetrics[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kEventStream[] = "text/event-stream";
constexpr std::string_view kApiPath = "/api/";
constexpr std::string_view kAlertsPath = "/api/v1/alerts/";
constexpr char kStreamPath[] = "/api/v1/stream";
constexpr char kRetryAfterSeconds[] = "10";
constexpr char kLoadingRetryAfterSeconds[] = "1";
constexpr std::size_t kWorthPacking = 1'024;

HttpReply text_reply(int status, std::string text, const char* type = kText) {
  return {
      .status = status, .type = type, .body = std::make_shared<const std::string>(std::move(text))};
}

HttpReply error_reply(const absl::Status& status) { return json_reply(api::error(status)); }

HttpReply not_stored(HttpReply reply) {
  reply.headers.emplace_back("Cache-Control", "no-store");
  return reply;
}

HttpReply loading() {
  api::Reply reply = api::error(unavailable(
      "the gateway has not read the alerts topic to its end yet; try again in a second"));
  HttpReply made{.status = reply.status,
                 .type = kJson,
                 .body = std::make_shared<const std::string>(std::move(reply.body))};
  made.headers.emplace_back("Retry-After", kLoadingRetryAfterSeconds);
  return made;
}

HttpReply method_refused(const std::string& method) {
  HttpReply reply = error_reply(invalid_argument("{} is not served; use GET", method));
  reply.status = 405;
  reply.headers.emplace_back("Allow", "GET, HEAD");
  return reply;
}

HttpReply nothing_there(const std::string& path) {
  return error_reply(not_found("there is nothing at {}", path));
}

HttpReply asset_reply(const Asset& asset, const HttpRequest& request) {
  HttpReply reply;
  reply.headers.emplace_back("ETag", std::string(asset.etag));
  reply.headers.emplace_back("Cache-Control", "no-cache");
  if (request.if_none_match.find(asset.etag) != std::string::npos) {
    reply.status = 304;
    return reply;
  }
  reply.type = fmt::format("{}; charset=utf-8", asset.content_type);
  reply.body = std::make_shared<const std::string>(asset.body);
  return reply;
}

}  // namespace

HttpReply json_reply(api::Reply reply) {
  HttpReply made{.status = reply.status,
                 .type = kJson,
                 .body = std::make_shared<const std::string>(std::move(reply.body))};
  if (reply.status == 503) made.headers.emplace_back("Retry-After", kRetryAfterSeconds);
  return made;
}

HttpReply refusal_reply(const RequestReader::Refusal& refusal) {
  HttpReply reply =
      error_reply(invalid_argument("the request can't be served: {}", refusal.reason));
  reply.status = refusal.status;
  return reply;
}

HttpReply stream_reply() { return not_stored({.status = 200, .type = kEventStream}); }

HttpReply busy_reply(const std::string& why) {
  return error_reply(absl::ResourceExhaustedError(why));
}

void compress(bool accepts_gzip, HttpReply* reply) {
  if (reply->body == nullptr || reply->body->size() < kWorthPacking) return;
  reply->headers.emplace_back("Vary", "Accept-Encoding");
  if (!accepts_gzip) return;
  std::string packed = gzip(*reply->body);
  if (packed.empty()) return;
  reply->body = std::make_shared<const std::string>(std::move(packed));
  reply->headers.emplace_back("Content-Encoding", "gzip");
}

Router::Lane Router::lane(const HttpRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD") return Lane::kAtOnce;
  const std::string& path = request.path;
  if (path == "/metrics" && options_.telemetry != nullptr) return Lane::kMetrics;
  if (options_.answers.contains(path)) return Lane::kQuery;
  if (options_.alerts == nullptr) return Lane::kAtOnce;
  const bool is_ours = path.starts_with(kApiPath) || find_asset(path) != nullptr;
  return is_ours ? Lane::kQuery : Lane::kAtOnce;
}

HttpReply Router::at_once(const HttpRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD") return method_refused(request.method);
  if (request.path == "/-/healthy") return text_reply(200, "healthy\n");
  if (request.path == "/-/ready") return ready();
  if (request.path == "/" && options_.alerts == nullptr) {
    return text_reply(200, "Surgewatch. See /metrics, /-/healthy, /-/ready.\n");
  }
  return nothing_there(request.path);
}

HttpReply Router::ready() const {
  std::string missing;
  const bool ready = options_.telemetry == nullptr || options_.telemetry->ready(&missing);
  return text_reply(ready ? 200 : 503, ready ? "ready\n" : fmt::format("not ready: {}\n", missing));
}

HttpReply Router::metrics() const {
  return text_reply(200, options_.telemetry->expose(), kMetrics);
}

Router::Answer Router::query(const HttpRequest& request) const {
  std::string what = "unknown exception";
  try {
    Answer answer = answer_query(request);
    if (auto* reply = std::get_if<HttpReply>(&answer)) compress(request.accepts_gzip, reply);
    return answer;
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
  }
  spdlog::error("HTTP: {} {}: {}", request.method, request.path, what);
  return error_reply(absl::InternalError("this request failed here; the log says why"));
}

Router::Answer Router::answer_query(const HttpRequest& request) const {
  if (const auto found = options_.answers.find(request.path); found != options_.answers.end()) {
    return not_stored(json_reply(found->second(request.params)));
  }
  if (request.path.starts_with(kApiPath)) return api(request);
  const Asset* asset = find_asset(request.path);
  return asset != nullptr ? asset_reply(*asset, request) : nothing_there(request.path);
}

// What the store holds is told only if it was loaded before it was looked at and is still of the
// same life after that.
Router::Answer Router::api(const HttpRequest& request) const {
  const AlertStore::Place place = options_.alerts->place();
  if (!place.loaded) return not_stored(loading());
  if (request.path == kStreamPath) return stream(request, place);
  std::optional<api::Reply> reply = reply_from_store(request);
  if (!reply) return not_stored(nothing_there(request.path));
  if (options_.alerts->place().life != place.life) return not_stored(loading());
  return not_stored(json_reply(*std::move(reply)));
}

// Nothing if there is nothing at this path.
std::optional<api::Reply> Router::reply_from_store(const HttpRequest& request) const {
  const std::string& path = request.path;
  const AlertStore& alerts = *options_.alerts;
  if (path == "/api/v1/alerts") return api::list_alerts(alerts, request.params);
  if (path.starts_with(kAlertsPath) && path.size() > kAlertsPath.size()) {
    return api::get_alert(alerts, path.substr(kAlertsPath.size()));
  }
  if (path == "/api/v1/series") return api::list_points(alerts, request.params);
  if (path == "/api/v1/rules") return api::list_rules(alerts, options_.config);
  return std::nullopt;
}

Router::Answer Router::stream(const HttpRequest& request, const AlertStore::Place& place) const {
  auto parsed = api::parse_stream_request(request.params, request.last_event_id);
  absl::Status status = parsed.status();
  if (parsed.ok() && parsed->from) {
    status = usable(*parsed->from, place.identity, wall_clock_micros() / kMicrosPerSecond);
  }
  if (!status.ok() && !absl::IsOutOfRange(status)) return not_stored(error_reply(status));
  if (request.method == "HEAD") return stream_reply();
  return std::make_unique<EventStream>(
      status.ok() ? EventStream(options_.alerts, place, *std::move(parsed), options_.heartbeat)
                  : EventStream::reset(options_.alerts, message_of(status)));
}

}  // namespace surgewatch::serve

// Any bytes as what a client sends, through the reader of requests and what is answered to them;
// without sockets.
//
// Held: the same bytes give the same requests, or a refusal, however they are cut; every request
// has an answer, whose status is one that docs/api.md knows, whose fields begin no others, and
// whose JSON is JSON; a stream begins. The first byte says where bytes are cut.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "config/config.h"
#include "detect/rules/table.h"
#include "serve/router.h"
#include "unit/serve/builders.h"

namespace surgewatch::serve {
namespace {

using Progress = RequestReader::Progress;

struct Read {
  std::vector<HttpRequest> requests;
  int refused = 0;  // with this status
  bool has_begun = false;
};

Read read_by(std::string_view bytes, std::size_t step) {
  RequestReader reader;
  Read read;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    Progress progress = reader.feed(bytes.substr(at, step));
    while (progress == Progress::kRequest) {
      read.requests.push_back(reader.take());
      progress = reader.feed({});
    }
    if (progress == Progress::kRefused) {
      read.refused = reader.refusal().status;
      SW_CHECK(reader.feed("more") == Progress::kRefused);
      SW_CHECK(reader.refusal().status == read.refused && !reader.refusal().reason.empty());
      const HttpReply reply = refusal_reply(reader.refusal());
      SW_CHECK(reply.status == read.refused && nlohmann::json::accept(*reply.body));
      return read;
    }
  }
  read.has_begun = reader.has_begun();
  return read;
}

void check_same(const HttpRequest& a, const HttpRequest& b) {
  SW_CHECK(a.method == b.method && a.path == b.path && a.params == b.params);
  SW_CHECK(a.if_none_match == b.if_none_match && a.last_event_id == b.last_event_id);
  SW_CHECK(a.accepts_gzip == b.accepts_gzip && a.keep_alive == b.keep_alive);
  SW_CHECK(a.takes_chunks == b.takes_chunks);
}

const AlertStore& store() {
  static const AlertStore* const filled = [] {
    auto* made = new AlertStore(AlertStore::Limits{});
    for (int i = 0; i < 3; ++i) {
      made->add(i, make_alert("al-" + std::to_string(i)));
      made->add(make_point("rule-of-SG", "SG", 86'400 * (i + 1)));
    }
    return made;
  }();
  return *filled;
}

const config::Config& watched() {
  static const auto* const parsed =
      new auto(config::parse("series:\n"
                             "  - {name: billed, event: invoice, group_by: [bill_to], measures: "
                             "[units], pane: 1d}\n"
                             "rules:\n"
                             "  - {name: rule, type: surge, series: billed, measure: units, "
                             "per: [bill_to], window: 7d}\n",
                             "http_fuzz.yaml", detect::rule_specs()));
  SW_CHECK(parsed->ok());
  return ***parsed;
}

// As a gateway's; and as one that is loading, and as that of a service without alerts.
const std::array<Router, 3>& routers() {
  static const auto* const made = [] {
    static telemetry::Telemetry telemetry("gateway", 100);
    static AlertStore loading{AlertStore::Limits{}};
    loading.reset();
    telemetry.set_ready("everything", false);
    HttpServer::Options options;
    options.telemetry = &telemetry;
    options.answers["/throws"] = [](const api::Params& params) -> api::Reply {
      if (params.empty()) throw std::runtime_error("a handler's fault");
      throw 1;
    };
    options.answers["/busy"] = [](const api::Params&) {
      return api::error(absl::ResourceExhaustedError("busy"));
    };
    HttpServer::Options of_alerts = options, of_loading = options;
    of_alerts.config = &watched();
    of_alerts.alerts = &store();
    of_loading.alerts = &loading;
    return new std::array{Router(of_alerts), Router(of_loading), Router(options)};
  }();
  return *made;
}

void check_reply(const HttpReply& reply) {
  constexpr std::array kStatuses{200, 304, 400, 404, 405, 500, 503};
  SW_CHECK(std::ranges::find(kStatuses, reply.status) != kStatuses.end());
  bool is_packed = false;
  for (const auto& [name, value] : reply.headers) {
    SW_CHECK(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    is_packed = is_packed || std::string_view(name) == "Content-Encoding";
  }
  if (reply.body == nullptr || is_packed) return;
  SW_CHECK(is_utf8(*reply.body));
  if (reply.type.starts_with("application/json")) SW_CHECK(nlohmann::json::accept(*reply.body));
}

void check_answer(const Router& router, const HttpRequest& request) {
  switch (router.lane(request)) {
    case Router::Lane::kAtOnce:
      return check_reply(router.at_once(request));
    case Router::Lane::kMetrics:
      return check_reply(router.metrics());
    case Router::Lane::kQuery:
      break;
  }
  const Router::Answer answer = router.query(request);
  if (const auto* reply = std::get_if<HttpReply>(&answer)) return check_reply(*reply);
  PointNews news(&store());
  const auto batch = std::get<std::unique_ptr<EventStream>>(answer)->next(1 << 20, &news);
  SW_CHECK(batch.text.empty() || batch.text.ends_with("\n\n"));
}

bool is_length(int status) { return status == 414 || status == 431; }

void check(std::string_view bytes, std::size_t step) {
  const Read whole = read_by(bytes, std::max<std::size_t>(1, bytes.size()));
  const Read cut = read_by(bytes, step);
  // Of a head that has not ended a fault is seen at once or when it ends. Of two faults, of which
  // one is its length, either may be named.
  const bool waits = (whole.refused == 0 && whole.has_begun) || (cut.refused == 0 && cut.has_begun);
  const bool is_long = is_length(whole.refused) || is_length(cut.refused);
  SW_CHECK(waits || (whole.refused != 0) == (cut.refused != 0));
  SW_CHECK(waits || is_long || whole.refused == cut.refused);
  SW_CHECK(whole.refused != 0 || cut.refused != 0 || whole.has_begun == cut.has_begun);
  SW_CHECK(whole.requests.size() == cut.requests.size());
  for (std::size_t i = 0; i < whole.requests.size(); ++i) {
    const HttpRequest& request = whole.requests[i];
    check_same(request, cut.requests[i]);
    for (const Router& router : routers()) check_answer(router, request);
  }
}

}  // namespace
}  // namespace surgewatch::serve

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  spdlog::set_level(spdlog::level::off);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  surgewatch::serve::check(bytes, 1 + data[0] % 64);
  return 0;
}

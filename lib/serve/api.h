// The HTTP API as functions from query parameters to answers, apart from any server.
//
// Threads: any. Errors: a Reply with a 4xx status and {"error": {"code": …, "message": …}}, where
// the message is for people: printable_line().
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/config.h"
#include "serve/alert_store.h"
#include "serve/params.h"
#include "serve/token.h"

namespace surgewatch::serve::api {

struct Reply {
  int status = 200;
  std::string body;  // JSON
};

// GET /api/v1/alerts
Reply list_alerts(const AlertStore& store, const Params& params);
// GET /api/v1/alerts/{alert_id}
Reply get_alert(const AlertStore& store, const std::string& alert_id);
// GET /api/v1/series
Reply list_points(const AlertStore& store, const Params& params);
// GET /api/v1/rules; without a configuration, those that points have come of.
Reply list_rules(const AlertStore& store, const config::Config* config);

Reply error(const absl::Status& status);

// What GET /api/v1/stream is asked for.
struct StreamRequest {
  v1::AlertFilter filter;
  bool points = true;
  // Where to go on from; absent: from now on.
  std::optional<ResumeToken> from;
};
// `last_event_id` is the header of a client that reconnects; it wins over `from`. OUT_OF_RANGE for
// a token of an earlier form; whether the token is usable() is not looked at.
absl::StatusOr<StreamRequest> parse_stream_request(const Params& params,
                                                   const std::string& last_event_id);
absl::StatusOr<AlertStore::PointQuery> parse_point_query(const Params& params);

}  // namespace surgewatch::serve::api

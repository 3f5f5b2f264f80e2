#include "serve/api.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "base/proto_json.h"
#include "base/status.h"
#include "base/time.h"
#include "config/wire.h"
#include "serve/params.h"
#include "serve/token.h"

namespace surgewatch::serve::api {
namespace {

constexpr std::int64_t kDefaultAlerts = 1'000;
constexpr std::int64_t kMaxAlerts = 10'000;
constexpr std::int64_t kDefaultPoints = 10'000;
constexpr std::int64_t kMaxPoints = 100'000;

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

// "warning" or "SEVERITY_WARNING".
template <typename Enum>
absl::StatusOr<Enum> parse_enum(const std::string& name, const std::string& text,
                                std::string_view prefix, bool (*parse)(const std::string&, Enum*),
                                std::string_view choices) {
  std::string full = upper(text);
  if (full.rfind(prefix, 0) != 0) full.insert(0, prefix);
  Enum value{};
  if (!parse(full, &value) || static_cast<int>(value) == 0) {
    return invalid_argument("{}: '{}' is none of {}", name, text, choices);
  }
  return value;
}

bool parse_severity(const std::string& text, v1::Severity* value) {
  return v1::Severity_Parse(text, value);
}
bool parse_state(const std::string& text, v1::AlertState* value) {
  return v1::AlertState_Parse(text, value);
}

// Takes a filter's parameter; false if the parameter is none of a filter's.
absl::StatusOr<bool> take_filter_param(const std::string& name, const std::string& value,
                                       v1::AlertFilter* filter) {
  if (name == "rule") {
    filter->add_rules(value);
  } else if (name == "region") {
    filter->add_regions(upper(value));
  } else if (name == "severity") {
    SW_ASSIGN_OR_RETURN(const auto severity,
                        parse_enum<v1::Severity>(name, value, "SEVERITY_", parse_severity,
                                                 "info, warning, critical"));
    filter->set_min_severity(severity);
  } else if (name == "state") {
    SW_ASSIGN_OR_RETURN(
        const auto state,
        parse_enum<v1::AlertState>(name, value, "ALERT_STATE_", parse_state, "firing, resolved"));
    filter->set_state(state);
  } else {
    return false;
  }
  if (filter->rules_size() > kMaxFilterValues || filter->regions_size() > kMaxFilterValues) {
    return invalid_argument("{}: given more than {} times", name, kMaxFilterValues);
  }
  return true;
}

absl::StatusOr<std::int64_t> parse_step(const std::string& text) {
  SW_ASSIGN_OR_RETURN(const Micros step, parse_duration(text));
  if (step < kMicrosPerSecond || step % kMicrosPerSecond != 0) {
    return invalid_argument("step: '{}' is not a whole number of seconds above zero", text);
  }
  return step / kMicrosPerSecond;
}

template <typename Range, typename Print>
void append_joined(const Range& range, std::string* out, Print print) {
  bool first = true;
  for (const auto& item : range) {
    if (!first) out->push_back(',');
    first = false;
    out->append(print(item));
  }
}

v1::WatchedRule watched(const config::Config& config, const config::Rule& rule) {
  const config::Series& series = config.series.at(rule.series);
  v1::WatchedRule result;
  result.set_name(rule.name);
  result.set_type(config::wire(*rule.type));
  result.set_severity(config::wire(rule.severity));
  result.set_mode(rule.shadow ? v1::MODE_SHADOW : v1::MODE_LIVE);
  result.set_series(series.name);
  result.set_measure(std::string(config::measure_name(series, rule.measure)));
  for (const std::size_t position : rule.per) {
    result.add_per(std::string(config::dimension_name(series.group_by.at(position))));
  }
  result.set_window(format_duration(rule.window_panes * series.pane_length));
  result.set_pane(format_duration(series.pane_length));
  result.set_runbook_url(rule.runbook_url);
  return result;
}

int http_status(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kOutOfRange:
      return 410;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

Reply error(const absl::Status& status) {
  v1::HttpError body;
  body.set_code(absl::StatusCodeToString(status.code()));
  body.set_message(printable_line(message_of(status)));
  return {http_status(status.code()), "{\"error\":" + to_json(body) + "}"};
}

Reply list_alerts(const AlertStore& store, const Params& params) {
  v1::AlertFilter filter;
  std::int64_t limit = kDefaultAlerts;
  for (const auto& [name, value] : params) {
    if (name == "limit") {
      const auto parsed = parse_count(name, value, kMaxAlerts);
      if (!parsed.ok()) return error(parsed.status());
      limit = *parsed;
      continue;
    }
    const auto taken = take_filter_param(name, value, &filter);
    if (!taken.ok()) return error(taken.status());
    if (!*taken) return error(unknown_param(name, "rule, region, severity, state, limit"));
  }
  const AlertStore::Page page = store.page(filter, std::nullopt, static_cast<std::size_t>(limit));
  std::string body = "{\"alerts\":[";
  append_joined(page.alerts, &body, [](const auto& alert) { return to_json(*alert); });
  body += fmt::format("],\"more\":{},\"resume_token\":\"{}\"}}", page.next.has_value(),
                      make_token(page.place));
  return {200, std::move(body)};
}

Reply get_alert(const AlertStore& store, const std::string& alert_id) {
  const auto alert = store.get(alert_id);
  if (!alert) return error(not_found("there is no alert '{}'", alert_id));
  return {200, to_json(*alert)};
}

absl::StatusOr<AlertStore::PointQuery> parse_point_query(const Params& params) {
  AlertStore::PointQuery query;
  query.limit = static_cast<std::size_t>(kDefaultPoints);
  for (const auto& [name, value] : params) {
    if (name == "rule") {
      query.rule = value;
    } else if (name == "from") {
      SW_ASSIGN_OR_RETURN(query.from_seconds, parse_instant(name, value));
    } else if (name == "to") {
      SW_ASSIGN_OR_RETURN(query.to_seconds, parse_instant(name, value));
    } else if (name == "step") {
      SW_ASSIGN_OR_RETURN(query.step_seconds, parse_step(value));
    } else if (name == "limit") {
      SW_ASSIGN_OR_RETURN(const std::int64_t limit, parse_count(name, value, kMaxPoints));
      query.limit = static_cast<std::size_t>(limit);
    } else if (config::dimension_from_name(name)) {
      query.subject[name] = value;
    } else {
      return unknown_param(name, "rule, from, to, step, limit, and dimensions such as bill_to");
    }
  }
  if (query.from_seconds && query.to_seconds && *query.from_seconds > *query.to_seconds) {
    return invalid_argument("from lies after to");
  }
  return query;
}

Reply list_points(const AlertStore& store, const Params& params) {
  const auto query = parse_point_query(params);
  if (!query.ok()) return error(query.status());
  std::string body = "{\"points\":[";
  append_joined(store.points(*query), &body, [](const auto& point) { return to_json(point); });
  body += "]}";
  return {200, std::move(body)};
}

Reply list_rules(const AlertStore& store, const config::Config* config) {
  std::vector<v1::WatchedRule> rules;
  if (config != nullptr) {
    for (const config::Rule& rule : config->rules) rules.push_back(watched(*config, rule));
  }
  std::int64_t newest_end = INT64_MIN;
  for (v1::SeriesPoint& point : store.latest_points()) {
    newest_end = std::max<std::int64_t>(newest_end, point.window_end().seconds());
    auto rule = std::find_if(rules.begin(), rules.end(),
                             [&](const auto& r) { return r.name() == point.rule(); });
    if (rule == rules.end()) {
      rule = rules.emplace(rules.end());
      rule->set_name(point.rule());
      rule->set_type(point.rule_type());
      rule->set_series(point.series());
      rule->set_measure(point.measure());
      for (const auto& [dimension, value] : point.subject()) rule->add_per(dimension);
      std::sort(rule->mutable_per()->begin(), rule->mutable_per()->end());
      const auto length = point.window_end().seconds() - point.window_start().seconds();
      rule->set_window(format_duration(length * kMicrosPerSecond));
    }
    *rule->add_subjects() = std::move(point);
  }
  std::string body = "{\"rules\":[";
  append_joined(rules, &body, [](const auto& rule) { return to_json(rule); });
  body += "]";
  if (newest_end != INT64_MIN) {
    body +=
        fmt::format(",\"newest_window_end\":\"{}\"", format_time(newest_end * kMicrosPerSecond));
  }
  body += "}";
  return {200, std::move(body)};
}

absl::StatusOr<StreamRequest> parse_stream_request(const Params& params,
                                                   const std::string& last_event_id) {
  StreamRequest request;
  std::string token = last_event_id;
  for (const auto& [name, value] : params) {
    if (name == "from") {
      if (token.empty()) token = value;
      continue;
    }
    if (name == "series") {
      if (value != "true" && value != "false") {
        return invalid_argument("series: '{}' is neither true nor false", value);
      }
      request.points = value == "true";
      continue;
    }
    SW_ASSIGN_OR_RETURN(const bool taken, take_filter_param(name, value, &request.filter));
    if (!taken) return unknown_param(name, "rule, region, severity, state, from, series");
  }
  if (token.empty()) return request;
  SW_ASSIGN_OR_RETURN(request.from, parse_resume_token(token));
  return request;
}

}  // namespace surgewatch::serve::api

#include "aggregator/live_query.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/proto_json.h"
#include "base/status.h"

namespace surgewatch::services {
namespace {

using serve::api::Params;
using serve::api::Reply;

constexpr char kPath[] = "/api/v1/window";
constexpr std::string_view kKnown =
    "series, window, step, windows, end, per, limit, page_token and the series' dimensions";
constexpr std::int64_t kDefaultRows = 100;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<std::string> dimension_names(const config::Series& series) {
  std::vector<std::string> names;
  for (const config::Dimension dimension : series.group_by) {
    names.emplace_back(config::dimension_name(dimension));
  }
  return names;
}

absl::StatusOr<std::size_t> parse_series(const config::Config& config, const Params& params) {
  std::vector<std::string> names;
  // What rules find stands behind them, and is not in windows.
  for (const config::Series& series : config.series) {
    if (std::ranges::find(kInputTopics, series.event) == kInputTopics.end()) break;
    names.push_back(series.name);
  }
  const auto given = params.find("series");
  if (given == params.end()) {
    return invalid_argument("series: missing; one of {}", joined(names));
  }
  const auto found = std::ranges::find(names, given->second);
  if (found == names.end()) {
    return invalid_argument("series: there is no '{}'; one of {}", given->second, joined(names));
  }
  return static_cast<std::size_t>(found - names.begin());
}

// A duration as panes.
absl::StatusOr<std::int64_t> parse_panes(const std::string& name, const std::string& text,
                                         const config::Series& series) {
  const auto span = parse_duration(text);
  if (!span.ok()) return invalid_argument("{}: {}", name, message_of(span.status()));
  if (*span == 0 || *span % series.pane_length != 0) {
    return invalid_argument("{}: {} is not a multiple of the series' pane, {}", name, text,
                            format_duration(series.pane_length));
  }
  return *span / series.pane_length;
}

absl::StatusOr<std::vector<std::size_t>> parse_per(const std::string& text,
                                                   const std::vector<std::string>& names) {
  std::vector<std::size_t> per;
  for (std::string_view left = text; !left.empty();) {
    const std::string_view name = left.substr(0, left.find(','));
    left.remove_prefix(std::min(name.size() + 1, left.size()));
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      return invalid_argument("per: '{}' is no dimension of the series; known: {}", name,
                              joined(names));
    }
    per.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  std::ranges::sort(per);
  if (std::ranges::adjacent_find(per) != per.end()) {
    return invalid_argument("per: '{}' names a dimension twice", text);
  }
  return per;
}

absl::Status take(const std::string& name, const std::string& value, const config::Series& series,
                  const std::vector<std::string>& names, aggregate::LiveQuery* query) {
  if (name == "window") {
    SW_ASSIGN_OR_RETURN(query->window, parse_panes(name, value, series));
  } else if (name == "step") {
    SW_ASSIGN_OR_RETURN(query->step, parse_panes(name, value, series));
  } else if (name == "windows") {
    SW_ASSIGN_OR_RETURN(query->windows,
                        serve::api::parse_count(name, value, aggregate::kMaxLiveWindows));
  } else if (name == "limit") {
    SW_ASSIGN_OR_RETURN(query->rows,
                        serve::api::parse_count(name, value, aggregate::kMaxLiveFigures));
  } else if (name == "end") {
    SW_ASSIGN_OR_RETURN(const std::int64_t seconds, serve::api::parse_instant(name, value));
    query->end = seconds * kMicrosPerSecond;
  } else if (name == "per") {
    SW_ASSIGN_OR_RETURN(query->per, parse_per(value, names));
  } else if (name == "page_token") {
    query->page_token = value;
  } else if (name != "series") {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      return invalid_argument("{}: {}", message_of(serve::api::unknown_param(name, kKnown)),
                              joined(names));
    }
    query->key[static_cast<std::size_t>(found - names.begin())] = value;
  }
  return absl::OkStatus();
}

// What is owned now. Should a source be handed from one worker to another just now, the later owner
// has it: never both.
OwnedSources current(const OwnedSourceList& list) {
  std::map<SourceId, std::shared_ptr<OwnedSource>> by_id;
  for (auto& owned : list.all()) {
    std::shared_ptr<OwnedSource>& known = by_id[owned->source.id()];
    if (known == nullptr || known->input.life < owned->input.life) known = std::move(owned);
  }
  OwnedSources sources;
  for (auto& [id, owned] : by_id) sources.push_back(std::move(owned));
  return sources;
}

}  // namespace

absl::StatusOr<aggregate::LiveQuery> parse_live_query(const config::Config& config,
                                                      const Params& params) {
  aggregate::LiveQuery query;
  SW_ASSIGN_OR_RETURN(query.series, parse_series(config, params));
  const config::Series& series = config.series[query.series];
  const std::vector<std::string> names = dimension_names(series);
  query.key.resize(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) query.per.push_back(i);
  for (auto it = params.begin(); it != params.end(); ++it) {
    if (it != params.begin() && std::prev(it)->first == it->first) {
      return invalid_argument("{}: given twice; ask once for each value", it->first);
    }
    SW_RETURN_IF_ERROR(take(it->first, it->second, series, names, &query));
  }
  if (!params.contains("step")) query.step = query.window;
  if (!params.contains("limit")) {
    query.rows = std::min(kDefaultRows, aggregate::kMaxLiveFigures / query.windows);
  }
  return query;
}

Reply LiveQueries::answer(const Params& params) {
  const auto query = parse_live_query(*config_, params);
  if (!query.ok()) return serve::api::error(query.status());
  struct Turn {
    std::atomic<int>& running;
    const int others = running.fetch_add(1, std::memory_order_relaxed);
    ~Turn() { running.fetch_sub(1, std::memory_order_relaxed); }
  };
  const Turn turn{running_};
  if (turn.others >= kMaxAtOnce) {
    return serve::api::error(absl::ResourceExhaustedError(fmt::format(
        "{} live queries are being answered, the most there may be; try again later", kMaxAtOnce)));
  }
  const OwnedSources owned = current(*sources_);
  std::vector<aggregate::LiveSource> sources;
  for (const auto& one : owned) {
    sources.push_back({.id = one->source.id(),
                       .panes = &one->source.panes(),
                       .caught_up = one->caught_up.load(std::memory_order_relaxed)});
  }
  const auto windows = aggregate::live_windows(*config_, sources, *query);
  if (!windows.ok()) return serve::api::error(windows.status());
  return {.status = 200, .body = to_json(*windows)};
}

serve::Answers live_answers(std::shared_ptr<const config::Config> config,
                            std::shared_ptr<const OwnedSourceList> sources) {
  auto queries = std::make_shared<LiveQueries>(std::move(config), std::move(sources));
  return {{kPath, [queries](const Params& params) { return queries->answer(params); }}};
}

}  // namespace surgewatch::services

// Names and ranges of everything but series and rules, and the helpers of all checks.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/bytes.h"
#include "base/status.h"
#include "config/checks.h"

namespace surgewatch::config {
namespace {

constexpr Micros kMillisecond = 1'000;

void check_event_time(const Checker& check, const v1::EventTime& given, EventTimeBounds* bounds) {
  check.duration_into("event_time.out_of_orderness", given.out_of_orderness(), 0, kLongest,
                      &bounds->out_of_orderness);
  check.duration_into("event_time.allowed_lateness", given.allowed_lateness(), 0, kLongest,
                      &bounds->allowed_lateness);
  check.duration_into("event_time.future_bound", given.future_bound(), kMicrosPerSecond, kLongest,
                      &bounds->future_bound);
  check.duration_into("event_time.idle_after", given.idle_after(), kMicrosPerSecond, kLongest,
                      &bounds->idle_after);
  check.duration_into("event_time.correction_horizon", given.correction_horizon(), 0, kLongest,
                      &bounds->correction_horizon);
  constexpr int kMaxOutliers = 100;
  if (given.has_outliers() &&
      check.in_range("event_time.outliers", given.outliers(), 0, kMaxOutliers)) {
    bounds->outliers = given.outliers();
  }
  if (bounds->allowed_lateness > bounds->correction_horizon) {
    const bool horizon_given = check.has("event_time.correction_horizon");
    check.problem(horizon_given ? "event_time.correction_horizon" : "event_time.allowed_lateness",
                  "allowed_lateness ({}) is longer than correction_horizon ({}): an event could be "
                  "taken in whose duplicates are no longer known",
                  format_duration(bounds->allowed_lateness),
                  format_duration(bounds->correction_horizon));
  }
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool is_broker(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto port = parse_int64(text.substr(colon + 1));
  const std::string_view host = text.substr(0, colon);
  return port && *port >= 1 && *port <= 65'535 &&
         host.find_first_of(" \t/") == std::string_view::npos;
}

// Properties that Surgewatch sets itself: another value would break what it promises.
struct OwnProperty {
  std::string_view name;
  std::string_view instead;

  friend bool operator==(const OwnProperty& property, std::string_view text) {
    return property.name == text;
  }
};
constexpr std::array<OwnProperty, 12> kOwnProperties{{
    {"bootstrap.servers", "set kafka.brokers"},
    {"metadata.broker.list", "set kafka.brokers"},
    {"group.id", "set kafka.group_id"},
    {"group.instance.id", "start each process with an --instance-id of its own"},
    {"enable.auto.commit", "Surgewatch commits what it has processed"},
    {"enable.auto.offset.store", "Surgewatch commits what it has processed"},
    {"auto.offset.reset", "Surgewatch decides where each source starts"},
    {"isolation.level", "transactions depend on it"},
    {"enable.idempotence", "the journal depends on it"},
    {"transactional.id", "transactions depend on it"},
    {"acks", "the journal depends on it"},
    {"partition.assignment.strategy", "pairs of sources depend on it"},
}};

void check_kafka(const Checker& check, const v1::KafkaConfig& given, Kafka* kafka) {
  if (check.readable("kafka.brokers")) {
    kafka->brokers = given.brokers();
    for (const std::string& broker : split(given.brokers(), ',')) {
      if (is_broker(broker)) continue;
      check.problem("kafka.brokers",
                    "'{}' is not host:port; write such as localhost:9092,other:9092", broker);
    }
  }
  // Kafka allows 249 characters; the longest of our names needs the rest.
  constexpr std::size_t kMaxPrefix = 200;
  kafka->topic_prefix = given.topic_prefix();
  if (given.topic_prefix().size() > kMaxPrefix || !consists_of(given.topic_prefix(), "._-")) {
    check.problem("kafka.topic_prefix",
                  "must be letters, digits, '.', '_' and '-', at most {} of them", kMaxPrefix);
  }
  if (check.readable("kafka.group_id")) {
    kafka->group_id = given.group_id();
    if (given.group_id().empty())
      check.problem("kafka.group_id", "is empty; leave it out for 'surgewatch'");
  }
  for (const auto& [name, value] : given.properties()) {
    kafka->properties[name] = value;
    const auto own = std::find(kOwnProperties.begin(), kOwnProperties.end(), name);
    if (own != kOwnProperties.end()) {
      check.problem_at_key(child("kafka.properties", name), "cannot be set here: {}", own->instead);
    }
  }
}

void check_aggregator(const Checker& check, const v1::AggregatorConfig& given,
                      Aggregator* aggregator) {
  constexpr int kMaxWorkers = 256;
  constexpr int kMaxCpu = 1'023;
  if (given.has_workers() &&
      check.in_range("aggregator.workers", given.workers(), 1, kMaxWorkers)) {
    aggregator->workers = given.workers();
  }
  for (int i = 0; i < given.cpu_affinity_size(); ++i) {
    const std::string path = element("aggregator.cpu_affinity", i);
    const int cpu = given.cpu_affinity(i);
    if (!check.in_range(path, cpu, 0, kMaxCpu)) continue;
    if (std::ranges::find(aggregator->cpu_affinity, cpu) != aggregator->cpu_affinity.end()) {
      check.problem(path, "CPU {} is named twice", cpu);
    }
    aggregator->cpu_affinity.push_back(cpu);
  }
  if (given.cpu_affinity_size() != 0 && given.cpu_affinity_size() != aggregator->workers) {
    check.problem("aggregator.cpu_affinity", "names {} CPUs for {} workers; name one for each",
                  given.cpu_affinity_size(), aggregator->workers);
  }
}

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  if (inet_pton(AF_INET, text.c_str(), address.data()) == 1) return true;
  if (inet_pton(AF_INET6, text.c_str(), address.data()) == 1) return true;
  const bool looks_numeric = text.find_first_not_of("0123456789.") == std::string::npos;
  return !text.empty() && !looks_numeric && consists_of(text, ".-");
}

void check_server(const Checker& check, const v1::ServerConfig& given, Server* server) {
  if (check.readable("server.bind_address")) {
    server->bind_address = given.bind_address();
    if (!is_address(given.bind_address())) {
      check.problem("server.bind_address",
                    "'{}' is not an address such as 127.0.0.1, :: or a host's name",
                    given.bind_address());
    }
  }
  const auto port = [&check](std::string_view field, bool has, std::int32_t value, int* target) {
    if (!has || !check.in_range(child("server", field), value, 0, 65'535)) return;
    *target = value;
  };
  port("gateway_http_port", given.has_gateway_http_port(), given.gateway_http_port(),
       &server->gateway_http_port);
  port("gateway_grpc_port", given.has_gateway_grpc_port(), given.gateway_grpc_port(),
       &server->gateway_grpc_port);
  port("aggregator_http_port", given.has_aggregator_http_port(), given.aggregator_http_port(),
       &server->aggregator_http_port);
  port("detector_http_port", given.has_detector_http_port(), given.detector_http_port(),
       &server->detector_http_port);
  if (given.has_streams_per_peer() &&
      check.in_range("server.streams_per_peer", given.streams_per_peer(), 1, 256)) {
    server->streams_per_peer = given.streams_per_peer();
  }
  // The others may be on other machines.
  if (server->gateway_http_port != 0 && server->gateway_http_port == server->gateway_grpc_port) {
    const bool grpc_given = given.has_gateway_grpc_port();
    check.problem(grpc_given ? "server.gateway_grpc_port" : "server.gateway_http_port",
                  "port {} is taken twice, by gateway_http_port and gateway_grpc_port",
                  server->gateway_http_port);
  }
}

void check_limits(const Checker& check, const v1::Limits& given, Limits* limits) {
  const auto limit = [&check](std::string_view field, bool has, std::int64_t value,
                              std::int64_t low, std::int64_t high, std::int64_t* target) {
    if (has && check.in_range(child("limits", field), value, low, high)) *target = value;
  };
  limit("keys_per_series", given.has_keys_per_series(), given.keys_per_series(), 1, 10'000'000,
        &limits->keys_per_series);
  limit("detector_keys_per_series", given.has_detector_keys_per_series(),
        given.detector_keys_per_series(), 1, 100'000'000, &limits->detector_keys_per_series);
  limit("label_sets_per_metric", given.has_label_sets_per_metric(), given.label_sets_per_metric(),
        1, 100'000, &limits->label_sets_per_metric);
  limit("record_bytes", given.has_record_bytes(), given.record_bytes(), 1'024, 100'000'000,
        &limits->record_bytes);
  // Every SKU that a catalogue can name may come (kMaxNameBytes in tables.cc), and the keys of a
  // journal's entry stay a small part of its batch.
  limit("text_bytes", given.has_text_bytes(), given.text_bytes(), 128, 4'096, &limits->text_bytes);
  limit("alert_revisions", given.has_alert_revisions(), given.alert_revisions(), 1, 10'000'000,
        &limits->alert_revisions);
  check.bytes_into("limits.order_memory", given.order_memory(), 10'000'000, 64'000'000'000,
                   &limits->order_memory);
  check.bytes_into("limits.document_memory", given.document_memory(), 10'000'000, 16'000'000'000,
                   &limits->document_memory);
  check.bytes_into("limits.memory", given.memory(), 100'000'000, 1'000'000'000'000'000,
                   &limits->memory);
}

}  // namespace

std::string child(const std::string& path, std::string_view field) {
  return fmt::format("{}.{}", path, field);
}
std::string element(const std::string& path, int index) {
  return fmt::format("{}[{}]", path, index);
}

void Checker::missing(const std::string& message, std::string_view field,
                      std::string_view example) const {
  if (positions.damaged(message) || positions.damaged(child(message, field))) return;
  problem(message, "'{}' is missing; {}", field, example);
}

std::optional<Micros> Checker::duration(const std::string& path, const std::string& text,
                                        Micros low, Micros high) const {
  const auto value = parse_duration(text);
  if (!value.ok()) {
    problem(path, "{}", message_of(value.status()));
    return std::nullopt;
  }
  if (*value < low || *value > high) {
    problem(path, "{} is not within {} to {}", text, format_duration(low), format_duration(high));
    return std::nullopt;
  }
  return *value;
}

void Checker::duration_into(const std::string& path, const std::string& text, Micros low,
                            Micros high, Micros* value) const {
  if (!readable(path)) return;
  if (const auto read = duration(path, text, low, high)) *value = *read;
}

void Checker::bytes_into(const std::string& path, const std::string& text, std::int64_t low,
                         std::int64_t high, std::int64_t* value) const {
  if (!readable(path)) return;
  const auto bytes = parse_bytes(text);
  if (!bytes.ok()) {
    problem(path, "{}", message_of(bytes.status()));
  } else if (*bytes < low || *bytes > high) {
    problem(path, "{} is not within {} to {}", text, format_bytes(low), format_bytes(high));
  } else {
    *value = *bytes;
  }
}

bool Checker::in_range(const std::string& path, std::int64_t value, std::int64_t low,
                       std::int64_t high) const {
  if (value >= low && value <= high) return true;
  problem(path, "{} is not within {} to {}", value, low, high);
  return false;
}

bool Checker::name(const std::string& message, const std::string& text) const {
  if (!has(child(message, "name"))) {
    missing(message, "name", "give it a name of lower case letters, digits, - and _");
    return false;
  }
  const bool sound =
      !text.empty() && text.size() <= kMaxNameBytes &&
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
  if (sound) return true;
  if (!positions.damaged(child(message, "name"))) {
    problem(child(message, "name"),
            "'{}' is not a name; use lower case letters, digits, - and _, at most {}", text,
            kMaxNameBytes);
  }
  return false;
}

std::optional<std::size_t> Checker::word(const std::string& path, const std::string& text,
                                         const std::vector<std::string>& words,
                                         std::string_view what) const {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  if (!positions.damaged(path)) {
    problem(path, "'{}' is not {}{}", text, what, suggestion(text, words, "known are"));
  }
  return std::nullopt;
}

void check_settings(const Checker& check, const v1::Config& given, Config* config) {
  check_event_time(check, given.event_time(), &config->event_time);
  check_kafka(check, given.kafka(), &config->kafka);
  check_aggregator(check, given.aggregator(), &config->aggregator);
  check.duration_into("journal.flush_interval", given.journal().flush_interval(), kMillisecond,
                      60 * kMicrosPerSecond, &config->flush_interval);
  check_server(check, given.server(), &config->server);
  check_limits(check, given.limits(), &config->limits);
}

}  // namespace surgewatch::config

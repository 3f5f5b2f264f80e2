// The checked configuration: what YAML said, with every name resolved and every range checked.
//
// Threads: immutable after loading; shared by all.
// Errors: load() collects every problem of the file, and of the tables it names, as
// `file:line:column: message`, one a line, in an INVALID_ARGUMENT status; NOT_FOUND if the file
// can't be read.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/measures.h"
#include "base/source.h"
#include "base/time.h"
#include "config/position.h"
#include "config/reference.h"

namespace surgewatch::config {

// What a rule type declares, and what all do: rule_spec.h.
struct RuleSpec;
using RuleSpecs = std::span<const RuleSpec* const>;

// What contributions are grouped and filtered by. Party dimensions are countries; `.party_id` names
// the party itself.
enum class Dimension : std::uint8_t {
  kSeller,
  kBillTo,
  kShipTo,
  kEndUser,
  kPayer,
  kShipFrom,
  kIntermediateConsignee,
  kFreightForwarder,
  kDeclared,     // of findings: where the order's invoices declare the goods to go
  kDestination,  // of findings: where they were sent
  kRegion,       // of typologies, here and below: a country
  kFrom,         // of a lane
  kTo,
  kSellerId,
  kBillToId,
  kShipToId,
  kEndUserId,
  kPayerId,
  kShipFromId,
  kIntermediateConsigneeId,
  kFreightForwarderId,
  kParty,
  kFamily,
  kSku,
  kControlClass,
  kFoundBy,  // a rule
};
inline constexpr std::size_t kDimensionCount = 26;
inline constexpr std::size_t kMaxGroupBy = 4;
// Of what rules of order types find, in this order.
inline constexpr std::array kFindingDimensions{
    Dimension::kBillTo, Dimension::kDeclared,     Dimension::kDestination, Dimension::kFamily,
    Dimension::kSku,    Dimension::kControlClass, Dimension::kBillToId,    Dimension::kShipToId};
// What a typology can be about; its series has some of these, and kFoundBy.
inline constexpr std::array kTypologyDimensions{Dimension::kRegion, Dimension::kFrom,
                                                Dimension::kTo, Dimension::kParty};

// `bill_to`, `bill_to.party_id`, `family`, …
std::string_view dimension_name(Dimension dimension);
std::optional<Dimension> dimension_from_name(std::string_view name);

// `in` empty: anything but `not_in`.
struct Condition {
  Dimension field{};
  std::vector<std::string> in;
  std::vector<std::string> not_in;

  bool admits(std::string_view value) const;
};

struct Series {
  std::string name;
  Topic event = Topic::kInvoices;
  std::vector<Condition> where;
  std::vector<Dimension> group_by;  // at most kMaxGroupBy; kFindingDimensions of findings
  std::vector<Measure> measures;    // those that --series and rules may name
  Micros pane_length = kMicrosPerDay;
  // Of findings: content address of what they are found by; else 0.
  std::uint64_t found_by = 0;
  // Changes when anything above does; stamped on pane updates.
  std::uint64_t definition = 0;
  // The measure of which each pane's largest document is kept. Not part of the definition: the sums
  // are the same without.
  std::optional<Measure> largest_document;
  Position at;  // in the file
};

// `documents` of what is found in orders are `orders`, of what rules find `findings`.
std::string_view measure_name(const Series& series, Measure measure);

enum class Severity : std::uint8_t { kInfo, kWarning, kCritical };

// Windows, baselines and references of more panes than this are refused.
inline constexpr std::int64_t kMaxPanesPerRule = 1'000'000;
inline constexpr std::int64_t kMicrosPerDollar = 1'000'000;

// Half-open, at pane borders.
struct Period {
  Micros start = 0;
  Micros end = 0;
};

// Those given must all be reached.
struct Thresholds {
  std::optional<double> ratio, excess_over_total, z, points, divergence;
  std::optional<double> observed;  // in the measure's unit; for revenue_usd, micros
  // Of findings, where they are given; check_rules.cc makes the measure and `observed` of them.
  std::optional<double> orders, units, chips;
  std::optional<double> hhi, change;
  std::optional<double> score;  // of a typology
};

enum class Method : std::uint8_t { kSurge, kRamp, kSurgeAndRamp };
enum class Direction : std::uint8_t { kUp, kDown, kBoth };

// How a rule learns what is usual, and when it calls a window unusual. Lengths are in windows.
struct Learning {
  Method method = Method::kSurgeAndRamp;
  std::int64_t period = 1;   // windows in a season; 1: none
  std::int64_t guard = 1;    // a window is learned only so much later
  std::int64_t warm_up = 1;  // learned windows before a subject is judged
  double alpha = 0.005;
  double false_discovery_rate = 0.05;
  double kappa = 2;       // the rise that a ramp is looked for
  double h = 4.5;         // where a cumulated log likelihood ratio alarms
  double odds_ratio = 2;  // of a share
  Direction direction = Direction::kUp;
};

// What a capacity rule's chips are: where they were shipped to, or who was billed for them.
enum class Basis : std::uint8_t { kShipped, kBilled };

// What the types that compare flows take as given. Which of it means something depends on the type.
struct Assumptions {
  double floor = 1'000;           // in the measure's unit; for revenue_usd, micros
  std::int64_t changes_over = 0;  // windows; 0: the type looks at no earlier one
  Basis basis = Basis::kShipped;
  double kw_per_chip_low = 0, kw_per_chip_high = 0;  // IT load
  double new_build_share = 0, refresh_share = 0;     // of a country's IT capacity, in a window
};

// A level that someone has accepted as the new normal.
struct AcceptedLevel {
  std::vector<std::size_t> per;     // positions in the series' group_by, ascending as in the rule
  std::vector<std::string> values;  // as many
  Micros from = 0;
};

// What a rule looks for in orders; each type takes some of it.
struct OrderSettings {
  std::vector<std::string> classes;      // of the Commerce Control List, as the catalogue has them
  std::vector<std::string> groups;       // of countries, `D:5`, and countries, `MO`
  bool ship_to = true, end_user = true;  // roles that are looked at
  // How long after a despatch a licence that is not there counts as missing.
  Micros absence_after = 3'600 * kMicrosPerSecond;
  // How long after its newest document an order is held to be complete.
  Micros deadline = 30 * kMicrosPerDay;
  std::int64_t cap = 0;  // chips that an order does not reach; 0: the type takes none
  double near = 0.8;     // from which part of the cap on an order counts
};

// A rule that counts for a typology.
struct WeighedFinding {
  std::size_t rule = 0;  // index into Config::rules
  std::string name, type;
  double weight = 1;
  // Positions in the group_by of the rule's series, one for each dimension of the typology's `per`:
  // what has the values of its subject.
  std::vector<std::size_t> by;
};
struct Typology {
  std::vector<WeighedFinding> findings;
  double page_at = 0;  // score
};

struct Rule {
  std::string name;
  // Content address of the rule and its series: `rv-` and 16 hexadecimal digits.
  std::string version;
  const RuleSpec* type = nullptr;
  std::size_t series = 0;  // index into Config::series
  Measure measure{};
  std::vector<std::size_t> per;  // positions in the series' group_by
  std::int64_t window_panes = 1;
  Severity severity = Severity::kWarning;
  bool shadow = false;
  std::string runbook_url;
  // Positions in group_by with their conditions.
  struct Filter {
    std::size_t position = 0;
    Condition condition;
  };
  std::vector<Filter> where;

  // What the type takes besides; see rule_spec.h.
  std::optional<Period> reference;
  std::optional<std::size_t> against_series;  // index into Config::series
  std::size_t against_position = 0;           // position in that series' group_by
  Thresholds fire_at;
  Thresholds clear_at;
  int clear_after = 3;

  std::optional<Learning> learning;  // of a rule that learns
  OrderSettings orders;              // of a rule that looks into orders
  // Levels from the whole to the parts, each as `per`; empty without a rollup.
  std::vector<std::vector<std::size_t>> rollup;
  std::vector<AcceptedLevel> accepted;

  std::optional<Assumptions> assumed;  // of a type that compares flows
  // Position in the series' group_by of the dimension whose values are told apart in each subject.
  std::optional<std::size_t> parts;
  std::vector<std::string> origins;  // countries, ascending
  std::optional<Typology> typology;
  Position at;  // in the file
};

struct EventTimeBounds {
  Micros out_of_orderness = 3'600 * kMicrosPerSecond;
  Micros allowed_lateness = 7 * kMicrosPerDay;
  Micros future_bound = kMicrosPerDay;
  Micros idle_after = 300 * kMicrosPerSecond;
  Micros correction_horizon = 120 * kMicrosPerDay;
  int outliers = 0;  // the watermark follows the highest event time but so many
};

struct Kafka {
  std::string brokers = "localhost:9092";
  std::string topic_prefix;
  std::string group_id = "surgewatch";
  std::map<std::string, std::string> properties;
};

struct Aggregator {
  int workers = 1;
  std::vector<int> cpu_affinity;  // empty, or one for each worker
};

struct Server {
  std::string bind_address = "127.0.0.1";
  int gateway_http_port = 8080;
  int gateway_grpc_port = 8081;
  int aggregator_http_port = 9464;
  int detector_http_port = 9465;
  int streams_per_peer = 64;
};

struct Limits {
  std::int64_t keys_per_series = 100'000;             // in one source
  std::int64_t detector_keys_per_series = 1'000'000;  // over all sources
  std::int64_t label_sets_per_metric = 1'000;
  std::int64_t record_bytes = 1'000'000;
  std::int64_t text_bytes = 256;
  std::int64_t alert_revisions = 100'000;
  // Bytes that a source may take to remember documents: beyond them the oldest are forgotten.
  std::int64_t document_memory = 4'000'000'000;
  // Bytes that the open orders of a pair may take: beyond them the oldest are forgotten.
  std::int64_t order_memory = 4'000'000'000;
  // Bytes that the configuration may take at the most: see footprint/footprint.h. It changes no
  // figure.
  std::int64_t memory = 1'000'000'000'000;
};

struct Config {
  std::string path;  // the file, for messages
  std::shared_ptr<const ReferenceTables> reference;
  EventTimeBounds event_time;
  std::vector<Series> series;
  std::vector<Rule> rules;
  // Those of `rules` that weigh others, each behind those that it weighs.
  std::vector<std::size_t> typologies;
  Kafka kafka;
  Aggregator aggregator;
  Micros flush_interval = 100'000;
  Server server;
  Limits limits;
  // Content address of the rules and of the series that they name: `rs-` and 16 hexadecimal digits.
  // The same rules written another way have the same.
  std::string ruleset_version;
  // Content address of all that decides what an event counts for: the series, the reference data,
  // the bounds of event time, the limits, and the consumer group, whose offsets say how far it has
  // been counted: `gen-` and 16 hexadecimal digits.
  std::string generation;
};

absl::StatusOr<std::shared_ptr<const Config>> load(const std::string& path, RuleSpecs types);

// The same from text; `path` is used in messages and to find the tables.
absl::StatusOr<std::shared_ptr<const Config>> parse(std::string_view yaml, const std::string& path,
                                                    RuleSpecs types);

}  // namespace surgewatch::config

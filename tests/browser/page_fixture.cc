// A gateway's HTTP server over a store that is filled with the story's shape, for tests of the
// page: the revenue that NVIDIA reported by billing location (fiscal 2024 and 2025, 91 days a
// quarter) as daily windows of five regions, and the alerts that belong to them.
//
// Prints `PORT n`, then reads commands from stdin, one a line, and answers each with `ok`:
//   alert     a critical alert for the United Arab Emirates comes
//   point     a further day comes for every region
//   resolve   Singapore's alert is resolved
//   withdraw  Singapore's alert is resolved, since its rule was removed
//   hostile   an alert and points for each hostile text, which is in all that can be named
//   anew      the topics are others: nothing is known, and they are being read
//   fill      the story's alerts and points are there
//   loaded    the topics have been read
//   quit      ends (as does the end of input)
// Arguments: `hidden` prints the ranges that is_hidden() names, and that is all; `empty` starts
// with nothing, `loading` with topics that have not been read, `regions N` adds N synthetic
// regions, `port N`.
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/printable.h"
#include "base/time.h"
#include "serve/alert_store.h"
#include "serve/http_server.h"
#include "support/hostile.h"

namespace surgewatch {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr int kDaysInQuarter = 91;
constexpr int kReferenceQuarter = 1;
constexpr double kMicrosInMillion = 1e12;
constexpr double kFireAt = 4;
constexpr std::string_view kRule = "singapore-since-deepseek";

// Millions of US dollars by quarter, from the one that ended on 2023-04-30. The filings' own
// figures: NVIDIA 10-Q and 10-K, revenue by billing location.
struct Region {
  std::string code;
  std::array<double, 8> quarters;
};
const std::vector<Region>& reported() {
  static const std::vector<Region> regions{
      {"US", {2385, 6043, 6302, 12236, 13496, 13022, 14800, 19939}},
      {"SG", {762, 1042, 2702, 2325, 4037, 5622, 7697, 6328}},
      {"TW", {1796, 2839, 4333, 4437, 4373, 5740, 5153, 5307}},
      {"CN", {1590, 2740, 4030, 1946, 2491, 3667, 5416, 5534}},
      {"ZZ", {659, 843, 753, 1159, 1647, 1989, 2016, 2223}},
  };
  return regions;
}

std::int64_t first_day() { return *parse_date("2023-01-30") / kMicrosPerSecond; }

// The 91 days that end before day `end` (days since the first).
double window_total(const Region& region, int end) {
  double total = 0;
  for (int day = end - kDaysInQuarter; day < end; ++day) {
    const auto quarter = static_cast<std::size_t>(day / kDaysInQuarter);
    if (quarter < region.quarters.size()) total += region.quarters[quarter] / kDaysInQuarter;
  }
  return total;
}

v1::SeriesPoint point_of(const Region& region, int end) {
  v1::SeriesPoint point;
  point.set_rule(std::string(kRule));
  point.set_rule_type(v1::RULE_TYPE_SURGE_SINCE);
  point.set_series("billed");
  point.set_measure("revenue_usd");
  (*point.mutable_subject())["bill_to"] = region.code;
  point.mutable_window_start()->set_seconds(first_day() + (end - kDaysInQuarter) * kDay);
  point.mutable_window_end()->set_seconds(first_day() + end * kDay);
  const double observed = window_total(region, end);
  point.set_observed(observed * kMicrosInMillion);
  if (end <= (kReferenceQuarter + 1) * kDaysInQuarter) {
    point.set_inconclusive(true);  // the reference period is not over
    return point;
  }
  const double expected = region.quarters[kReferenceQuarter];
  point.set_expected(expected * kMicrosInMillion);
  point.set_upper_bound(kFireAt * expected * kMicrosInMillion);
  point.set_firing(observed >= kFireAt * expected && region.code == "SG");
  return point;
}

void add_evidence(v1::Alert* alert, const char* name, double value, const char* unit,
                  const char* text) {
  v1::Evidence* evidence = alert->add_evidence();
  evidence->set_name(name);
  evidence->set_value(value);
  evidence->set_unit(unit);
  evidence->set_text(text);
}

v1::Alert alert_of(const std::string& id, std::string_view rule, v1::RuleType type,
                   v1::Severity severity, const std::string& region, int onset_day, int end,
                   double observed, double expected) {
  v1::Alert alert;
  alert.set_alert_id(id);
  alert.set_revision(1);
  alert.set_rule(std::string(rule));
  alert.set_rule_type(type);
  alert.set_severity(severity);
  alert.set_state(v1::ALERT_STATE_FIRING);
  alert.set_timing(v1::TIMING_FINAL);
  alert.set_mode(v1::MODE_LIVE);
  alert.set_measure("revenue_usd");
  (*alert.mutable_subject())["bill_to"] = region;
  alert.mutable_onset_time()->set_seconds(first_day() + onset_day * kDay);
  alert.mutable_window_start()->set_seconds(first_day() + (end - kDaysInQuarter) * kDay);
  alert.mutable_window_end()->set_seconds(first_day() + end * kDay);
  alert.set_observed(observed);
  alert.set_expected(expected);
  alert.set_ratio(observed / expected);
  alert.set_growth_percent(100 * (observed / expected - 1));
  return alert;
}

v1::Alert singapore() {
  constexpr int kEnd = 7 * kDaysInQuarter;
  constexpr int kOnset = 463;  // 2024-05-06: the first 91 days at four times the reference
  v1::Alert alert = alert_of("a-sg-since", kRule, v1::RULE_TYPE_SURGE_SINCE, v1::SEVERITY_WARNING,
                             "SG", kOnset, kEnd, 7697 * kMicrosInMillion, 1042 * kMicrosInMillion);
  alert.set_revision(3);
  alert.set_upper_bound(kFireAt * 1042 * kMicrosInMillion);
  alert.set_against("the reference");
  alert.set_score(2.84);
  alert.set_explanation(
      "Singapore was billed $7,697 M in the 91 days to 2024-10-27, 7.387 times the $1,042 M of the "
      "91 days to 2023-07-30 (growth +638.7 %). The whole grew 2.60 times: an excess of 2.84. "
      "Inquire where the goods went.");
  auto* peak = alert.mutable_peak();
  peak->set_observed(alert.observed());
  peak->set_expected(alert.expected());
  peak->set_ratio(alert.ratio());
  peak->mutable_window_end()->set_seconds(first_day() + kEnd * kDay);
  add_evidence(&alert, "reference_total", 1042 * kMicrosInMillion, "usd_micros",
               "91 days from 2023-05-01");
  add_evidence(&alert, "window_total", 7697 * kMicrosInMillion, "usd_micros",
               "91 days to 2024-10-27");
  add_evidence(&alert, "growth_of_the_whole", 2.598, "ratio", "all regions");
  add_evidence(&alert, "excess_over_total", 2.84, "ratio", "7.387 over 2.598");
  v1::Contributor* contributor = alert.add_contributors();
  (*contributor->mutable_labels())["ship_to"] = "US";
  contributor->set_amount(4211 * kMicrosInMillion);
  contributor->set_share(0.547);
  contributor->set_text("4,211.0 million USD, 54.7 % of the window");
  contributor->add_documents("INV-1");
  return alert;
}

// As program writes it that is not ours: nothing is escaped, what people read included.
v1::Alert hostile_alert(int number, const std::string& text) {
  v1::Alert alert = alert_of(fmt::format("{}{}", text, number), text, v1::RULE_TYPE_SURGE_SINCE,
                             v1::SEVERITY_CRITICAL, text, 640, 8 * kDaysInQuarter,
                             3 * kMicrosInMillion, kMicrosInMillion);
  (*alert.mutable_subject())["bill_to.party_id"] = text;
  alert.set_measure(text);
  alert.set_unit(text);
  alert.set_against(text);
  alert.set_explanation("billed to " + text + " was 3.0 million USD");
  alert.set_rule_version(text);
  alert.set_runbook_url("https://example.org/" + text);
  add_evidence(&alert, text.c_str(), 3, text.c_str(), (text + " has 3 of 4").c_str());
  (*alert.mutable_evidence(0)->mutable_labels())["sku"] = text;
  v1::Contributor* contributor = alert.add_contributors();
  (*contributor->mutable_labels())["sku"] = text;
  contributor->set_text(text + ": 3");
  contributor->add_documents(text);
  return alert;
}

v1::SeriesPoint hostile_point(const std::string& text, int end) {
  v1::SeriesPoint point;
  point.set_rule(text);
  point.set_rule_type(v1::RULE_TYPE_SURGE_SINCE);
  point.set_series(text);
  point.set_measure(text);
  point.set_unit(text);
  (*point.mutable_subject())["bill_to"] = text;
  (*point.mutable_subject())["bill_to.party_id"] = text;
  point.mutable_window_start()->set_seconds(first_day() + (end - 1) * kDay);
  point.mutable_window_end()->set_seconds(first_day() + end * kDay);
  point.set_observed(end);
  point.set_expected(1);
  return point;
}

void print_hidden() {
  constexpr char32_t kCharacters = 0x110000;
  for (char32_t first = 0; first < kCharacters; ++first) {
    if (!is_hidden(first)) continue;
    char32_t last = first;
    while (last + 1 < kCharacters && is_hidden(last + 1)) ++last;
    fmt::print("{} {}\n", static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last));
    first = last;
  }
}

class Fixture {
 public:
  explicit Fixture(serve::AlertStore* store) : store_(store) {}

  void fill(int synthetic_regions) {
    regions_ = reported();
    for (int i = 0; i < synthetic_regions; ++i) {
      Region region{fmt::format("region-{:03}", i), {}};
      for (std::size_t q = 0; q < region.quarters.size(); ++q) {
        region.quarters[q] = 100 + 13 * static_cast<double>((i * 7 + static_cast<int>(q) * 5) % 23);
      }
      regions_.push_back(region);
    }
    while (days_ < 8 * kDaysInQuarter) add_day();
    store_->add(next_offset_++, singapore());
    v1::Alert share = alert_of("a-sg-share", "singapore-share", v1::RULE_TYPE_SHARE_SHIFT,
                               v1::SEVERITY_INFO, "SG", 430, 7 * kDaysInQuarter, 0.2194, 0.0771);
    share.set_explanation(
        "Singapore's share of what was billed rose from 7.7 % to 21.9 %: 14.2 percentage points.");
    share.set_unit("share");
    share.set_against("the share before");
    add_evidence(&share, "points_of_the_whole", 14.2, "points", "21.9 % less 7.7 %");
    store_->add(next_offset_++, share);
    v1::Alert elsewhere = alert_of(
        "a-sg-elsewhere", "billed-not-delivered", v1::RULE_TYPE_DIVERGENCE, v1::SEVERITY_INFO, "SG",
        12, 7 * kDaysInQuarter, 7697 * kMicrosInMillion, 354 * kMicrosInMillion);
    elsewhere.set_comparison(v1::COMPARISON_SHORTFALL);
    elsewhere.set_explanation(
        "Of the $7,697 M billed to Singapore, $354 M is known to have been delivered there.");
    store_->add(next_offset_++, elsewhere);
    v1::Alert resolved =
        alert_of("a-cn-surge", "regional-surge", v1::RULE_TYPE_SURGE, v1::SEVERITY_WARNING, "CN",
                 240, 3 * kDaysInQuarter, 4030 * kMicrosInMillion, 2210 * kMicrosInMillion);
    resolved.set_state(v1::ALERT_STATE_RESOLVED);
    resolved.set_explanation("China was billed more than its baseline, until the quarter's end.");
    store_->add(next_offset_++, resolved);
  }

  // False for a command that it does not know.
  bool obey(const std::string& command) {
    if (command == "alert") {
      v1::Alert alert =
          alert_of("a-ae-since", kRule, v1::RULE_TYPE_SURGE_SINCE, v1::SEVERITY_CRITICAL, "AE", 640,
                   8 * kDaysInQuarter, 912 * kMicrosInMillion, 96 * kMicrosInMillion);
      alert.set_explanation(
          "Synthetic: the <b>United Arab Emirates</b> at 9.5 times the reference.");
      store_->add(next_offset_++, alert);
    } else if (command == "point") {
      if (regions_.empty()) regions_ = reported();
      add_day();
    } else if (command == "resolve") {
      v1::Alert alert = singapore();
      alert.set_revision(4);
      alert.set_state(v1::ALERT_STATE_RESOLVED);
      store_->add(next_offset_++, alert);
    } else if (command == "withdraw") {
      v1::Alert alert = singapore();
      alert.set_revision(4);
      alert.set_state(v1::ALERT_STATE_RESOLVED);
      alert.set_resolution(v1::RESOLUTION_RULE_REMOVED);
      alert.set_rule_version("rule-0123456789abcdef");
      store_->add(next_offset_++, alert);
    } else if (command == "hostile") {
      int number = 0;
      for (const test::Hostile& hostile : test::hostile_texts()) {
        if (!hostile.is_utf8 || hostile.text.empty()) continue;
        store_->add(next_offset_++, hostile_alert(++number, hostile.text));
        for (const int day : {1, 2, 3}) store_->add(hostile_point(hostile.text, days_ + day));
      }
    } else if (command == "anew") {
      store_->reset();
      next_offset_ = 0;
      days_ = kDaysInQuarter - 1;
      regions_.clear();
    } else if (command == "fill") {
      fill(0);
    } else if (command == "loaded") {
      store_->set_loaded();
    } else {
      return false;
    }
    return true;
  }

 private:
  void add_day() {
    ++days_;
    for (const Region& region : regions_) store_->add(point_of(region, days_));
  }

  serve::AlertStore* store_;
  std::vector<Region> regions_;
  int days_ = kDaysInQuarter - 1;
  std::int64_t next_offset_ = 0;
};

int run(const std::vector<std::string>& arguments) {
  serve::AlertStore store(serve::AlertStore::Limits{});
  Fixture fixture(&store);
  int regions = 0;
  int port = 0;
  bool empty = false;
  if (arguments == std::vector<std::string>{"hidden"}) {
    print_hidden();
    return 0;
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "empty") empty = true;
    if (arguments[i] == "loading") store.reset();
    if (arguments[i] == "regions") regions = std::stoi(arguments.at(i + 1));
    if (arguments[i] == "port") port = std::stoi(arguments.at(i + 1));
  }
  if (!empty) fixture.fill(regions);
  auto server = serve::HttpServer::start({.port = port, .alerts = &store});
  if (!server.ok()) {
    fmt::print(stderr, "{}\n", std::string(server.status().message()));
    return 1;
  }
  fmt::print("PORT {}\n", (*server)->port());
  std::fflush(stdout);
  std::string line;
  while (std::getline(std::cin, line) && line != "quit") {
    fmt::print("{}\n", fixture.obey(line) ? "ok" : "unknown command");
    std::fflush(stdout);
  }
  (*server)->stop();
  return 0;
}

}  // namespace
}  // namespace surgewatch

int main(int argc, char** argv) {
  return surgewatch::run(std::vector<std::string>(argv + 1, argv + argc));
}

// What a rule's work costs once its history is there: the close of a window in which every subject
// holds something, and one pane of one subject that changes late.
//
//   amend_bench TYPE SUBJECTS WINDOWS
//
// One source, panes and windows of an hour, a document and some units of each subject in each.
// TYPE names a rule below; SUBJECTS are parties, in a rollup those of six countries. Late panes are
// 1, 24 and 150 windows behind the newest closed one, each of another subject, fifteen of each age.
// Prints a line of JSON: CPU milliseconds of a close (mean of the second half) and of a late pane
// by its age (median and worst), and how many points and alerts a late pane gave rise to.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "unit/detect/world.h"

namespace surgewatch {
namespace {

constexpr int kBatch = 500;
constexpr int kCountries = 6;
constexpr int kLatePanes = 15;
constexpr PaneIndex kFirstHour = PaneIndex{19'723} * 24;  // 2024-01-01
constexpr Micros kHour = 3'600 * kMicrosPerSecond;
const char* const kTypes =
    "surge|surge_excess|ramp|rollup|share_shift|new_entity|surge_since|since_excess|share_since|"
    "divergence";

std::optional<config::Rule> rule_of(const std::string& type) {
  config::Rule rule = test::rule("surge_since", 1);
  const auto learning = [&](std::string_view of) {
    rule = test::learning_rule(of);
    rule.learning->period = 24;
    rule.learning->guard = 24;
    rule.learning->warm_up = 48;
    rule.fire_at.ratio = 2;
  };
  const auto against_first_day = [&](std::string_view of) {
    rule = test::rule(of, 24);
    rule.reference = config::Period{kFirstHour * kHour, (kFirstHour + 24) * kHour};
  };
  if (type == "surge" || type == "surge_excess" || type == "rollup") {
    learning("surge");
    if (type == "surge_excess") rule.fire_at.excess_over_total = 1.5;
    if (type == "rollup") rule.rollup = {{}, {1}, {0, 1}};
    if (type == "rollup") rule.per = {0, 1};
  } else if (type == "ramp") {
    learning("ramp");
  } else if (type == "share_shift") {
    learning("share_shift");
    rule.fire_at = {};
  } else if (type == "new_entity") {
    learning("new_entity");
    rule.fire_at = {};
  } else if (type == "surge_since" || type == "since_excess") {
    against_first_day("surge_since");
    rule.fire_at.ratio = 20;
    if (type == "since_excess") rule.fire_at.excess_over_total = 1.5;
  } else if (type == "share_since") {
    against_first_day("share_shift");
    rule.fire_at.points = 50;
  } else if (type == "divergence") {
    rule = test::rule("divergence", 24);
    rule.against_series = 0;
    rule.against_position = 0;
    rule.fire_at.divergence = 2;
  } else {
    return std::nullopt;
  }
  rule.measure = Measure::kUnits;
  return rule;
}

class Run {
 public:
  Run(const config::Rule& rule, int subjects, PaneIndex windows)
      : subjects_(subjects), windows_(windows), detector_(config_of(rule)) {
    detector_.apply(test::topology(1, 0), &out_);
    out_ = {};
  }

  // Milliseconds of each close.
  std::vector<double> write_history() {
    std::vector<double> closes;
    for (PaneIndex hour = 0; hour < windows_; ++hour) {
      for (int first = 0; first < subjects_; first += kBatch) {
        test::Batch batch(kSource, ++offset_, "billed");
        for (int i = first; i < std::min(first + kBatch, subjects_); ++i) {
          batch.update(cell(i, hour, 0));
        }
        detector_.apply(batch, &out_);
      }
      closes.push_back(say((kFirstHour + hour + 1) * kHour));
    }
    return closes;
  }

  double change(int subject, PaneIndex age, std::int64_t by) {
    detector_.apply(
        test::Batch(kSource, ++offset_, "billed").update(cell(subject, windows_ - 1 - age, by)),
        &out_);
    return say(std::nullopt);
  }

  std::size_t points = 0, alerts = 0;

 private:
  static constexpr SourceId kSource{Topic::kInvoices, 0};

  static std::shared_ptr<const config::Config> config_of(const config::Rule& rule) {
    auto config = std::make_shared<config::Config>(test::two_series());
    config->event_time = {};
    config->event_time.out_of_orderness = 0;
    config->limits = {};
    config->series[0].group_by = {config::Dimension::kBillToId, config::Dimension::kShipTo};
    config->series[0].measures = {Measure::kDocuments, Measure::kUnits};
    for (config::Series& series : config->series) series.pane_length = kHour;
    config->rules = {rule};
    return config;
  }

  static test::Value cell(int subject, PaneIndex hour, std::int64_t by) {
    return {{fmt::format("party-{:06}", subject), fmt::format("C{}", subject % kCountries)},
            kFirstHour + hour,
            100 + (subject * 7 + hour * 13) % 11 + by,
            1};
  }

  double say(std::optional<Micros> watermark) {
    const std::clock_t start = std::clock();
    detector_.apply(test::progress(kSource, offset_, watermark), &out_);
    const std::clock_t end = std::clock();
    points += out_.points.size();
    alerts += out_.alerts.size();
    out_ = {};
    return 1e3 * static_cast<double>(end - start) / CLOCKS_PER_SEC;
  }

  const int subjects_;
  const PaneIndex windows_;
  detect::Detector detector_;
  detect::Emissions out_;
  std::int64_t offset_ = 0;
};

int run(const std::string& type, int subjects, PaneIndex windows) {
  const std::optional<config::Rule> rule = rule_of(type);
  if (!rule.has_value()) return 2;
  Run run(*rule, subjects, windows);
  const std::vector<double> closes = run.write_history();
  double close = 0;
  for (std::size_t i = closes.size() / 2; i < closes.size(); ++i) close += closes[i];
  fmt::print("{{\"rule\": \"{}\", \"subjects\": {}, \"windows\": {}, \"close_ms\": {:.2f}", type,
             subjects, windows, close / static_cast<double>(closes.size() - closes.size() / 2));
  int subject = 0;
  for (const PaneIndex age : {1, 24, 150}) {
    if (age >= windows) break;
    run.points = run.alerts = 0;
    std::vector<double> late;
    for (int i = 0; i < kLatePanes; ++i) {
      late.push_back(run.change(subject = (subject + 37) % subjects, age, 3));
    }
    std::sort(late.begin(), late.end());
    fmt::print(", \"late_{}_ms\": {:.2f}, \"worst_{}_ms\": {:.2f}, \"points_{}\": {}", age,
               late[late.size() / 2], age, late.back(), age,
               (run.points + run.alerts) / kLatePanes);
  }
  fmt::print("}}\n");
  return 0;
}

}  // namespace
}  // namespace surgewatch

int main(int argc, char** argv) {
  const int result =
      argc == 4 ? surgewatch::run(argv[1], std::stoi(argv[2]), std::stoi(argv[3])) : 2;
  if (result == 2)
    fmt::print(stderr, "usage: amend_bench {} SUBJECTS WINDOWS\n", surgewatch::kTypes);
  return result;
}

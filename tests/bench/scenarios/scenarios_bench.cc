// scenarios_bench: false alarms and detection of our detectors and of the field's reference methods
// on simulated series. Prints tables, writes JSON.
//
//   scenarios_bench [--seed N] [--sets N] [--given FOLDER] [--write FOLDER] [--json FILE] [--ours]
//
// --sets N     N times all 42 weekly scenarios × 20, all 6 daily ones × 12 and all 60 of shares ×
// 100,
//              each set with its own seed from --seed on. The parameters were found on seeds below
//              10000; the default, from 60001, serves for judging only.
// --given F    also a folder of series in the same format (weekly; its daily/ and share/, if
// there).
// --write F    the first set as files, to be judged by others.
// --ours       without the reference methods, which take most of the time.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/scenarios/generate.h"
#include "bench/scenarios/score.h"
#include "bench/scenarios/share_tables.h"
#include "bench/scenarios/tables.h"
#include "methods/registry.h"
#include "statistics/negative_binomial.h"
#include "statistics/surge_ramp.h"

namespace surgewatch::bench {
namespace {

using AlarmsOf = std::function<std::vector<bool>(const SimulatedSeries&)>;
using statistics::SurgeRamp;
using statistics::SurgeRampParameters;

struct Method {
  std::string name;
  AlarmsOf alarms;
};

struct Options {
  std::uint64_t seed = 60001;
  int sets = 2;
  std::string given;
  std::string write;
  std::string json;
  bool ours = false;
};

SurgeRampParameters parameters_of(const SimulatedSeries& series) {
  if (series.period == 24) return SurgeRampParameters::hourly();
  return series.period == 7 ? SurgeRampParameters::daily() : SurgeRampParameters::weekly();
}

std::vector<bool> surge_ramp(const SimulatedSeries& series) {
  SurgeRamp detector = *SurgeRamp::create(parameters_of(series));
  std::vector<bool> alarms;
  for (const double count : series.counts) alarms.push_back(detector.step(count).alarm());
  return alarms;
}

std::vector<bool> surge(const SimulatedSeries& series) {
  auto parameters = parameters_of(series).baseline;
  parameters.alpha = 0.005;
  auto detector = *statistics::GammaPoissonFilter::create(parameters);
  std::vector<bool> alarms;
  for (const double count : series.counts) alarms.push_back(detector.step(count).alarm);
  return alarms;
}

// Knows the true mean and dispersion: what a test of single windows can reach.
std::vector<bool> oracle(const SimulatedSeries& series) {
  std::vector<bool> alarms;
  for (std::size_t t = 0; t < series.counts.size(); ++t) {
    const double mean = series.means[t];
    const auto law = statistics::NegativeBinomial::of(mean, series.phi * mean);
    alarms.push_back(law.upper_tail(series.counts[t]) <= 0.005);
  }
  return alarms;
}

// A reference method of the registry.
Method reference(const std::string& label, const std::string& name, methods::NamedTexts settings) {
  return {label, [name, settings](const SimulatedSeries& series) {
            methods::SeriesTable table;
            table.series.emplace_back();
            for (std::size_t t = 0; t < series.counts.size(); ++t) {
              table.times.push_back(std::to_string(t + 1));
              table.series.back().values.emplace_back(series.counts[t]);
            }
            methods::NamedTexts given = settings;
            if (name != "ears") given.emplace_back("period", std::to_string(series.period));
            const auto answers = methods::run_method(name, given, table);
            if (!answers.ok()) {
              fmt::print(stderr, "scenarios: {}: {}\n", name, answers.status().ToString());
              std::exit(1);
            }
            std::vector<bool> alarms;
            for (const methods::Answer& answer : answers->front())
              alarms.push_back(answer.alarm.value_or(false));
            return alarms;
          }};
}

std::vector<Method> methods_for(bool weekly, bool knows_truth, bool ours) {
  std::vector<Method> all = {{"surge+ramp", surge_ramp}, {"surge (.005)", surge}};
  if (knows_truth) all.push_back({"oracle (.005)", oracle});
  if (ours) return all;
  if (weekly) all.push_back(reference("farringtonFlexible", "farrington", {}));
  for (const char* variant : {"C1", "C2", "C3"})
    all.push_back(reference(fmt::format("EARS {}", variant), "ears", {{"variant", variant}}));
  if (weekly)
    all.push_back(reference("bayes (.005)", "bayes", {{"b", "2"}, {"w", "4"}, {"alpha", "0.005"}}));
  return all;
}

std::string json_of(const std::string& set, const std::string& method, const Score& score) {
  return fmt::format(
      "{{\"set\": \"{}\", \"method\": \"{}\", \"fpr\": {:.5f}, \"fpr_null\": {:.5f}, "
      "\"worst_scenario\": {:.5f}, "
      "\"spike\": {:.4f}, \"step\": {:.4f}, \"ramp\": {:.4f}, \"spike_delay\": {:.3f}, "
      "\"step_delay\": {:.3f}, "
      "\"ramp_delay\": {:.3f}}}",
      set, method, score.all.rate(), score.null.rate(), score.worst_scenario(),
      score.of(EventKind::kSpike).pod(), score.of(EventKind::kStep).pod(),
      score.of(EventKind::kRamp).pod(), score.of(EventKind::kSpike).delay(),
      score.of(EventKind::kStep).delay(), score.of(EventKind::kRamp).delay());
}

// One table: each method over the series of a set.
void judge(const std::string& set, const std::vector<SimulatedSeries>& all, bool knows_truth,
           bool ours, std::vector<std::string>* json) {
  if (all.empty()) return;
  const bool weekly = all.front().period == 52;
  fmt::print("\n{}: {} series\n", set, all.size());
  fmt::print("{:20} {:>7} {:>8} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}   {}\n", "method", "FPR",
             "null FPR", "worst", "spike", "k=5", "k=10", "step", "ramp", "delay spike/step/ramp");
  for (const Method& method : methods_for(weekly, knows_truth, ours)) {
    Score score;
    for (const SimulatedSeries& series : all) score.add(series, method.alarms(series));
    const Found& spike = score.of(EventKind::kSpike);
    const Found& step = score.of(EventKind::kStep);
    const Found& ramp = score.of(EventKind::kRamp);
    fmt::print(
        "{:20} {:7.4f} {:8.4f} {:7.4f} {:7.3f} {:7.3f} {:7.3f} {:7.3f} {:7.3f}   {:.2f} / {:.2f} / "
        "{:.1f}\n",
        method.name, score.all.rate(), score.null.rate(), score.worst_scenario(), spike.pod(),
        score.sizes[{EventKind::kSpike, 5}].pod(), score.sizes[{EventKind::kSpike, 10}].pod(),
        step.pod(), ramp.pod(), spike.delay(), step.delay(), ramp.delay());
    std::fflush(stdout);
    json->push_back(json_of(set, method.name, score));
  }
}

Options options_of(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--ours") {
      options.ours = true;
      continue;
    }
    if (i + 1 == argc) {
      fmt::print(stderr, "scenarios: {} is unknown or wants a value\n", name);
      std::exit(2);
    }
    const char* value = argv[++i];
    if (name == "--seed") {
      options.seed = std::strtoull(value, nullptr, 10);
    } else if (name == "--sets") {
      options.sets = std::atoi(value);
    } else if (name == "--given") {
      options.given = value;
    } else if (name == "--write") {
      options.write = value;
    } else if (name == "--json") {
      options.json = value;
    } else {
      fmt::print(stderr, "scenarios: there is no option {}\n", name);
      std::exit(2);
    }
  }
  return options;
}

}  // namespace
}  // namespace surgewatch::bench

int main(int argc, char** argv) {
  using namespace surgewatch::bench;
  const Options options = options_of(argc, argv);
  std::vector<std::string> json;
  if (!options.given.empty()) {
    judge("weekly, given", read_series(options.given, 52, 312), false, options.ours, &json);
    const std::string daily = options.given + "/daily";
    if (std::filesystem::exists(daily))
      judge("daily, given", read_series(daily, 7, 120), false, options.ours, &json);
    const std::string shares = options.given + "/share";
    if (std::filesystem::exists(shares)) judge_given_shares(read_shares(shares), &json);
  }
  std::vector<SimulatedSeries> weekly;
  std::vector<SimulatedSeries> daily;
  std::vector<SimulatedSeries> hourly;
  for (int set = 0; set < options.sets; ++set) {
    const std::uint64_t seed = options.seed + static_cast<std::uint64_t>(set);
    for (SimulatedSeries& series : all_weekly(seed)) weekly.push_back(std::move(series));
    for (SimulatedSeries& series : all_daily(seed)) daily.push_back(std::move(series));
    for (SimulatedSeries& series : all_hourly(seed)) hourly.push_back(std::move(series));
    if (set > 0 || options.write.empty()) continue;
    write_series(options.write, weekly);
    write_series(options.write + "/daily", daily);
  }
  judge(fmt::format("weekly, seeds from {}", options.seed), weekly, true, options.ours, &json);
  judge(fmt::format("daily, seeds from {}", options.seed), daily, true, options.ours, &json);
  judge(fmt::format("hourly, seeds from {}", options.seed), hourly, true, options.ours, &json);
  if (options.sets > 0) judge_shares(options.seed, options.sets, &json);
  if (!options.json.empty()) {
    std::ofstream out(options.json);
    out << "[";
    for (std::size_t i = 0; i < json.size(); ++i) out << (i > 0 ? ",\n " : "") << json[i];
    out << "]\n";
  }
  return 0;
}

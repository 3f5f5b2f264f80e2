// A million parties, one series, one rule, default limits: what a detector holds of them, and what
// it says.
//
//   parties_bench TYPE PARTIES DAYS [DAYS_BETWEEN]
//
// Sixteen sources; each party belongs to one and buys on one day in DAYS_BETWEEN, which is 8, a
// document of some units. TYPE is that of the rule: surge, new_entity, surge_since or divergence,
// on windows of a day. Prints a line of JSON: bytes of the process beyond what it had before the
// first record, what was said, and CPU seconds.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>

#include "unit/detect/world.h"

namespace surgewatch {
namespace {

constexpr int kSources = 16;
constexpr PaneIndex kDaysBetween = 8;
constexpr int kBatch = 500;
constexpr PaneIndex kFirstDay = 19'723;  // 2024-01-01

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

config::Config with(const std::string& type) {
  config::Config config = test::two_series();
  config.event_time = {};
  config.limits = {};
  config.series[0].group_by = {config::Dimension::kBillToId, config::Dimension::kShipTo};
  config.series[0].measures = {Measure::kDocuments, Measure::kUnits};
  config::Rule rule;
  if (type == "surge_since") {
    rule = test::rule("surge_since", 1);
    rule.reference = config::Period{kFirstDay * kMicrosPerDay, (kFirstDay + 1) * kMicrosPerDay};
    rule.fire_at.ratio = 20;
  } else if (type == "divergence") {
    rule = test::rule("divergence", 1);
    rule.against_series = 0;
    rule.against_position = 1;
    rule.fire_at.divergence = 2;
  } else {
    rule = test::learning_rule(type == "new_entity" ? "new_entity" : "surge");
    rule.learning->period = 7;
    rule.learning->guard = 14;
    rule.learning->warm_up = 26;
  }
  rule.measure = Measure::kUnits;
  config.rules = {rule};
  return config;
}

int run(const std::string& type, int parties, PaneIndex days, PaneIndex days_between) {
  detect::Detector detector(std::make_shared<const config::Config>(with(type)));
  detect::Emissions out;
  detector.apply(test::topology(kSources, 0), &out);
  const std::uint64_t before = resident_bytes();
  const std::clock_t start = std::clock();
  std::uint64_t updates = 0, points = 0, alerts = 0, most = 0;
  std::int64_t offset = 0;
  const auto take = [&] {
    points += out.points.size();
    alerts += out.alerts.size();
    out = {};
  };
  for (PaneIndex day = kFirstDay; day < kFirstDay + days; ++day) {
    for (int source = 0; source < kSources; ++source) {
      const SourceId id{Topic::kInvoices, source};
      test::Batch batch(id, ++offset, "billed");
      int size = 0;
      for (int party = source; party < parties; party += kSources) {
        if ((party / kSources + day) % days_between != 0) continue;
        const std::int64_t units = 1 + (party * 7 + day * 13) % 11;
        batch.update({{fmt::format("party-{:07}", party), "US"}, day, units, 1});
        ++updates;
        if (++size == kBatch) {
          detector.apply(batch, &out);
          batch = test::Batch(id, offset, "billed");
          size = 0;
        }
      }
      detector.apply(batch, &out);
      detector.take(test::progress(id, offset, (day + 1) * kMicrosPerDay), offset);
      while (detector.say(8'000, &out)) take();
      take();
    }
    most = std::max(most, resident_bytes());
  }
  fmt::print(
      "{{\"rule\": \"{}\", \"parties\": {}, \"days\": {}, \"updates\": {}, \"megabytes\": {:.0f}, "
      "\"bytes_a_party\": {:.0f}, \"points\": {}, \"alerts\": {}, \"cpu_seconds\": {:.1f}}}\n",
      type, parties, days, updates, static_cast<double>(most - before) / 1e6,
      static_cast<double>(most - before) / parties, points, alerts,
      static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  return 0;
}

}  // namespace
}  // namespace surgewatch

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fputs(
        "usage: parties_bench surge|new_entity|surge_since|divergence PARTIES DAYS "
        "[DAYS_BETWEEN]\n",
        stderr);
    return 2;
  }
  return surgewatch::run(argv[1], std::stoi(argv[2]), std::stoi(argv[3]),
                         argc == 5 ? std::stoi(argv[4]) : surgewatch::kDaysBetween);
}

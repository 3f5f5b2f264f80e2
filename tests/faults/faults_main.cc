// Plays faults to the whole system on a real Kafka and compares what it says with what it must.
//
//   faults [--tier fast|nightly] [--seed S] [--fault NAME]… [--trials N] [--out FILE]
//         [--keep FOLDER]
//
// Each trial has a seed, which is printed where it failed: `--fault NAME --seed S --trials 1` plays
// it again. (The same events and the same chances: when which thread runs is another matter.)
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "faults/trial.h"

namespace surgewatch::faults {
namespace {

struct Arguments {
  std::string tier = "fast", out, keep;
  std::vector<std::string> faults;
  std::uint64_t seed = 1;
  int trials = 0;
  bool lists = false;
};

// Of each fault, where nothing else is asked for.
int trials_of(const std::string& tier, const Fault& fault) {
  if (tier == "nightly") return fault.name.find("broker") == std::string::npos ? 60 : 30;
  return fault.stream > milliseconds(12'000) ? 1 : 2;
}

milliseconds quantile(std::vector<milliseconds> values, double part) {
  if (values.empty()) return milliseconds(0);
  std::ranges::sort(values);
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(part * last + 0.5)];
}

struct Row {
  const Fault* fault = nullptr;
  int trials = 0, mismatches = 0;
  std::uint64_t events = 0, alerts = 0, repeated_copies = 0;
  std::vector<milliseconds> silences;
};

double seconds(milliseconds time) { return static_cast<double>(time.count()) / 1'000; }

void print(const std::vector<Row>& rows) {
  fmt::print("{:18} {:>6} {:>10} {:>9} {:>8} {:>8} {:>24}\n", "fault", "trials", "mismatches",
             "events", "alerts", "copies", "first word after (s)");
  fmt::print("{:18} {:>6} {:>10} {:>9} {:>8} {:>8} {:>8}{:>8}{:>8}\n", "", "", "", "", "", "twice",
             "p50", "p95", "most");
  for (const Row& row : rows) {
    fmt::print("{:18} {:>6} {:>10} {:>9} {:>8} {:>8} {:>8.1f}{:>8.1f}{:>8.1f}\n", row.fault->name,
               row.trials, row.mismatches, row.events, row.alerts, row.repeated_copies,
               seconds(quantile(row.silences, 0.5)), seconds(quantile(row.silences, 0.95)),
               seconds(quantile(row.silences, 1)));
  }
}

absl::Status write(const std::vector<Row>& rows, const Arguments& arguments) {
  nlohmann::json list = nlohmann::json::array();
  for (const Row& row : rows) {
    list.push_back({{"fault", row.fault->name},
                    {"trials", row.trials},
                    {"mismatches", row.mismatches},
                    {"events", row.events},
                    {"alert_revisions", row.alerts},
                    {"repeated_copies", row.repeated_copies},
                    {"first_word_p50_s", seconds(quantile(row.silences, 0.5))},
                    {"first_word_p95_s", seconds(quantile(row.silences, 0.95))},
                    {"first_word_most_s", seconds(quantile(row.silences, 1))}});
  }
  const std::filesystem::path path(arguments.out);
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path);
  file << nlohmann::json{{"tier", arguments.tier}, {"seed", arguments.seed}, {"faults", list}}.dump(
              2)
       << "\n";
  return file ? absl::OkStatus() : failed_precondition("{} can't be written", arguments.out);
}

void keep(const Outcome& outcome, const std::string& folder, const std::string& fault,
          std::uint64_t seed) {
  if (outcome.evidence.empty()) return;
  const auto path = std::filesystem::path(folder) / fmt::format("{}-{}", fault, seed);
  std::filesystem::create_directories(path);
  for (const auto& [name, text] : outcome.evidence) std::ofstream(path / name) << text;
  fmt::print(stderr, "    see {}\n", path.string());
}

absl::StatusOr<std::vector<Fault>> chosen(const Arguments& arguments) {
  if (arguments.faults.empty()) return all_faults();
  std::vector<Fault> chosen;
  for (const std::string& name : arguments.faults) {
    const auto found = std::ranges::find(all_faults(), name, &Fault::name);
    if (found == all_faults().end()) {
      return invalid_argument("there is no fault {}: --list names them", name);
    }
    chosen.push_back(*found);
  }
  return chosen;
}

absl::StatusOr<bool> run(const Arguments& arguments) {
  SW_ASSIGN_OR_RETURN(const std::vector<Fault> faults, chosen(arguments));
  SW_ASSIGN_OR_RETURN(const auto server, test::KafkaServer::start());
  std::vector<Row> rows;
  bool all_held = true;
  for (const Fault& fault : faults) {
    Row& row = rows.emplace_back();
    row.fault = &fault;
    row.trials = arguments.trials > 0 ? arguments.trials : trials_of(arguments.tier, fault);
    for (int i = 0; i < row.trials; ++i) {
      const std::uint64_t seed = arguments.seed + static_cast<std::uint64_t>(i);
      SW_ASSIGN_OR_RETURN(Outcome outcome, run_trial(server.get(), fault, seed));
      fmt::print(stderr, "{} --seed {}: {} events, {} revisions of alerts, {:.1f} s: {}\n",
                 fault.name, seed, outcome.events, outcome.alerts, seconds(outcome.took),
                 outcome.differences.empty() ? "held" : "MISMATCH");
      for (const std::string& one : outcome.differences) fmt::print(stderr, "    {}\n", one);
      if (!arguments.keep.empty()) keep(outcome, arguments.keep, fault.name, seed);
      row.mismatches += outcome.differences.empty() ? 0 : 1;
      row.events += outcome.events;
      row.alerts += outcome.alerts;
      row.repeated_copies += outcome.repeated_copies;
      row.silences.insert(row.silences.end(), outcome.silences.begin(), outcome.silences.end());
    }
    all_held &= row.mismatches == 0;
  }
  print(rows);
  if (!arguments.out.empty()) SW_RETURN_IF_ERROR(write(rows, arguments));
  return all_held;
}

}  // namespace
}  // namespace surgewatch::faults

int main(int argc, char** argv) {
  using namespace surgewatch::faults;
  Arguments arguments;
  CLI::App app("Plays faults to the whole system on a real Kafka.");
  app.add_option("--tier", arguments.tier, "how many trials of each: fast or nightly")
      ->check(CLI::IsMember({"fast", "nightly"}));
  app.add_option("--seed", arguments.seed, "of the first trial of each fault");
  app.add_option("--fault", arguments.faults, "only these");
  app.add_option("--trials", arguments.trials, "of each fault")->check(CLI::PositiveNumber);
  app.add_option("--keep", arguments.keep, "a folder for logs and topics of trials that differ");
  app.add_option("--out", arguments.out, "the figures as JSON");
  app.add_flag("--list", arguments.lists, "names the faults");
  CLI11_PARSE(app, argc, argv);
  if (arguments.lists) {
    for (const Fault& fault : all_faults()) fmt::print("{:18} {}\n", fault.name, fault.what);
    return 0;
  }
  spdlog::set_level(spdlog::level::off);
  const auto held = run(arguments);
  if (!held.ok()) {
    fmt::print(stderr, "faults: {}\n", surgewatch::message_of(held.status()));
    return 2;
  }
  return *held ? 0 : 1;
}

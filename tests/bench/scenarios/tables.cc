#include "bench/scenarios/tables.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace surgewatch::bench {
namespace {

[[noreturn]] void give_up(const std::string& message) {
  fmt::print(stderr, "scenarios: {}\n", message);
  std::exit(1);
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = line.find(',', begin);
    fields.push_back(line.substr(begin, end - begin));
    if (end == std::string::npos) return fields;
    begin = end + 1;
  }
}

// Rows by column name.
std::vector<std::map<std::string, std::string>> rows_of(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line)) give_up(path + " can't be read");
  const std::vector<std::string> names = fields_of(line);
  std::vector<std::map<std::string, std::string>> rows;
  while (std::getline(in, line)) {
    const std::vector<std::string> fields = fields_of(line);
    if (fields.size() != names.size())
      give_up(fmt::format("{}: row {} has other columns", path, rows.size() + 2));
    for (rows.emplace_back(); rows.back().size() < names.size();)
      rows.back()[names[rows.back().size()]] = "";
    for (std::size_t i = 0; i < names.size(); ++i) rows.back()[names[i]] = fields[i];
  }
  return rows;
}

EventKind kind_of(const std::string& name) {
  if (name == "spike") return EventKind::kSpike;
  if (name == "step") return EventKind::kStep;
  if (name == "ramp") return EventKind::kRamp;
  give_up("there is no kind of event " + name);
}

const char* name_of(EventKind kind) {
  return kind == EventKind::kSpike ? "spike" : kind == EventKind::kStep ? "step" : "ramp";
}

std::string path_of(const std::string& folder, int scenario, int repetition) {
  return fmt::format("{}/series/s{:02}_r{:02}.csv", folder, scenario, repetition);
}

}  // namespace

std::vector<SimulatedSeries> read_series(const std::string& folder, int period, int first_judged) {
  std::map<std::pair<int, int>, std::vector<Event>> events;
  for (const auto& row : rows_of(folder + "/events.csv")) {
    Event event;
    event.kind = kind_of(row.at("kind"));
    event.size = std::stod(row.at("size"));
    event.start = std::stoi(row.at("start")) - 1;
    event.end = std::stoi(row.at("end")) - 1;
    event.first_case = row.at("first_case") == "NA" ? -1 : std::stoi(row.at("first_case")) - 1;
    event.cases = std::stod(row.at("cases"));
    event.past = row.at("phase") == "past";
    events[{std::stoi(row.at("scenario")), std::stoi(row.at("rep"))}].push_back(event);
  }
  std::vector<SimulatedSeries> all;
  for (const auto& [key, list] : events) {
    const std::string path = path_of(folder, key.first, key.second);
    if (!std::filesystem::exists(path)) continue;
    SimulatedSeries series;
    series.scenario = key.first;
    series.repetition = key.second;
    series.period = period;
    series.first_judged = first_judged;
    series.events = list;
    for (const auto& row : rows_of(path)) {
      series.counts.push_back(std::stod(row.at("count")));
      series.in_event.push_back(row.at("event") != "0");
      series.means.push_back(std::stod(row.at("mu_true")));
    }
    all.push_back(std::move(series));
  }
  return all;
}

std::vector<ShareSeries> read_shares(const std::string& folder) {
  std::vector<ShareSeries> all;
  for (const auto& row : rows_of(folder + "/truth_and_reference.csv")) {
    ShareSeries series;
    series.scenario.mean_total = std::stod(row.at("mean_total"));
    series.scenario.odds_ratio = std::stod(row.at("odds_ratio"));
    if (row.at("tau") != "NA") {
      series.scenario.event = ShareEvent::kShift;
      series.change = std::stoi(row.at("tau")) - 1;
    }
    for (const auto& counts : rows_of(fmt::format("{}/{}.csv", folder, row.at("file")))) {
      series.counts.emplace_back();
      for (std::size_t i = 0; i < kShareRegions; ++i)
        series.counts.back()[i] = std::stod(counts.at(fmt::format("region{}", i + 1)));
    }
    all.push_back(std::move(series));
  }
  return all;
}

void write_series(const std::string& folder, const std::vector<SimulatedSeries>& all) {
  std::filesystem::create_directories(folder + "/series");
  std::ofstream events(folder + "/events.csv");
  events << "scenario,rep,family,event,phase,kind,size,start,end,first_case,cases\n";
  for (const SimulatedSeries& series : all) {
    std::ofstream out(path_of(folder, series.scenario, series.repetition));
    out << "t,count,injected,event,mu_true\n";
    for (std::size_t t = 0; t < series.counts.size(); ++t)
      out << fmt::format("{},{},{},{},{:.10g}\n", t + 1, series.counts[t], series.injected[t],
                         series.in_event[t] ? 1 : 0, series.means[t]);
    int number = 0;
    for (const Event& event : series.events)
      events << fmt::format(
          "{},{},{},{},{},{},{},{},{},{},{}\n", series.scenario, series.repetition,
          name_of(series.events.back().kind), ++number, event.past ? "past" : "eval",
          name_of(event.kind), event.size, event.start + 1, event.end + 1,
          event.first_case < 0 ? "NA" : std::to_string(event.first_case + 1), event.cases);
    if (!out || !events) give_up(folder + " can't be written");
  }
}

}  // namespace surgewatch::bench

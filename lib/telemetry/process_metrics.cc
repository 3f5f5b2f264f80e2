#include "telemetry/process_metrics.h"

#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

namespace surgewatch::telemetry {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

// Fields of /proc/self/stat, counted after the command's name, which is in brackets and may hold
// anything. Source: proc(5), where they are numbers 14, 15, 22, 23 and 24.
constexpr std::size_t kUserTicks = 11;
constexpr std::size_t kSystemTicks = 12;
constexpr std::size_t kStartTicks = 19;
constexpr std::size_t kVirtualBytes = 20;
constexpr std::size_t kResidentPages = 21;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<double> stat_fields(const std::string& text) {
  std::vector<double> fields;
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return fields;
  std::istringstream rest(text.substr(name_end + 1));
  for (std::string field; rest >> field;) {
    double value = 0;  // the state, a letter, stays so
    std::from_chars(field.data(), field.data() + field.size(), value);
    fields.push_back(value);
  }
  return fields;
}

// The number that follows `name` at the start of a line.
std::optional<double> number_after(const std::string& text, std::string_view name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    double value = 0;
    std::istringstream rest(line.substr(name.size()));
    if (rest >> value) return value;
  }
  return std::nullopt;
}

std::optional<double> count_entries(const std::string& folder) {
  std::error_code error;
  const std::filesystem::directory_iterator entries(folder, error);
  if (error) return std::nullopt;
  return static_cast<double>(std::distance(begin(entries), end(entries)));
}

MetricFamily family(std::string name, std::string help, MetricType type, double value) {
  prometheus::ClientMetric metric;
  if (type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  MetricFamily result;
  result.name = std::move(name);
  result.help = std::move(help);
  result.type = type;
  result.metric.push_back(std::move(metric));
  return result;
}

}  // namespace

ProcessMetrics::ProcessMetrics(std::string self, std::string system)
    : self_(std::move(self)), system_(std::move(system)) {}

std::vector<MetricFamily> ProcessMetrics::Collect() const {
  std::vector<MetricFamily> families;
  const std::vector<double> stat = stat_fields(read_file(self_ + "/stat"));
  if (stat.size() > kResidentPages) {
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    families.push_back(
        family("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
               MetricType::Counter, (stat[kUserTicks] + stat[kSystemTicks]) / ticks));
    families.push_back(family("process_resident_memory_bytes", "Resident memory size in bytes.",
                              MetricType::Gauge,
                              stat[kResidentPages] * static_cast<double>(::sysconf(_SC_PAGESIZE))));
    families.push_back(family("process_virtual_memory_bytes", "Virtual memory size in bytes.",
                              MetricType::Gauge, stat[kVirtualBytes]));
    if (const auto boot = number_after(read_file(system_ + "/stat"), "btime ")) {
      families.push_back(family("process_start_time_seconds",
                                "Start time of the process since unix epoch in seconds.",
                                MetricType::Gauge, *boot + stat[kStartTicks] / ticks));
    }
  }
  if (const auto open = count_entries(self_ + "/fd")) {
    families.push_back(
        family("process_open_fds", "Number of open file descriptors.", MetricType::Gauge, *open));
  }
  if (const auto most = number_after(read_file(self_ + "/limits"), "Max open files")) {
    families.push_back(family("process_max_fds", "Maximum number of open file descriptors.",
                              MetricType::Gauge, *most));
  }
  return families;
}

}  // namespace surgewatch::telemetry

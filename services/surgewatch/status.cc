#include "base/status.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <httplib.h>

#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/printable.h"
#include "common/alert_line.h"
#include "config/config.h"
#include "detect/rules/table.h"
#include "surgewatch/commands.h"
#include "surgewatch/v1/service.pb.h"

// `surgewatch status`: asks each service over HTTP, where the configuration or the default puts it,
// and prints what matters.

namespace surgewatch::services {
namespace {

constexpr int kTimeoutSeconds = 2;

// Only a detector has it: where the gateway's process shows it, `surgewatch run` or `demo` has all
// three services in that process.
constexpr char kJournalLag[] = "surgewatch_journal_lag_records";

struct Sample {
  std::string labels;
  double value;
};

// The samples of one metric in the text exposition format.
std::vector<Sample> samples(const std::string& exposition, const std::string& metric) {
  std::vector<Sample> found;
  std::istringstream lines(exposition);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(metric)) continue;
    const std::size_t name_end = metric.size();
    if (name_end >= line.size() || (line[name_end] != '{' && line[name_end] != ' ')) continue;
    const std::size_t value = line.rfind(' ');
    found.push_back(
        {line.substr(name_end, value - name_end), std::strtod(line.c_str() + value, nullptr)});
  }
  return found;
}

void print_samples(const std::string& exposition, const std::string& metric, const char* title) {
  for (const Sample& sample : samples(exposition, metric)) {
    fmt::print("    {:<28} {:<44} {:.10g}\n", title, printable_line(sample.labels), sample.value);
  }
}

httplib::Client client_for(const std::string& address, int port) {
  httplib::Client client(address, port);
  client.set_connection_timeout(kTimeoutSeconds);
  client.set_read_timeout(kTimeoutSeconds);
  return client;
}

// What a service says of itself: nothing if it does not answer.
struct Answer {
  std::string readiness;  // "ready" or "not ready: …"
  std::string metrics;
};

std::optional<Answer> ask(const std::string& address, int port) {
  httplib::Client client = client_for(address, port);
  const auto ready = client.Get("/-/ready");
  if (!ready) return std::nullopt;
  Answer answer{.readiness = std::string(absl::StripAsciiWhitespace(ready->body)), .metrics = ""};
  if (const auto metrics = client.Get("/metrics"); metrics && metrics->status == 200) {
    answer.metrics = metrics->body;
  }
  return answer;
}

void print_answer(const char* name, const std::string& address, int port,
                  const std::optional<Answer>& answer) {
  if (!answer) {
    fmt::print("{:<11} no answer at {}:{}\n", name, address, port);
    return;
  }
  fmt::print("{:<11} {} at {}:{}\n", name, printable_line(answer->readiness), address, port);
  print_samples(answer->metrics, "surgewatch_consumer_lag_records", "lag, records");
  print_samples(answer->metrics, "surgewatch_watermark_lag_seconds", "watermark behind, s");
  print_samples(answer->metrics, kJournalLag, "journal lag, records");
  print_samples(answer->metrics, "surgewatch_detector_watermark_lag_seconds",
                "watermark behind, s");
}

// True if the gateway answered with its alerts, or that it has not read them yet.
bool print_alerts(const std::string& address, int port) {
  httplib::Client client = client_for(address, port);
  const auto answer = client.Get("/api/v1/alerts?state=firing&limit=1000");
  if (answer && answer->status == 503) {
    fmt::print("the gateway has not read the alerts yet; ask again in a moment\n");
    return true;
  }
  if (!answer || answer->status != 200) return false;
  v1::ListAlertsResponse listed;
  google::protobuf::util::JsonParseOptions parsing;
  parsing.ignore_unknown_fields = true;  // a newer gateway's, and what gRPC does not have
  if (!google::protobuf::util::JsonStringToMessage(answer->body, &listed, parsing).ok()) {
    return false;
  }
  fmt::print("{} alerts in force\n", listed.alerts_size());
  for (const v1::Alert& alert : listed.alerts()) {
    fmt::print("    {}\n", alert_line(alert, colour_wanted()));
  }
  return true;
}

}  // namespace

absl::Status show_status(const StatusOptions& options) {
  config::Server server;
  if (!options.config.empty()) {
    SW_ASSIGN_OR_RETURN(const auto config, config::load(options.config, detect::rule_specs()));
    server = config->server;
  }
  const std::string& address = server.bind_address;
  const auto gateway = ask(address, server.gateway_http_port);
  print_answer("gateway", address, server.gateway_http_port, gateway);
  std::string silent;
  if (gateway && !samples(gateway->metrics, kJournalLag).empty()) {
    fmt::print("aggregator and detector are in the gateway's process\n");
  } else {
    for (const auto& [name, port] : {std::pair("aggregator", server.aggregator_http_port),
                                     std::pair("detector", server.detector_http_port)}) {
      const auto answer = ask(address, port);
      print_answer(name, address, port, answer);
      if (!answer && silent.empty()) silent = fmt::format("the {}, port {}", name, port);
    }
  }
  if (!gateway || !print_alerts(address, server.gateway_http_port)) {
    silent = fmt::format("the gateway, port {}", server.gateway_http_port);
  }
  if (silent.empty()) return absl::OkStatus();
  return unavailable("{} at {}, does not answer; is it running, and is that where it listens?{}",
                     silent, address,
                     options.config.empty() ? " --config FILE names other ports" : "");
}

}  // namespace surgewatch::services

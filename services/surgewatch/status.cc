#include "base/status.h"

#include <fmt/format.h>
#include <httplib.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "config/config.h"
#include "surgewatch/commands.h"

// `surgewatch status`: asks each service of the configuration over HTTP and prints what matters.

namespace surgewatch::services {
namespace {

constexpr int kTimeoutSeconds = 2;

struct Endpoint {
  const char* name;
  int port;
};

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
    fmt::print("    {:<28} {:<44} {:.10g}\n", title, sample.labels, sample.value);
  }
}

httplib::Client client_for(const std::string& address, int port) {
  httplib::Client client(address, port);
  client.set_connection_timeout(kTimeoutSeconds);
  client.set_read_timeout(kTimeoutSeconds);
  return client;
}

// True if the service answers.
bool print_service(const std::string& address, const Endpoint& endpoint) {
  httplib::Client client = client_for(address, endpoint.port);
  const auto ready = client.Get("/-/ready");
  if (!ready) {
    fmt::print("{:<11} no answer at {}:{}\n", endpoint.name, address, endpoint.port);
    return false;
  }
  fmt::print("{:<11} {} at {}:{}\n", endpoint.name,
             ready->status == 200 ? "ready" : "not ready: " + ready->body, address, endpoint.port);
  const auto metrics = client.Get("/metrics");
  if (!metrics || metrics->status != 200) return true;
  print_samples(metrics->body, "surgewatch_consumer_lag_records", "lag, records");
  print_samples(metrics->body, "surgewatch_watermark_lag_seconds", "watermark behind, s");
  print_samples(metrics->body, "surgewatch_journal_lag_records", "journal lag, records");
  print_samples(metrics->body, "surgewatch_detector_watermark_lag_seconds", "watermark behind, s");
  return true;
}

bool print_alerts(const std::string& address, int port) {
  httplib::Client client = client_for(address, port);
  const auto answer = client.Get("/api/v1/alerts?state=firing&limit=1000");
  if (answer && answer->status == 503) {
    fmt::print("the gateway has not read the alerts yet; ask again in a moment\n");
    return true;
  }
  if (!answer || answer->status != 200) return false;
  const auto body = nlohmann::json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object() || !body.contains("alerts")) return false;
  fmt::print("{} alerts in force\n", body["alerts"].size());
  for (const auto& alert : body["alerts"]) {
    std::string subject;
    for (const auto& [dimension, value] : alert["subject"].items()) {
      subject += fmt::format("{}={} ", dimension, value.get<std::string>());
    }
    fmt::print("    {:<18} {:<28} {}ratio {:.3f}\n", alert.value("severity", ""),
               alert.value("rule", ""), subject, alert.value("ratio", 0.0));
  }
  return true;
}

}  // namespace

absl::Status show_status(const StatusOptions& options) {
  SW_ASSIGN_OR_RETURN(const auto config, config::load(options.config));
  const config::Server& server = config->server;
  const bool gateway = print_service(server.bind_address, {"gateway", server.gateway_http_port});
  const bool aggregator =
      print_service(server.bind_address, {"aggregator", server.aggregator_http_port});
  const bool detector = print_service(server.bind_address, {"detector", server.detector_http_port});
  const bool alerts = gateway && print_alerts(server.bind_address, server.gateway_http_port);
  // `surgewatch run` has all three behind the gateway's port.
  if (!gateway || !alerts) {
    return unavailable("the gateway does not answer at {}:{}; is it running, and on this port?",
                       server.bind_address, server.gateway_http_port);
  }
  if (aggregator != detector) {
    return unavailable("the {} does not answer; is it running?",
                       aggregator ? "detector" : "aggregator");
  }
  return absl::OkStatus();
}

}  // namespace surgewatch::services

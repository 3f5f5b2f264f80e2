#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <filesystem>
#include <iterator>

#include "base/printable.h"
#include "base/proto_json.h"
#include "base/status.h"
#include "common/alert_line.h"
#include "common/kafka_start.h"
#include "common/short_names.h"
#include "config/config.h"
#include "detect/rules/table.h"
#include "footprint/footprint.h"
#include "kafka/client.h"
#include "kafka/topics.h"
#include "serve/grpc_server.h"
#include "surgewatch/commands.h"

namespace surgewatch::services {
namespace {

constexpr std::chrono::milliseconds kReconnect{1'000};

absl::StatusOr<v1::Severity> severity_named(const std::string& name) {
  if (name.empty()) return v1::SEVERITY_UNSPECIFIED;
  for (const v1::Severity severity :
       {v1::SEVERITY_INFO, v1::SEVERITY_WARNING, v1::SEVERITY_CRITICAL}) {
    if (short_name(severity) == name) return severity;
  }
  return invalid_argument("'{}' is no severity; it is info, warning or critical", name);
}

// The gateway is away, or has cut us off since what we write to takes nothing in.
bool passes(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

}  // namespace

std::string shared_file(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const fs::path installed = program.parent_path() / "../share/surgewatch" / name;
  if (fs::exists(installed, ignored)) return installed.lexically_normal().string();
  return std::string(SURGEWATCH_SOURCE_DIR "/deploy/") + name;
}

absl::Status validate(const std::vector<std::string>& files) {
  std::vector<std::string> problems;
  for (const std::string& file : files) {
    const auto config = config::load(file, detect::rule_specs());
    if (!config.ok()) {
      std::ranges::move(lines_of(config.status()), std::back_inserter(problems));
      continue;
    }
    const footprint::Footprint footprint = footprint::of(**config);
    const absl::Status possible = footprint::check(**config, footprint);
    if (!possible.ok()) {
      std::ranges::move(lines_of(possible), std::back_inserter(problems));
      continue;
    }
    fmt::print("{}: valid ({} series, {} rules, {}, {})\n", printable(file),
               (*config)->series.size(), (*config)->rules.size(), (*config)->ruleset_version,
               (*config)->reference->version);
    for (const std::string& line : footprint::table(**config, footprint)) {
      fmt::print("  {}\n", line);
    }
  }
  return problems.empty() ? absl::OkStatus() : status_of_lines(problems);
}

absl::Status create_topics(const TopicsOptions& options, const Stop& stop) {
  SW_ASSIGN_OR_RETURN(const auto config, config::load(options.config, detect::rule_specs()));
  SW_ASSIGN_OR_RETURN(const auto admin, kafka::Admin::create(client_options(config->kafka)));
  const auto timestamps_ahead = std::chrono::ceil<std::chrono::milliseconds>(
      std::chrono::microseconds(config->event_time.future_bound));
  const auto specs =
      kafka::Topics(config->kafka.topic_prefix).specs(options.partitions, timestamps_ahead);
  SW_RETURN_IF_ERROR(
      keep_trying(fmt::format("Kafka at {}", config->kafka.brokers), /*strict=*/true, stop,
                  [&] { return kafka::create_topics(admin.get(), specs, options.replication); }));
  for (const kafka::TopicSpec& spec : specs) {
    fmt::print("{} ({} partition{})\n", spec.name, spec.partitions,
               spec.partitions == 1 ? "" : "s");
  }
  return absl::OkStatus();
}

// Resumes by the last token after every break, so that nothing is missed and nothing shown twice. A
// topic that has become another one has no such place: then what stands is shown, and followed on.
absl::Status subscribe(const SubscribeOptions& options, const Stop& stop) {
  v1::SubscribeRequest request;
  for (const std::string& rule : options.rules) request.mutable_filter()->add_rules(rule);
  for (const std::string& region : options.regions) request.mutable_filter()->add_regions(region);
  SW_ASSIGN_OR_RETURN(const v1::Severity severity, severity_named(options.severity));
  request.mutable_filter()->set_min_severity(severity);
  request.set_resume_token(options.from);
  const bool colour = colour_wanted();
  bool connected = false;
  bool begins_anew = false;
  const auto print = [&](const v1::SubscribeResponse& response) {
    if (!has_json(response)) {
      fmt::print(stderr, "alert {} has a time that can't be written, and is not shown\n",
                 printable_word(response.alert().alert_id()));
      return;
    }
    fmt::print("{}\n", options.json ? to_json(response) : alert_line(response.alert(), colour));
    std::fflush(stdout);
  };
  const auto visit = [&](const v1::SubscribeResponse& response) {
    connected = true;
    request.set_resume_token(response.resume_token());
    if (response.has_alert()) print(response);
    return !stop.requested();
  };
  const auto list = [&]() -> absl::Status {
    SW_ASSIGN_OR_RETURN(*request.mutable_resume_token(),
                        serve::list(options.target, request.filter(), [&](const v1::Alert& alert) {
                          v1::SubscribeResponse listed;
                          *listed.mutable_alert() = alert;
                          print(listed);
                        }));
    begins_anew = false;
    return absl::OkStatus();
  };
  std::string said;
  while (!stop.requested()) {
    absl::Status status = begins_anew ? list() : absl::OkStatus();
    if (status.ok()) status = serve::subscribe(options.target, request, visit, &stop.flag());
    if (stop.requested() || status.ok()) break;
    // A token that was given to us is the caller's to replace.
    if (absl::IsOutOfRange(status) && connected) {
      begins_anew = true;
    } else if (!serve::is_loading(status) && !(passes(status) && connected)) {
      return status;
    }
    if (const std::string message = message_of(status); message != said) {
      fmt::print(stderr, "surgewatch: {}; {}\n", lines_of(status).front(),
                 begins_anew ? "showing what stands, then what comes" : "trying again");
      said = message;
    }
    stop.wait_for(kReconnect);
  }
  return absl::OkStatus();
}

}  // namespace surgewatch::services

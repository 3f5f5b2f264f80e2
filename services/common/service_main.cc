#include "common/service_main.h"

#include <google/protobuf/stubs/logging.h>
#include <spdlog/cfg/env.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <sstream>
#include <string>

#include "base/printable.h"
#include "base/status.h"
#include "common/log_format.h"
#include "config/text.h"
#include "footprint/footprint.h"

namespace surgewatch::services {
namespace {

// Kafka's own limits for such a name; a worker's number comes behind it.
std::string check_instance_id(const std::string& id) {
  constexpr std::size_t kMaxLength = 200;
  if (id.size() <= kMaxLength && config::consists_of(id, "._-")) return "";
  return fmt::format("must be letters, digits, '.', '_' and '-', at most {} of them", kMaxLength);
}

absl::Status run_program(const ServiceProgram& program, const std::string& config_path, bool strict,
                         const std::string& instance_id, const Stop& stop) {
  SW_ASSIGN_OR_RETURN(const auto config, footprint::load(config_path));
  telemetry::Telemetry telemetry(program.label, config->limits.label_sets_per_metric);
  std::unique_ptr<serve::HttpServer> server;
  if (program.http_port) {
    serve::HttpServer::Options options;
    options.bind_address = config->server.bind_address;
    options.port = program.http_port(*config);
    options.telemetry = &telemetry;
    if (program.answers) options.answers = program.answers(config);
    SW_ASSIGN_OR_RETURN(server, serve::HttpServer::start(options));
    spdlog::info("metrics and health at http://{}:{}/", options.bind_address, server->port());
  }
  const absl::Status status = program.run({config, &telemetry, &stop, strict, instance_id});
  if (server != nullptr) server->stop();
  return status;
}

}  // namespace

void set_up_logging(const std::string& name) {
  auto logger = spdlog::stderr_logger_mt(name);
  logger->set_formatter(log_format());
  spdlog::set_default_logger(std::move(logger));
  spdlog::cfg::load_env_levels();
  // What protobuf would say of an event that it can't read, the event's rejection says.
  google::protobuf::SetLogHandler(nullptr);
}

int report(const std::string& program, const absl::Status& status) {
  if (status.ok()) return kExitDone;
  fmt::print(stderr, "{}: {}\n", program, fmt::join(lines_of(status), "\n"));
  return kExitRefused;
}

int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out, err;
  const bool asked_for_help = app.exit(error, out, err) == 0;
  fmt::print("{}", out.str());
  std::istringstream text(err.str());
  for (std::string line; std::getline(text, line);)
    fmt::print(stderr, "{}\n", printable_line(line));
  return asked_for_help ? kExitDone : kExitUsage;
}

void add_instance_id(CLI::App* app, std::string* instance_id) {
  app->add_option("--instance-id", *instance_id,
                  "this process's name in its consumer group, which no other may have: restarted "
                  "under it, it goes on at once where it was killed")
      ->envname("SURGEWATCH_INSTANCE_ID")
      ->check(CLI::Validator(check_instance_id, "NAME"));
}

int service_main(int argc, char** argv, const ServiceProgram& program) {
  CLI::App app(program.description, program.name);
  std::string config_path;
  bool strict = false;
  std::string instance_id;
  app.add_option("--config", config_path, "configuration file (YAML)")->required();
  app.add_flag("--strict", strict, "end with exit code 1 instead of trying again");
  if (program.joins_a_group) add_instance_id(&app, &instance_id);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error);
  }
  set_up_logging(program.name);
  Stop stop;
  stop.watch_signals();
  return report(program.name, run_program(program, config_path, strict, instance_id, stop));
}

}  // namespace surgewatch::services

// What the service programs have in common: flags, logging, configuration, the HTTP server with
// metrics and health, signals, exit codes.
//
// Threads: called from main() before any other thread exists.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/stop.h"
#include "config/config.h"
#include "serve/http_server.h"
#include "telemetry/telemetry.h"

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace surgewatch::services {

inline constexpr int kExitDone = 0;
inline constexpr int kExitRefused = 1;  // the input or the system says no
inline constexpr int kExitUsage = 2;

// Logs go to stderr, one line each.
void set_up_logging(const std::string& name);

// Prints what is wrong, each problem of a status_of_lines() on a line of its own; what the exit
// code then is.
int report(const std::string& program, const absl::Status& status);
// The same of flags: the help if that was asked for, else what is wrong with them.
int report_usage(const CLI::App& app, const CLI::ParseError& error);

// The flag --instance-id, or the variable SURGEWATCH_INSTANCE_ID: the process's name in its
// consumer group (Consumer::Options).
void add_instance_id(CLI::App* app, std::string* instance_id);

struct ServiceContext {
  std::shared_ptr<const config::Config> config;
  telemetry::Telemetry* telemetry;
  const Stop* stop;
  bool strict;
  std::string instance_id;
};

struct ServiceProgram {
  std::string name;         // surgewatch-aggregator
  std::string label;        // aggregator
  std::string description;  // for --help
  // Serves /metrics and health on this port of the configuration; null if `run` brings its own
  // server.
  std::function<int(const config::Config&)> http_port;
  // What that server answers besides; null: nothing.
  std::function<serve::Answers(const std::shared_ptr<const config::Config>&)> answers;
  std::function<absl::Status(const ServiceContext&)> run;
  bool joins_a_group = false;  // takes --instance-id
};

// Parses flags (--config FILE, --strict, --instance-id NAME, --help), runs, and gives main()'s
// result.
int service_main(int argc, char** argv, const ServiceProgram& program);

}  // namespace surgewatch::services

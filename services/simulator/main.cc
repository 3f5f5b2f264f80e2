#include <CLI/CLI.hpp>

#include "common/service_main.h"
#include "simulator/simulate.h"

int main(int argc, char** argv) {
  using namespace surgewatch::services;
  SimulateOptions options;
  CLI::App app("Sends a scenario's invoices and shipments to Kafka, as producers would.",
               "surgewatch-simulator");
  app.add_option("--brokers", options.brokers, "host:port,…")->required();
  app.add_option("--topic-prefix", options.topic_prefix, "goes before every topic's name");
  app.add_option("--scenario", options.scenario, "what to send")->capture_default_str();
  app.add_option("--events", options.events, "how many documents")->capture_default_str();
  app.add_option("--seed", options.seed, "same seed, same events")->capture_default_str();
  app.add_option("--speed", options.speed, "event seconds a second; 0: as fast as it goes")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_flag("--quiet", options.quiet, "no progress");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error);
  }
  set_up_logging("surgewatch-simulator");
  Stop stop;
  stop.watch_signals();
  const absl::Status status = simulate(options, stop);
  return absl::IsCancelled(status) ? kExitDone : report("surgewatch-simulator", status);
}

#include "aggregator/aggregator.h"
#include "common/service_main.h"

int main(int argc, char** argv) {
  using namespace surgewatch;
  services::ServiceProgram program;
  program.name = "surgewatch-aggregator";
  program.label = "aggregator";
  program.description =
      "Reads invoices and shipments from Kafka and appends the panes of its sources to the "
      "journal.";
  program.http_port = [](const config::Config& config) {
    return config.server.aggregator_http_port;
  };
  program.run = [](const services::ServiceContext& context) {
    return services::Aggregator({context.config, context.telemetry, context.strict})
        .run(*context.stop);
  };
  return services::service_main(argc, argv, program);
}

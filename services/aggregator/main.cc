#include <memory>

#include "aggregator/aggregator.h"
#include "aggregator/live_query.h"
#include "aggregator/owned_source.h"
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
  const auto sources = std::make_shared<services::OwnedSourceList>();
  program.answers = [&](const auto& config) { return services::live_answers(config, sources); };
  program.joins_a_group = true;
  program.run = [&](const services::ServiceContext& context) {
    return services::Aggregator({.config = context.config,
                                 .telemetry = context.telemetry,
                                 .strict = context.strict,
                                 .instance_id = context.instance_id,
                                 .sources = sources})
        .run(*context.stop);
  };
  return services::service_main(argc, argv, program);
}

#include "common/service_main.h"
#include "detector/detector_service.h"

int main(int argc, char** argv) {
  using namespace surgewatch;
  services::ServiceProgram program;
  program.name = "surgewatch-detector";
  program.label = "detector";
  program.description = "Applies the journal to the rules and publishes alerts.";
  program.http_port = [](const config::Config& config) { return config.server.detector_http_port; };
  program.joins_a_group = true;
  program.run = [](const services::ServiceContext& context) {
    return services::DetectorService({.config = context.config,
                                      .telemetry = context.telemetry,
                                      .strict = context.strict,
                                      .instance_id = context.instance_id})
        .run(*context.stop);
  };
  return services::service_main(argc, argv, program);
}

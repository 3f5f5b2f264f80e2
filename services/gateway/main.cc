#include "base/status.h"
#include "common/service_main.h"
#include "gateway/gateway.h"

int main(int argc, char** argv) {
  using namespace surgewatch;
  services::ServiceProgram program;
  program.name = "surgewatch-gateway";
  program.label = "gateway";
  program.description = "Serves alerts and series over HTTP and gRPC, and the page.";
  program.run = [](const services::ServiceContext& context) -> absl::Status {
    services::Gateway gateway({context.config, context.telemetry, context.strict});
    SW_RETURN_IF_ERROR(gateway.start());
    return gateway.run(*context.stop);
  };
  return services::service_main(argc, argv, program);
}

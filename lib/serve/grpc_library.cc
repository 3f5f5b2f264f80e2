#include "serve/grpc_library.h"

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

namespace surgewatch::serve {

void prepare_grpc() {
  gpr_set_log_function([](gpr_log_func_args* args) {
    spdlog::debug("gRPC: {}:{}: {}", args->file, args->line, args->message);
  });
  // It counts who uses it, and shuts down behind the last.
  static const bool is_kept = [] {
    grpc_init();
    return true;
  }();
  (void)is_kept;
}

}  // namespace surgewatch::serve

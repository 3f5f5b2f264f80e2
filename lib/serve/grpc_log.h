// What gRPC would write to stderr by itself, servers and clients alike: it goes to the log, as
// debug. Errors that matter come back as statuses.
//
// Threads: any; once is enough.
#pragma once

namespace surgewatch::serve {

void route_grpc_log();

}  // namespace surgewatch::serve

// What this process asks of gRPC's library as a whole, servers and clients alike.
//
// What it would write to stderr by itself goes to the log, as debug: errors that matter come back
// as statuses. And it is never shut down: where a peer has stood still with much on its way, 1.51
// (Debian 12) joins a thread then that looks up every ten seconds, and so long a stop would take.
//
// Threads: any; once is enough.
#pragma once

namespace surgewatch::serve {

void prepare_grpc();

}  // namespace surgewatch::serve

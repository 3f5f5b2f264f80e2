// What both servers need to say about the address that they listen on.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace surgewatch::serve {

// "127.0.0.1:8080", "[::1]:8080".
std::string join_address(const std::string& host, int port);

// Tries what the server could not do, to learn why: FAILED_PRECONDITION naming address, reason and
// what to do. `what` is the server: "HTTP" or "gRPC".
absl::Status cannot_listen(const std::string& what, const std::string& host, int port);

}  // namespace surgewatch::serve

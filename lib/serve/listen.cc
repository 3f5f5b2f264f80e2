#include "serve/listen.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/status.h"

namespace surgewatch::serve {
namespace {

// Why a socket can't be bound there; empty if it can.
std::string reason_not_to_listen(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int looked_up = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (looked_up != 0) return gai_strerror(looked_up);
  std::string reason;
  const int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
  if (fd < 0) {
    reason = std::generic_category().message(errno);
  } else {
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd, 1) != 0) {
      reason = std::generic_category().message(errno);
    }
    close(fd);
  }
  freeaddrinfo(found);
  return reason;
}

}  // namespace

std::string join_address(const std::string& host, int port) {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

absl::Status cannot_listen(const std::string& what, const std::string& host, int port) {
  std::string reason = reason_not_to_listen(host, port);
  if (reason.empty()) reason = "the port was taken a moment ago";
  return failed_precondition(
      "{} cannot listen on {}: {}; end what holds the port, or choose another (0 takes a free one)",
      what, join_address(host, port), reason);
}

}  // namespace surgewatch::serve

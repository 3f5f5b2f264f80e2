// Whom a connection counts for where limits are by peer.
#pragma once

#include <string>
#include <string_view>

namespace surgewatch::serve {

// The peer that a numeric address counts as: IPv6 by its /64, which one customer has to himself,
// IPv4 in IPv6 as IPv4. Text that is no address (the path of a socket) is its own peer.
std::string peer_of(std::string_view address);

}  // namespace surgewatch::serve

#include "serve/peer.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/check.h"

namespace surgewatch::serve {

std::string peer_of(std::string_view address) {
  // An address of this link names its interface too: fe80::1%eth0.
  const std::string numeric(address.substr(0, address.find('%')));
  in6_addr v6{};
  if (inet_pton(AF_INET6, numeric.c_str(), &v6) != 1) return std::string(address);
  char text[INET6_ADDRSTRLEN];
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    return inet_ntop(AF_INET, &v6.s6_addr[12], text, sizeof text);
  }
  std::fill(std::begin(v6.s6_addr) + 8, std::end(v6.s6_addr), 0);
  return std::string(inet_ntop(AF_INET6, &v6, text, sizeof text)) + "/64";
}

std::string peer_of_uri(std::string_view uri) {
  constexpr std::string_view kIPv4 = "ipv4:";
  constexpr std::string_view kIPv6 = "ipv6:%5B";
  const auto between = [uri](std::size_t begin, std::string_view end) {
    const std::string_view rest = uri.substr(begin);
    return rest.substr(0, rest.rfind(end));
  };
  if (uri.starts_with(kIPv4)) return peer_of(between(kIPv4.size(), ":"));
  if (uri.starts_with(kIPv6)) return peer_of(between(kIPv6.size(), "%5D:"));
  return std::string(uri);
}

PeerSlots::Admission PeerSlots::take(const std::string& peer) {
  const auto found = taken_by_.find(peer);
  if ((found == taken_by_.end() ? 0 : found->second) >= slots_per_peer_) {
    return Admission::kFullOfPeer;
  }
  if (taken_ >= slots_) return Admission::kFull;
  ++taken_by_[peer];
  ++taken_;
  return Admission::kAdmitted;
}

void PeerSlots::give_back(const std::string& peer) {
  const auto found = taken_by_.find(peer);
  SW_CHECK(found != taken_by_.end());
  if (--found->second == 0) taken_by_.erase(found);
  --taken_;
}

}  // namespace surgewatch::serve

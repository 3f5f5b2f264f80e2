// Limits by peer: whom a connection counts for, and how many places its peer has.
#pragma once

#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace surgewatch::serve {

// The peer that a numeric address counts as: IPv6 by its /64, which one customer has to himself,
// IPv4 in IPv6 as IPv4. Text that is no address (the path of a socket) is its own peer.
std::string peer_of(std::string_view address);
// Of one as gRPC names it: ipv4:127.0.0.1:4711, ipv6:%5B::1%5D:4711, unix:/path.
std::string peer_of_uri(std::string_view uri);

// Places that are limited in all and by peer, so that no peer can take all of them.
//
// Threads: one at a time.
class PeerSlots {
 public:
  PeerSlots(int slots, int slots_per_peer) : slots_(slots), slots_per_peer_(slots_per_peer) {}

  enum class Admission { kAdmitted, kFull, kFullOfPeer };
  Admission take(const std::string& peer);
  // Once for each that was admitted.
  void give_back(const std::string& peer);

 private:
  const int slots_;
  const int slots_per_peer_;
  int taken_ = 0;
  absl::flat_hash_map<std::string, int> taken_by_;
};

}  // namespace surgewatch::serve

// Who is connected, by peer, and which connection goes when there are too many.
//
// It is always one that has kept us waiting longest, of that peer or, in all, of the peer that has
// most: a client that says what it wants is served though others hold every place. Refusing the new
// one would let slow clients shut out a probe that shares their address, as all do behind a proxy.
//
// Threads: one. Cost of a full table: a look at every connection of a peer, and at every peer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace surgewatch::serve {

class HttpConnection;

// A connection's to write, the table's to read.
struct Standing {
  std::chrono::steady_clock::time_point waiting_since;
  bool is_served = false;   // it waits for us, and not we for its client
  bool has_unsent = false;  // it waits for its client to take an answer
};

class ConnectionTable {
 public:
  using Connection = std::shared_ptr<HttpConnection>;

  ConnectionTable(int connections, int connections_per_peer)
      : connections_(static_cast<std::size_t>(connections)),
        connections_per_peer_(static_cast<std::size_t>(connections_per_peer)) {}

  enum class Full { kNo, kOfPeer, kInAll };
  struct Place {
    Full full = Full::kNo;
    Connection displaced;  // has to go before another of this peer is added
  };
  Place place_for(const std::string& peer) const;
  // Null if there is none.
  Connection longest_waiting() const;
  // The one whose answer has waited longest to be taken, if that was not later than `before`.
  Connection longest_unsent(std::chrono::steady_clock::time_point before) const;

  // `standing` lives as long as the connection.
  void add(std::uint64_t id, Connection connection, const Standing* standing, std::string peer);
  // It stays until it is removed, and counts no more: it is bounded by something else.
  void exempt(std::uint64_t id);
  void remove(std::uint64_t id);

  Connection find(std::uint64_t id) const;
  const std::string& peer(std::uint64_t id) const { return entries_.at(id).peer; }
  bool is_exempt(std::uint64_t id) const { return entries_.at(id).is_exempt; }
  std::vector<Connection> all() const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Connection connection;
    const Standing* standing = nullptr;
    std::string peer;
    bool is_exempt = false;
  };
  using Ids = std::vector<std::uint64_t>;

  Connection longest_waiting(const Ids& ids) const;

  const std::size_t connections_;
  const std::size_t connections_per_peer_;
  std::size_t counted_ = 0;
  absl::flat_hash_map<std::uint64_t, Entry> entries_;
  absl::flat_hash_map<std::string, Ids> by_peer_;  // those that count; never empty
};

}  // namespace surgewatch::serve

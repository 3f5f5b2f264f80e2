// Who is connected, by peer: what the limits of connections, queries and streams count, and which
// connection goes when there are too many.
//
// It is always one that has kept us waiting longest, of that peer or, in all, of the peer that has
// most: a client that says what it wants is served though others hold every place. Refusing the new
// one would let slow clients shut out a probe that shares their address, as all do behind a proxy.
//
// Threads: one. Cost of a full table: a look at every connection of a peer, and at every peer.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "serve/http_connection.h"

namespace surgewatch::serve {

// The peer that an address counts as: IPv6 by its /64, IPv4 in IPv6 as IPv4.
std::string peer_of(const boost::asio::ip::address& address);

class ConnectionTable {
 public:
  using Connection = std::shared_ptr<HttpConnection>;

  explicit ConnectionTable(const HttpLimits& limits) : limits_(limits) {}

  struct Displaced {
    Connection connection;
    HttpConnection::Cut why;
  };
  // The one that has to go before another of this peer is added.
  std::optional<Displaced> displaced_by(const std::string& peer) const;
  // The one that has kept us waiting longest; null if there is none.
  Connection longest_waiting() const;

  void add(Connection connection, std::string peer);
  void remove(std::uint64_t id);
  Connection find(std::uint64_t id) const;
  std::vector<Connection> all() const;
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }

  // Takes a place, if there is one; given back by end_…() or, for a stream, by remove().
  enum class Admission { kAdmitted, kFull, kFullOfPeer };
  Admission begin_query(const std::string& peer);
  void end_query(const std::string& peer);
  int queries() const { return queries_; }
  Admission begin_stream(std::uint64_t id);
  bool is_stream(std::uint64_t id) const { return entries_.at(id).is_stream; }
  const std::string& peer(std::uint64_t id) const { return entries_.at(id).peer; }

 private:
  struct Entry {
    Connection connection;
    std::string peer;
    bool is_stream = false;
  };
  struct Peer {
    std::vector<HttpConnection*> connections;  // streams are not among them
    int queries = 0;
    int streams = 0;
  };

  void forget_if_idle(const std::string& peer);
  void leave(Entry& entry);
  const Peer* largest_peer() const;
  Connection longest_waiting(const Peer& peer) const;

  const HttpLimits& limits_;
  absl::flat_hash_map<std::uint64_t, Entry> entries_;
  absl::flat_hash_map<std::string, Peer> peers_;
  int streams_ = 0;
  int queries_ = 0;
};

}  // namespace surgewatch::serve

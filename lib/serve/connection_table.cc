#include "serve/connection_table.h"

#include <algorithm>
#include <utility>

namespace surgewatch::serve {

std::string peer_of(const boost::asio::ip::address& address) {
  if (address.is_v4()) return address.to_string();
  const boost::asio::ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6).to_string();
  }
  boost::asio::ip::address_v6::bytes_type bytes = v6.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return boost::asio::ip::address_v6(bytes).to_string() + "/64";
}

std::optional<ConnectionTable::Displaced> ConnectionTable::displaced_by(
    const std::string& peer) const {
  const auto is_full = [](std::size_t count, int limit) {
    return count >= static_cast<std::size_t>(limit);
  };
  const auto found = peers_.find(peer);
  if (found != peers_.end() &&
      is_full(found->second.connections.size(), limits_.connections_per_peer)) {
    return Displaced{longest_waiting(found->second), HttpConnection::Cut::kPeerLimit};
  }
  if (is_full(entries_.size() - static_cast<std::size_t>(streams_), limits_.connections)) {
    return Displaced{longest_waiting(), HttpConnection::Cut::kTotalLimit};
  }
  return std::nullopt;
}

ConnectionTable::Connection ConnectionTable::longest_waiting() const {
  const Peer* largest = largest_peer();
  return largest == nullptr ? nullptr : longest_waiting(*largest);
}

const ConnectionTable::Peer* ConnectionTable::largest_peer() const {
  const Peer* largest = nullptr;
  for (const auto& [name, peer] : peers_) {
    if (!peer.connections.empty() &&
        (largest == nullptr || peer.connections.size() > largest->connections.size())) {
      largest = &peer;
    }
  }
  return largest;
}

// One that waits for us goes only where none waits for its client.
ConnectionTable::Connection ConnectionTable::longest_waiting(const Peer& peer) const {
  const auto* const longest =
      *std::ranges::min_element(peer.connections, {}, [](const HttpConnection* connection) {
        return std::pair(connection->is_served(), connection->waiting_since());
      });
  return find(longest->id());
}

void ConnectionTable::add(Connection connection, std::string peer) {
  peers_[peer].connections.push_back(connection.get());
  const std::uint64_t id = connection->id();
  entries_.emplace(id, Entry{std::move(connection), std::move(peer)});
}

void ConnectionTable::remove(std::uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  leave(found->second);
  entries_.erase(found);
}

// Gives back the place that it has as a connection or as a stream.
void ConnectionTable::leave(Entry& entry) {
  Peer& peer = peers_.at(entry.peer);
  if (entry.is_stream) {
    --peer.streams;
    --streams_;
  } else {
    std::erase(peer.connections, entry.connection.get());
  }
  forget_if_idle(entry.peer);
}

void ConnectionTable::forget_if_idle(const std::string& peer) {
  const auto found = peers_.find(peer);
  const Peer& of = found->second;
  if (of.connections.empty() && of.queries == 0 && of.streams == 0) peers_.erase(found);
}

ConnectionTable::Connection ConnectionTable::find(std::uint64_t id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second.connection;
}

std::vector<ConnectionTable::Connection> ConnectionTable::all() const {
  std::vector<Connection> connections;
  connections.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) connections.push_back(entry.connection);
  return connections;
}

ConnectionTable::Admission ConnectionTable::begin_query(const std::string& peer) {
  Peer& of = peers_[peer];
  if (of.queries >= limits_.queries_per_peer) return Admission::kFullOfPeer;
  if (queries_ >= limits_.queries) return Admission::kFull;
  ++of.queries;
  ++queries_;
  return Admission::kAdmitted;
}

void ConnectionTable::end_query(const std::string& peer) {
  --peers_.at(peer).queries;
  --queries_;
  forget_if_idle(peer);
}

ConnectionTable::Admission ConnectionTable::begin_stream(std::uint64_t id) {
  Entry& entry = entries_.at(id);
  Peer& peer = peers_.at(entry.peer);
  if (peer.streams >= limits_.streams_per_peer) return Admission::kFullOfPeer;
  if (streams_ >= limits_.streams) return Admission::kFull;
  std::erase(peer.connections, entry.connection.get());
  entry.is_stream = true;
  ++peer.streams;
  ++streams_;
  return Admission::kAdmitted;
}

}  // namespace surgewatch::serve

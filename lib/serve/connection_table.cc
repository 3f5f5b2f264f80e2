#include "serve/connection_table.h"

#include <algorithm>

namespace surgewatch::serve {

ConnectionTable::Place ConnectionTable::place_for(const std::string& peer) const {
  const auto found = by_peer_.find(peer);
  if (found != by_peer_.end() && found->second.size() >= connections_per_peer_) {
    return {Full::kOfPeer, longest_waiting(found->second)};
  }
  if (counted_ >= connections_) return {Full::kInAll, longest_waiting()};
  return {};
}

ConnectionTable::Connection ConnectionTable::longest_waiting() const {
  const auto largest =
      std::ranges::max_element(by_peer_, {}, [](const auto& peer) { return peer.second.size(); });
  return largest == by_peer_.end() ? nullptr : longest_waiting(largest->second);
}

// One that waits for us goes only where none waits for its client.
ConnectionTable::Connection ConnectionTable::longest_waiting(const Ids& ids) const {
  const std::uint64_t longest = *std::ranges::min_element(ids, {}, [&](std::uint64_t id) {
    const Standing& standing = *entries_.at(id).standing;
    return std::pair(standing.is_served, standing.waiting_since);
  });
  return find(longest);
}

ConnectionTable::Connection ConnectionTable::longest_unsent(
    std::chrono::steady_clock::time_point before) const {
  Connection longest;
  for (const auto& [id, entry] : entries_) {
    if (!entry.standing->has_unsent || entry.standing->waiting_since > before) continue;
    before = entry.standing->waiting_since;
    longest = entry.connection;
  }
  return longest;
}

void ConnectionTable::add(std::uint64_t id, Connection connection, const Standing* standing,
                          std::string peer) {
  by_peer_[peer].push_back(id);
  ++counted_;
  entries_.emplace(id, Entry{std::move(connection), standing, std::move(peer)});
}

void ConnectionTable::exempt(std::uint64_t id) {
  Entry& entry = entries_.at(id);
  if (std::exchange(entry.is_exempt, true)) return;
  const auto found = by_peer_.find(entry.peer);
  std::erase(found->second, id);
  if (found->second.empty()) by_peer_.erase(found);
  --counted_;
}

void ConnectionTable::remove(std::uint64_t id) {
  exempt(id);
  entries_.erase(id);
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

}  // namespace surgewatch::serve

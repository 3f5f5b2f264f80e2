// A source: one partition of one input topic. Watermarks, lateness, duplicates and panes are
// functions of a prefix of one source.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace surgewatch {

enum class Topic : std::uint8_t { kInvoices, kShipments };

inline constexpr std::string_view topic_name(Topic topic) {
  return topic == Topic::kInvoices ? "invoices" : "shipments";
}
inline constexpr std::optional<Topic> topic_from_name(std::string_view name) {
  for (const Topic topic : {Topic::kInvoices, Topic::kShipments}) {
    if (topic_name(topic) == name) return topic;
  }
  return std::nullopt;
}

struct SourceId {
  Topic topic = Topic::kInvoices;
  std::int32_t partition = 0;

  friend auto operator<=>(const SourceId&, const SourceId&) = default;
  template <typename H>
  friend H AbslHashValue(H hash, const SourceId& id) {
    return H::combine(std::move(hash), id.topic, id.partition);
  }
};

}  // namespace surgewatch

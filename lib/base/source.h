// A source: one partition of one input topic. Watermarks, lateness, duplicates and panes are
// functions of a prefix of one source. What the two partitions of one number say of one another, of
// the orders in them, is said in the name of a third: their pair.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace surgewatch {

// kOrders is no topic of Kafka: it is what invoices and shipments of one number make together. Nor
// is kRules, which no source has: it is what rules find, inside a detector.
enum class Topic : std::uint8_t { kInvoices, kShipments, kOrders, kRules };
inline constexpr std::array kInputTopics{Topic::kInvoices, Topic::kShipments};

inline constexpr std::string_view topic_name(Topic topic) {
  constexpr std::array<std::string_view, 4> kNames{"invoices", "shipments", "orders", "rules"};
  return kNames[static_cast<std::size_t>(topic)];
}
// Of those that sources have.
inline constexpr std::optional<Topic> topic_from_name(std::string_view name) {
  for (const Topic topic : {Topic::kInvoices, Topic::kShipments, Topic::kOrders}) {
    if (topic_name(topic) == name) return topic;
  }
  return std::nullopt;
}
inline constexpr std::optional<Topic> input_topic_from_name(std::string_view name) {
  const std::optional<Topic> topic = topic_from_name(name);
  return topic == Topic::kOrders ? std::nullopt : topic;
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

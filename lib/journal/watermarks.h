// How far each source has come in event time, and how far event time is for who looks at several.
//
// A source is one partition. Those that the topology names and those that somebody speaks of count;
// a source without a watermark holds back all who look at its topic. One that its owner has marked
// idle imposes no bound until it moves again: a mark that says so, or a watermark that grew, clears
// idleness. That holds within a topic and between topics: a topic all of whose sources are idle
// does not hold back a rule over two topics while the other moves. Only when all sources that
// somebody looks at are idle does the furthest of their watermarks stand.
//
// Invariants: a source's watermark never falls, and combined() never falls, even if a source that
// was thought idle comes back with less.
// Cost: O(sources) for each change.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "absl/container/btree_map.h"
#include "base/source.h"
#include "base/time.h"

namespace surgewatch::journal {

// The watermark of an input that has ended. Spans that the configuration allows can be added to it.
inline constexpr Micros kEndOfInput = INT64_MAX / 4;

// What somebody looks at: one topic, or both.
class Topics {
 public:
  static constexpr std::size_t kCount = 4;  // sets of them

  Topics(Topic topic) : bits_(bit(topic)) {}  // NOLINT(google-explicit-constructor): is one
  static Topics both() { return Topics(Topic::kInvoices) | Topic::kShipments; }
  // By a series of the topic: what is found in orders, and what rules find, is of both.
  static Topics read_by(Topic topic) {
    return topic == Topic::kOrders || topic == Topic::kRules ? both() : Topics(topic);
  }

  friend Topics operator|(Topics a, Topics b) { return Topics(a.bits_ | b.bits_); }
  bool has(Topic topic) const { return (bits_ & bit(topic)) != 0; }
  std::size_t index() const { return bits_; }
  static Topics of_index(std::size_t index) { return Topics(static_cast<unsigned>(index)); }

 private:
  explicit Topics(unsigned bits) : bits_(bits) {}
  static constexpr unsigned bit(Topic topic) { return 1U << static_cast<unsigned>(topic); }
  unsigned bits_;
};

class Watermarks {
 public:
  // Partitions 0 … partitions - 1 of the topic exist, and of others those that somebody speaks of.
  void set_partitions(Topic topic, std::int32_t partitions);
  // Somebody speaks of it.
  void add_source(SourceId source);

  // Ignored unless the watermark grew. `first`: the first that the source ever had, if that is
  // said.
  void advance(SourceId source, Micros watermark, std::optional<Micros> first = std::nullopt);
  void end(SourceId source) { advance(source, kEndOfInput); }
  void mark_idle(SourceId source, bool idle);

  // The watermark of who looks at these topics: what ends by it may close. It is the word of those
  // sources alone that were not idle when it rose; what the others bring from before it amends.
  // nullopt while nothing is known.
  std::optional<Micros> combined(Topics topics) const { return combined_[topics.index()]; }

  // The first watermark that any source of these topics has had: what lies before it, by more than
  // the allowed lateness, was never taken in.
  std::optional<Micros> first(Topics topics) const;

  // The lowest over all sources that are not idle; nullopt if one of them has none yet, or none is
  // left.
  std::optional<Micros> lowest() const;

  // Takes the place of `other`: combined watermarks don't fall below its.
  void follow(const Watermarks& other);

 private:
  struct State {
    std::optional<Micros> watermark;
    std::optional<Micros> first;
    bool idle = false;
    bool is_spoken_of = false;
  };

  void update(Topic topic);
  std::optional<Micros> bound(Topics topics) const;

  absl::btree_map<SourceId, State> sources_;
  std::array<std::optional<Micros>, Topics::kCount> combined_;
};

}  // namespace surgewatch::journal

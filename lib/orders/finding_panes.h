// The panes of the findings series of a pair: what holds now, summed by rule, key and pane, as
// absolute values. Few orders say anything, so this is a table and no ring: a pane is kept as long
// as an open order has documents that are as old.
//
// A finding counts with each of its parts, at the part's time; the order itself counts once, with
// the first. Keys beyond limits.keys_per_series count under `other` in each dimension.
//
// Threads: one, under the owner's lock. Cost: a hash look-up or two for each part.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/node_hash_map.h"
#include "base/measures.h"
#include "config/config.h"
#include "observe/reference_index.h"
#include "orders/finding.h"

namespace surgewatch::orders {

// A pane as it stands.
struct FindingPane {
  std::size_t series = 0;        // index into Config::series
  std::vector<std::string> key;  // in the order of the series' group_by
  PaneIndex pane = 0;
  WideMeasures values;  // documents are orders
};

// The values of a part's dimensions, in the order of a findings series' group_by
// (config::kFindingDimensions); ZZ for a country and nothing for a party that is not there.
std::vector<std::string> key_of(const FindingKey& key, const Part& part,
                                const observe::ReferenceIndex& index);

class FindingPanes {
 public:
  FindingPanes(const config::Config& config, const observe::ReferenceIndex& index);

  void add(std::span<const Finding> findings) { move(findings, 1); }
  void remove(std::span<const Finding> findings) { move(findings, -1); }
  // These stand as they are: their order is not looked at any more.
  void settle(std::span<const Finding> findings);
  // No open order, and none that will come, has a document before it.
  void forget_before(Micros time);

  // Appends the panes that have changed since the last call.
  void collect(std::vector<FindingPane>* out);

  std::size_t changed() const { return changed_.size(); }
  std::size_t size() const { return panes_.size(); }
  // Parts that were counted under `other`.
  std::uint64_t over_key_limit() const { return over_key_limit_; }

 private:
  struct Key {
    std::size_t series = 0;
    std::vector<std::string> values;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H hash, const Key& key) {
      return H::combine(std::move(hash), key.series, key.values);
    }
  };
  struct Place {
    Key key;
    PaneIndex pane = 0;
    friend bool operator==(const Place&, const Place&) = default;
    template <typename H>
    friend H AbslHashValue(H hash, const Place& place) {
      return H::combine(std::move(hash), place.key, place.pane);
    }
  };
  struct Pane {
    WideMeasures values;
    bool has_changed = false;
  };
  // As which a key counts, as long as parts of open orders have it.
  struct Standing {
    std::uint64_t parts = 0;
    bool is_other = false;
  };
  using Panes = absl::node_hash_map<Place, Pane>;

  void move(std::span<const Finding> findings, int sign);
  template <typename Visitor>
  void visit(const Finding& finding, Visitor&& visitor);

  const config::Config& config_;
  const observe::ReferenceIndex& index_;
  std::vector<std::size_t> series_by_rule_;
  std::vector<std::size_t> keys_by_series_;  // that count as themselves
  absl::node_hash_map<Key, Standing> keys_;
  Panes panes_;
  std::vector<Place> changed_;
  std::uint64_t over_key_limit_ = 0;
};

}  // namespace surgewatch::orders

// The findings of one series that a pair has named and that hold, by time: who they are is what an
// alert shows; what they add up to is in the panes.
//
// Limits: kMaxFindings; beyond them the oldest go unnamed.
//
// Threads: one. Cost: O(log findings) for each that changes, and what a span holds to visit it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/time.h"

namespace surgewatch::journal {

// Of a finding's documents, at most.
inline constexpr int kMaxDocumentsNamed = 16;

struct OrderFinding {
  Micros first_time = 0;
  std::string order_id;
  std::vector<std::string> key;  // values of the series' dimensions
  std::string kind;
  std::int64_t units = 0, chips = 0;
  std::vector<std::string> documents;

  friend auto operator<=>(const OrderFinding&, const OrderFinding&) = default;
};

class FindingLog {
 public:
  static constexpr std::size_t kMaxFindings = 100'000;

  // It holds, as it is now.
  void put(OrderFinding finding) {
    Name name = name_of(finding);
    findings_.insert_or_assign(std::move(name), std::move(finding));
    if (findings_.size() > kMaxFindings) findings_.erase(findings_.begin());
  }
  // One of this time, order, key and kind does not.
  void erase(const OrderFinding& finding) { findings_.erase(name_of(finding)); }

  // Those whose first part lies in [from, to).
  template <typename Visitor>
  void visit(Micros from, Micros to, Visitor&& visitor) const {
    for (auto it = findings_.lower_bound(Name{from, {}, {}, {}});
         it != findings_.end() && std::get<0>(it->first) < to; ++it) {
      visitor(it->second);
    }
  }
  void forget_before(Micros time) {
    findings_.erase(findings_.begin(), findings_.lower_bound(Name{time, {}, {}, {}}));
  }
  std::size_t size() const { return findings_.size(); }

 private:
  using Name = std::tuple<Micros, std::string, std::vector<std::string>, std::string>;
  static Name name_of(const OrderFinding& finding) {
    return {finding.first_time, finding.order_id, finding.key, finding.kind};
  }

  absl::btree_map<Name, OrderFinding> findings_;
};

}  // namespace surgewatch::journal

// A pair: partition p of the invoices and partition p of the shipments, in which orders are whole.
// What their documents say of one another becomes the panes of the findings series, and findings by
// name.
//
//   invoices p  ──┐ documents that count            ┌──► panes of findings series
//                 ├──► OrderTable ──► Findings ──────┤    (absolute values)
//   shipments p ──┘ watermarks                      └──► findings, as they begin, change and end
//
// The watermark of a pair is the lesser of the two; one of a topic that has fallen idle does not
// hold it back.
//
// Threads: one writer calls what changes it; collect(), pending() and stats() may be called by one
// other thread at any time. The lock between them is taken where an order says something new, never
// for a document alone. Invariants: what has been collected reflects all that was put before.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "orders/finding_panes.h"
#include "orders/order_table.h"

namespace surgewatch::orders {

// A finding as others are told of it.
struct NamedFinding {
  // What it is known by: rule, order, and the time of its first document where an order id is used
  // again after long; then its key.
  struct Name {
    std::size_t rule = 0;  // index into Config::rules
    std::string order_id;
    std::string bill_to, declared, destination, sku, kind;  // empty where there is none
    Micros first_time = 0;

    friend auto operator<=>(const Name&, const Name&) = default;
  };
  Name name;
  bool holds = false;  // false: not any more, and the rest means nothing
  std::int64_t units = 0, chips = 0;
  std::vector<std::string> key;        // of its first part, as the series has it
  std::vector<std::string> documents;  // in order, at most kMaxDocumentsNamed
};

class Pair : private OrderTable::Listener {
 public:
  struct Collected {
    std::vector<FindingPane> panes;
    std::vector<NamedFinding> findings;
  };
  struct Stats {
    OrderTable::Stats orders;
    std::uint64_t over_key_limit = 0;
  };

  // Whether a rule of the configuration looks into orders.
  static bool is_needed(const config::Config& config);

  explicit Pair(std::shared_ptr<const config::Config> config);
  ~Pair() override = default;

  // Whether documents that are put should bring their serial numbers.
  Serials serials() const { return serials_; }

  // ---- The writer's.
  // As OrderTable's.
  void put(std::string_view order_id, const Document& document, bool is_new) {
    table_.put(order_id, document, is_new);
  }
  void take_out(Topic topic, std::string_view id) { table_.take_out(topic, id); }
  void look_ahead(std::string_view order_id, Topic topic, std::string_view id,
                  OrderTable::Ahead step) const {
    table_.look_ahead(order_id, topic, id, step);
  }
  // No document of the topic before it will come.
  void advance(Topic topic, Micros watermark);
  // Nothing is expected of the topic for now, or again.
  void set_idle(Topic topic, bool is_idle);
  // What stats() says from now on.
  void publish_stats();

  // ---- Any thread's, of one.
  // As they were published last.
  Stats stats() const;
  // What has changed since the last call.
  void collect(Collected* out);
  // So much waits to be collected.
  std::size_t pending() const;

 private:
  void changed(std::string_view order_id, std::span<const Finding> ended,
               std::span<const Finding> begun) override;
  void forgotten(std::span<const Finding> findings) override;
  void nothing_before(Micros time) override;
  void advance();
  NamedFinding named(std::string_view order_id, const Finding& finding) const;
  void say(NamedFinding finding);

  struct Half {
    std::optional<Micros> watermark;
    bool is_idle = false;
  };

  const std::shared_ptr<const config::Config> config_;
  const observe::ReferenceIndex index_;
  const std::vector<std::unique_ptr<Finder>> finders_;
  const Serials serials_;
  OrderTable table_;
  std::array<Half, 2> halves_;  // by Topic

  // Not absl::Mutex: ThreadSanitizer can't see through Debian's build of that. Guards all below.
  mutable std::mutex mutex_;
  FindingPanes panes_;
  // The newest word on each that has changed.
  std::map<NamedFinding::Name, NamedFinding> findings_;
  Stats stats_;
};

}  // namespace surgewatch::orders

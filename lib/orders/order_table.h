// The open orders of a pair of partitions: of each the documents as they stand, the newest revision
// of each, cancelled ones out. Whoever finds something in an order is told of it whenever the
// documents, or how far time has come, change what it says.
//
//   put, take_out ──► documents of the order ──► finders ──► before and after ──► Listener
//   advance       ──► orders that waited for this time  ──┘
//
// What is found is a function of the documents and the watermark: the order of the calls, as long
// as each topic's is kept, changes nothing of what holds in the end.
//
// Which documents belong together: those of one order id of which each is no more than the
// correction horizon from the next. An order is forgotten when nothing can reach it any more.
//
// Limits: the documents of one topic of an order take at most kHalfBytes, of those within a horizon
// of each other. One that would be more is left out, and counted; which it is is a function of its
// own topic. All orders take at most limits.order_memory, about: beyond it those with the oldest
// documents go before their time, and are counted.
//
// Threads: one.
// Cost: a document costs a look-up or two, and what finders take for the documents of its order.
// Some 230 bytes an order of an invoice and a shipment (measured: docs/performance.md).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "config/config.h"
#include "orders/finders.h"

namespace surgewatch::orders {

class OrderTable {
 public:
  static constexpr std::size_t kHalfBytes = std::size_t{16} * 1'024;

  class Listener {
   public:
    virtual ~Listener() = default;
    // Of what the order says, this has ended or changed, and this has begun or changed to. Sorted
    // by rule, key and time; views are good for the call.
    virtual void changed(std::string_view order_id, std::span<const Finding> ended,
                         std::span<const Finding> begun) = 0;
    // The order is not looked at any more; what it said stands.
    virtual void forgotten(std::span<const Finding> findings) = 0;
    // No open order has a document before it, nor will one.
    virtual void nothing_before(Micros time) = 0;
  };

  struct Stats {
    std::uint64_t orders = 0, documents = 0, bytes = 0;  // now
    std::uint64_t inconclusive = 0;                      // orders now
    std::uint64_t over_order_limit = 0;                  // documents left out
    std::uint64_t forgotten = 0;                         // orders, for want of memory
  };

  // All outlive the table.
  OrderTable(const config::Config& config, const observe::ReferenceIndex& index,
             std::span<const std::unique_ptr<Finder>> finders, Listener* listener);
  OrderTable(const OrderTable&) = delete;
  OrderTable& operator=(const OrderTable&) = delete;

  // The document counts: as a new one, although one of its id may be there that its source has
  // forgotten, or in place of its former revision.
  void put(std::string_view order_id, const Document& document, bool is_new);
  // It counts no more. Nothing happens if it is not known.
  void take_out(Topic topic, std::string_view id);
  // A document that may be put soon: asks for the memory that this will take. Each step says where
  // the next one's lies, so between them some other work should be done. Changes nothing.
  enum class Ahead : std::uint8_t { kTables, kOrder, kBytes };
  void look_ahead(std::string_view order_id, Topic topic, std::string_view id, Ahead step) const;
  // No document before it will come. Ignored unless it grew.
  void advance(Micros watermark);
  // The same for certain: a topic that is merely silent holds it back, so that orders whose other
  // half may still come are not forgotten.
  void forget_to(Micros watermark);

  Micros watermark() const { return watermark_; }
  Stats stats() const;

 private:
  using Number = std::uint32_t;  // of an order
  static constexpr Number kNone = UINT32_MAX;

  struct Order {
    std::unique_ptr<char[]> bytes;  // its id, then its documents, each with its length before it
    std::uint32_t size = 0;
    bool has_findings = false;
    bool is_inconclusive = false;
    Micros due = INT64_MAX;  // the watermark from which on more may hold
    // Where it stands in due_, maybe before its due: its place there counts, and no other.
    std::int64_t noted = INT64_MAX;
  };
  static std::string_view text_of(const Order& order) { return {order.bytes.get(), order.size}; }
  std::string_view id_of(Number number) const;

  // An order by its id: with 32 bits of the id's hash, so that neither growing nor most of what is
  // looked up in vain reads the order.
  struct Place {
    Number number;
    std::uint32_t tag;
  };
  struct Named {
    std::string_view id;
    std::uint32_t tag;
  };
  struct Guess {  // an order that has most likely the id
    std::uint32_t tag;
  };
  struct PlaceHash {
    using is_transparent = void;
    std::size_t operator()(const Guess& guess) const { return absl::HashOf(guess.tag); }
    std::size_t operator()(const Place& place) const { return absl::HashOf(place.tag); }
    std::size_t operator()(const Named& named) const { return absl::HashOf(named.tag); }
  };
  struct PlaceEqual {
    using is_transparent = void;
    const OrderTable* table;
    bool operator()(const Place& a, const Place& b) const { return a.number == b.number; }
    bool operator()(const Place& place, const Guess& guess) const { return place.tag == guess.tag; }
    bool operator()(const Place& place, const Named& named) const {
      return place.tag == named.tag && table->id_of(place.number) == named.id;
    }
    bool operator()(const Named& named, const Place& place) const { return (*this)(place, named); }
  };

  // Where documents are: by 32 bits of a hash of topic and id, which the order confirms; the few
  // that meet another's by all 64.
  class Whereabouts {
   public:
    Number find(std::uint64_t hash) const;  // of a candidate
    Number find_crowded(std::uint64_t hash) const;
    void insert(std::uint64_t hash, Number number);
    void erase(std::uint64_t hash, Number number);
    void prefetch(std::uint64_t hash) const;
    std::size_t bytes() const;

   private:
    static std::uint32_t tag_of(std::uint64_t hash) {
      return static_cast<std::uint32_t>(hash >> 32);
    }

    absl::flat_hash_map<std::uint32_t, Number> by_tag_;
    absl::flat_hash_map<std::uint64_t, Number> crowded_;
  };

  Number find_order_of(Topic topic, std::string_view id, std::uint64_t hash) const;
  // The bytes of the newest document of this topic and id; empty if there is none.
  static std::string_view find_in(std::string_view order, Topic topic, std::string_view id);
  static std::string_view find_documents(const Order& order);  // the bytes of all of them
  Number order_of(std::string_view order_id);
  bool has_room(Number number, const Document& document, std::size_t bytes,
                std::string_view replaced);
  void remove(Number number, Topic topic, std::string_view id, std::uint64_t hash);
  // Its documents without `removed`, which may be empty, and with `added` behind them.
  void rewrite(Number number, std::string_view removed, const std::string* added);
  void replace_bytes(Number number, std::string_view bytes);
  // What the order says, in views of its bytes.
  void evaluate(std::string_view text, Micros watermark, Findings* findings);
  void look_at(std::span<const Document> documents, Micros watermark, Findings* findings) const;
  // Tells the listener what has become of what the order said.
  void compare(Number number, bool had_findings, const Findings& before);
  void set_due(Number number, Micros due);
  void note(Number number);
  void look_again(Number number, Micros former_watermark);
  std::size_t bytes() const;
  void forget(Number number);
  void forget_before(Micros time);
  void make_room();
  static Micros newest_of(const Order& order);
  void read_documents(std::string_view text);

  const observe::ReferenceIndex& index_;
  const std::span<const std::unique_ptr<Finder>> finders_;
  Listener& listener_;
  const Micros gap_, kept_, lateness_;
  const std::size_t most_bytes_;

  std::deque<Order> orders_;  // by number
  std::vector<Number> free_;
  absl::flat_hash_set<Place, PlaceHash, PlaceEqual> by_id_;
  Whereabouts whereabouts_;
  // Orders to look at again, by the minute of their due. What becomes due later, or never, stays
  // where it was noted: it is passed over then, or noted anew.
  std::map<std::int64_t, std::vector<Number>> due_;
  Micros watermark_ = INT64_MIN, certain_watermark_ = INT64_MIN;
  Micros next_due_ = INT64_MIN;  // before it nothing in due_ is due
  Micros next_forgetting_ = INT64_MIN;
  Stats stats_;
  std::size_t block_bytes_ = 0;

  // Reused.
  std::vector<Document> documents_;
  std::size_t document_count_ = 0;
  Findings before_, after_;
  std::string scratch_, packed_;
};

}  // namespace surgewatch::orders

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
// of each other, beside their serial numbers. One that would be more is left out, and counted;
// which it is is a function of its own topic. Of serial numbers an order keeps at most kMaxSerials.
// All orders take at most limits.order_memory, about: beyond it those with the oldest documents go
// before their time, and are counted.
//
// Threads: one.
// Cost: a document costs a look-up or two, and what finders take for the documents of its order.
// Some 230 bytes an order of an invoice and a shipment (measured: docs/performance.md).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <queue>
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
    std::uint16_t room = 0;  // for as many bytes more
    bool has_findings = false;
    bool is_inconclusive = false;
    Micros due = INT64_MAX;  // the watermark from which on more may hold
    // By which time it is noted, maybe before its due: that note counts, and no other.
    Micros noted = INT64_MAX;
  };
  static std::string_view text_of(const Order& order) { return {order.bytes.get(), order.size}; }
  static std::size_t bytes_of(const Order& order) {
    constexpr std::size_t kOverhead = 16;  // what the allocator adds to a piece
    return order.size + order.room + kOverhead;
  }
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

  // Orders in spans of time. One to which many are given in turn costs no look-up.
  class Spans {
   public:
    explicit Spans(Micros length) : length_(length) {}

    Micros length() const { return length_; }
    bool empty() const { return by_begin_.empty(); }
    // Of the first span, which is not empty.
    Micros begin() const { return by_begin_.begin()->first; }
    Micros end() const { return begin() + length_; }
    Micros begin_of(Micros time) const;
    void push(Micros time, Number number);
    std::vector<Number> take_first();
    void clear();

   private:
    const Micros length_;
    std::map<Micros, std::vector<Number>> by_begin_;
    // The span that was given to last; null if it has been taken.
    Micros last_begin_ = 0;
    std::vector<Number>* last_ = nullptr;
  };

  // An order that is due within the span that time is in.
  struct Due {
    Micros time;
    Number number;
    friend bool operator>(const Due& a, const Due& b) { return a.time > b.time; }
  };

  Number find_order_of(Topic topic, std::string_view id, std::uint64_t hash) const;
  // The bytes of the newest document of this topic and id; empty if there is none.
  static std::string_view find_in(std::string_view order, Topic topic, std::string_view id);
  static std::string_view find_documents(const Order& order);  // the bytes of all of them
  // A new order of one document; its bytes are in packed_.
  Number begin_order(std::string_view order_id, std::uint32_t tag, const Document& document);
  bool has_room(Number number, const Document& document, std::size_t bytes,
                std::string_view replaced);
  std::unique_ptr<char[]> thin_serials(Number number);
  void remove(Number number, Topic topic, std::string_view id, std::uint64_t hash);
  // Its documents without `removed`, which may be empty, and with `added` behind them, if it is
  // not.
  void rewrite(Number number, std::string_view removed, std::string_view added);
  // Its bytes are these, one behind the other, with room for more.
  void replace_bytes(Number number, std::initializer_list<std::string_view> parts,
                     std::uint16_t room = 0);
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
  void forget_old();
  void tell_oldest();
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
  // Each number that is not free, once: by when its order's newest document was, or earlier.
  Spans by_age_;
  absl::flat_hash_set<Place, PlaceHash, PlaceEqual> by_id_;
  Whereabouts whereabouts_;
  // Orders to look at again: by the hour of their due, and those of hours that have begun by their
  // due. What becomes due later, or never, stays where it was noted: it is passed over then, or
  // noted anew.
  Spans due_later_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_soon_;
  Micros watermark_ = INT64_MIN, certain_watermark_ = INT64_MIN;
  Micros soon_end_ = INT64_MIN;  // of the hours that have begun
  Micros next_due_ = INT64_MAX;  // before it nothing is due
  Micros next_forgetting_ = INT64_MIN, next_telling_ = INT64_MIN;
  Stats stats_;
  std::size_t block_bytes_ = 0;

  // Reused.
  std::vector<Document> documents_;
  std::size_t document_count_ = 0;
  Findings before_, after_;
  std::string packed_;
};

}  // namespace surgewatch::orders

// From a hash to numbers of things elsewhere: an open-addressing table of atomics with one writer,
// which grows a little with each insertion and never stops it.
//
// Threads: the writer finds, inserts and erases; any thread reads. The writer never waits; readers
// are lock-free.
// Invariants
//   - An entry is one 64-bit word: 32 bits of the hash and the number. It is a hint: who finds it
//     looks at the thing itself. So a stale entry can cost a miss, never a wrong answer.
//   - Entries never move within a table. A probe passes over erased ones; an erased entry before an
//     empty one becomes empty, since no probe goes on beyond it.
//   - Growth builds another table aside, some entries with each insertion. Until it is whole,
//     readers and the writer look at the old one alone, which has all entries; the new one gets
//     what changes in the part already copied. Then it is published.
//   - A retired table keeps its addresses for ever; its pages go back to the system, by and by, and
//     read as zeros, that is as empty, from then on. It may be built anew later.
// Memory orders
//   - Entries are stored with release, after the thing has got its name, and loaded with acquire.
//   - A miss counts only if the table was the current one throughout: the new table's pointer and
//     then a generation are stored with release, and a reader that missed loads the generation
//     again. If it missed for what a table became after its retirement, it sees the new generation:
//     by the acquire of an entry of a later building; or, for an empty page, because the system
//     interrupts every thread of the process that may know the old page before it takes it away.
// Cost: 8 bytes an entry at a load of 1/2 to 25/32 (dense: the next table is a quarter larger), or
// of 1/4 to 17/32 (sparse: half as large again, for look-ups on the hot path); in pure growth the
// lower ends are 3/5 and 1/3. An insertion moves at most kStep entries. Two tables at once cost
// most: so HashIndex is several of them, which grow in turns.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "window/points.h"

namespace surgewatch::window {

class HashTable {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  // Numbers that can be kept are below it.
  static constexpr std::uint32_t kMaxNumber = UINT32_MAX - 2;

  enum class Load : std::uint8_t { kDense, kSparse };
  explicit HashTable(Load load = Load::kDense, std::size_t first_capacity = kFirstCapacity);
  ~HashTable();
  HashTable(const HashTable&) = delete;
  HashTable& operator=(const HashTable&) = delete;

  // Writer. The number with this hash for which matches(number) holds; kNone if there is none.
  template <typename Matches>
  std::uint32_t find(std::uint64_t hash, Matches&& matches) const {
    for (std::size_t at = home(hash, own_capacity_);; at = at + 1 == own_capacity_ ? 0 : at + 1) {
      const Entry entry = own_entries_[at].load(std::memory_order_relaxed);  // own store
      if (entry == kEmpty) return kNone;
      if (same_hash(entry, hash) && entry != kErased && matches(number_of(entry)))
        return number_of(entry);
    }
  }
  // Writer. A number with this hash, whatever it is of; kNone if there is none. Which of the first
  // two entries it is in nobody can predict, so that is no branch.
  std::uint32_t guess(std::uint64_t hash) const {
    const std::size_t at = home(hash, own_capacity_);
    const Entry first = own_entries_[at].load(std::memory_order_relaxed);  // own store
    const Entry second =
        own_entries_[at + 1 == own_capacity_ ? 0 : at + 1].load(std::memory_order_relaxed);
    const Entry entry = same_hash(first, hash) ? first : second;
    if (same_hash(entry, hash) && number_of(entry) < kMaxNumber) [[likely]]
      return number_of(entry);
    return find(hash, [](std::uint32_t) { return true; });
  }
  // Writer. Asks memory for what find() will look at first.
  void prefetch(std::uint64_t hash) const {
    __builtin_prefetch(&own_entries_[home(hash, own_capacity_)]);
  }
  // Writer. Requires that the number is not here.
  void insert(std::uint64_t hash, std::uint32_t number);
  // Writer. Requires that the number is here under this hash.
  void erase(std::uint64_t hash, std::uint32_t number);

  // Any thread. True as soon as visit(number) says so of a number with this hash; false if it was
  // so of none. A number may be visited more than once.
  template <typename Visit>
  bool read(std::uint64_t hash, Visit&& visit) const {
    while (true) {
      const std::uint64_t generation = generation_.load(std::memory_order_acquire);
      const Table* table = current_.load(std::memory_order_acquire);
      SW_WINDOW_POINT(kTableLoaded);
      // One round of the table at most: a table being built anew may be read with no empty entry
      // where the reader is.
      std::size_t at = table->home(hash);
      for (std::size_t step = 0; step < table->capacity; ++step, at = table->after(at)) {
        const Entry entry = table->entries[at].load(std::memory_order_acquire);
        if (entry == kEmpty) break;
        if (!same_hash(entry, hash) || entry == kErased) continue;
        SW_WINDOW_POINT(kEntryLoaded);
        if (visit(number_of(entry))) return true;
      }
      SW_WINDOW_POINT(kMissed);
      if (generation_.load(std::memory_order_acquire) == generation) return false;
    }
  }

  // Writer.
  std::size_t size() const { return live_; }
  // Memory in use: of the current table, of the one being built, and of a retired one that is on
  // its way out.
  std::size_t bytes() const;

  static constexpr std::size_t kFirstCapacity = 512;

 private:
  using Entry = std::uint64_t;
  static constexpr Entry kEmpty = 0;  // as pages come from the system
  static constexpr Entry kErased = UINT64_MAX;
  // Entries looked at, for copying, with each insertion while a table is being built.
  static constexpr std::size_t kStep = 32;

  struct Table {
    explicit Table(std::size_t entries);
    ~Table();
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    std::size_t home(std::uint64_t hash) const { return HashTable::home(hash, capacity); }
    std::size_t after(std::size_t at) const { return at + 1 == capacity ? 0 : at + 1; }
    std::size_t before(std::size_t at) const { return at == 0 ? capacity - 1 : at - 1; }

    const std::size_t capacity;
    std::atomic<Entry>* const entries;
    // The writer's, and not in the readers' line.
    alignas(64) std::size_t used = 0;  // live and erased
    std::size_t released = 0;          // bytes given back since it was retired
  };

  // By the upper half of the hash, as that is what an entry keeps.
  static std::size_t home(std::uint64_t hash, std::size_t capacity) {
    return (hash >> 32) * capacity >> 32;
  }
  static bool same_hash(Entry entry, std::uint64_t hash) { return (entry ^ hash) >> 32 == 0; }
  static std::uint32_t number_of(Entry entry) { return static_cast<std::uint32_t>(entry) - 1; }

  static std::size_t place(Table* table, Entry entry);
  static std::size_t remove(Table* table, Entry entry);
  void use(Table* table);
  void work();
  bool is_full() const;
  std::size_t next_capacity() const;
  void begin_building();
  void publish();
  void release_some();
  Table* empty_table(std::size_t capacity);

  // Written by the writer alone; see the memory orders above. In a line of their own, since the
  // writer's change with each insertion and readers want these with each look-up.
  alignas(64) std::atomic<const Table*> current_{nullptr};
  std::atomic<std::uint64_t> generation_{0};

  // The writer's.
  alignas(64) std::atomic<Entry>* own_entries_ = nullptr;  // those of own_, one look nearer
  std::size_t own_capacity_ = 0;
  const Load load_;
  Table* own_ = nullptr;        // = current_
  Table* building_ = nullptr;   // or none
  std::size_t copied_ = 0;      // entries of own_ below it are in building_
  Table* releasing_ = nullptr;  // retired, its pages not all given back
  std::size_t live_ = 0;
  std::vector<std::unique_ptr<Table>> tables_;  // all there ever were
};

// Hash tables that share the hashes among them, by their lowest bits, and differ in size: in growth
// one after the other builds its next table, so that only one or two at once have two of them.
//
// Threads, invariants, memory orders: of each as of one HashTable.
// Cost: in pure growth 12 to 15 bytes an entry when dense, where one table alone takes 10 to 24;
// 18 to 26 when sparse. Empty, some 5 KiB a part.
class HashIndex {
 public:
  using Load = HashTable::Load;
  static constexpr std::uint32_t kNone = HashTable::kNone;

  explicit HashIndex(Load load = Load::kDense)
      : parts_(make_parts(load, std::make_index_sequence<kParts>())) {}

  // As of HashTable.
  template <typename Matches>
  std::uint32_t find(std::uint64_t hash, Matches&& matches) const {
    return part(hash).find(hash, matches);
  }
  std::uint32_t guess(std::uint64_t hash) const { return part(hash).guess(hash); }
  void prefetch(std::uint64_t hash) const { part(hash).prefetch(hash); }
  void insert(std::uint64_t hash, std::uint32_t number) { part(hash).insert(hash, number); }
  void erase(std::uint64_t hash, std::uint32_t number) { part(hash).erase(hash, number); }
  template <typename Visit>
  bool read(std::uint64_t hash, Visit&& visit) const {
    return part(hash).read(hash, visit);
  }
  std::size_t size() const {
    std::size_t sum = 0;
    for (const HashTable& part : parts_) sum += part.size();
    return sum;
  }
  // Of an entry, however often others come and go; of none at all.
  static constexpr std::size_t bytes_per_entry(Load load) {
    // Every entry at the lowest load, and of a part or two the next table.
    return load == Load::kDense ? 20 : 40;
  }
  static constexpr std::size_t empty_bytes() { return kParts * HashTable::kFirstCapacity * 24; }
  std::size_t bytes() const {
    std::size_t sum = sizeof(*this);
    for (const HashTable& part : parts_) sum += part.bytes();
    return sum;
  }

 private:
  static constexpr std::size_t kParts = 8;  // a power of two

  // Evenly spread, in ratios, between a capacity and the next one.
  static std::size_t first_capacity(Load load, std::size_t part);
  template <std::size_t... kI>
  static std::array<HashTable, kParts> make_parts(Load load, std::index_sequence<kI...>) {
    return {HashTable(load, first_capacity(load, kI))...};
  }
  HashTable& part(std::uint64_t hash) { return parts_.data()[hash % kParts]; }
  const HashTable& part(std::uint64_t hash) const { return parts_.data()[hash % kParts]; }

  std::array<HashTable, kParts> parts_;
};

}  // namespace surgewatch::window

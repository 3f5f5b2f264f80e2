#include "window/pane_table.h"

#include <utility>

#include "window/points.h"

namespace surgewatch::window {
namespace {

constexpr std::size_t kMinCapacity = 64;
constexpr std::uint64_t kEmpty = 0;
constexpr std::uint64_t kErased = UINT64_MAX;

// Mixes all 96 bits of a tag into 64. Source: the finalizer of MurmurHash3, by A. Appleby.
std::uint64_t hash_of(SlotId slot, PaneIndex pane_index) {
  std::uint64_t h =
      static_cast<std::uint64_t>(pane_index) * 0x9e3779b97f4a7c15u + slot + 0x7f4a7c15u;
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdu;
  h ^= h >> 33;
  h *= 0xc4ceb9fe1a85ec53u;
  h ^= h >> 33;
  return h;
}

// Pane numbers stay below UINT32_MAX − 1, so that an entry is neither kEmpty nor kErased.
std::uint64_t entry_of(std::uint64_t hash, PaneRef pane) {
  return (hash & 0xffffffff00000000u) | (static_cast<std::uint64_t>(pane) + 1);
}
bool same_hash(std::uint64_t entry, std::uint64_t hash) { return (entry ^ hash) >> 32 == 0; }
PaneRef pane_of_entry(std::uint64_t entry) { return static_cast<PaneRef>(entry) - 1; }

}  // namespace

PaneTable::Table::Table(std::size_t capacity)
    : mask(capacity - 1), entries(std::make_unique<std::atomic<Entry>[]>(capacity)) {}

PaneTable::PaneTable(const PanePool* pool) : pool_(pool) {
  own_ = empty_table(kMinCapacity);
  current_.store(own_, std::memory_order_release);
}

PaneRef PaneTable::find(SlotId slot, PaneIndex pane_index) const {
  const std::uint64_t hash = hash_of(slot, pane_index);
  for (std::size_t at = hash & own_->mask;; at = (at + 1) & own_->mask) {
    const Entry entry = own_->entries[at].load(std::memory_order_relaxed);  // own store
    if (entry == kEmpty) return kNoPane;
    if (entry != kErased && same_hash(entry, hash)) {
      const PaneRef pane = pane_of_entry(entry);
      if ((*pool_)[pane].is(slot, pane_index)) return pane;
    }
  }
}

void PaneTable::insert(PaneRef pane) {
  if ((used_ + 1) * 4 > (own_->mask + 1) * 3) rebuild();
  const Pane& tagged = (*pool_)[pane];
  const std::uint64_t hash = hash_of(tagged.slot(), tagged.pane_index());
  std::size_t at = hash & own_->mask;
  while (true) {
    const Entry entry = own_->entries[at].load(std::memory_order_relaxed);  // own store
    if (entry == kEmpty || entry == kErased) {
      if (entry == kEmpty) ++used_;
      break;
    }
    at = (at + 1) & own_->mask;
  }
  own_->entries[at].store(entry_of(hash, pane), std::memory_order_release);
  ++live_;
}

void PaneTable::erase(PaneRef pane) {
  SW_WINDOW_POINT(kErasing);
  const Pane& tagged = (*pool_)[pane];
  const std::uint64_t hash = hash_of(tagged.slot(), tagged.pane_index());
  const Entry wanted = entry_of(hash, pane);
  std::size_t at = hash & own_->mask;
  while (own_->entries[at].load(std::memory_order_relaxed) != wanted) at = (at + 1) & own_->mask;
  --live_;
  const std::size_t next = (at + 1) & own_->mask;
  if (own_->entries[next].load(std::memory_order_relaxed) != kEmpty) {
    own_->entries[at].store(kErased, std::memory_order_release);
    return;
  }
  // Nothing follows: this entry, and the erased ones that lead to it, end no probe too early.
  do {
    own_->entries[at].store(kEmpty, std::memory_order_release);
    --used_;
    at = (at - 1) & own_->mask;
  } while (own_->entries[at].load(std::memory_order_relaxed) == kErased);
}

bool PaneTable::read(SlotId slot, PaneIndex pane_index, PaneSnapshot* snapshot) const {
  const std::uint64_t hash = hash_of(slot, pane_index);
  while (true) {
    const std::uint64_t generation = generation_.load(std::memory_order_acquire);
    const Table* table = current_.load(std::memory_order_acquire);
    SW_WINDOW_POINT(kTableLoaded);
    // One round of the table at most: a table being built anew may be read with no empty entry
    // where the reader is.
    for (std::size_t step = 0; step <= table->mask; ++step) {
      const Entry entry =
          table->entries[(hash + step) & table->mask].load(std::memory_order_acquire);
      if (entry == kEmpty) break;
      if (entry == kErased || !same_hash(entry, hash)) continue;
      SW_WINDOW_POINT(kEntryLoaded);
      pool_->read(pane_of_entry(entry), snapshot);
      if (snapshot->slot == slot && snapshot->pane_index == pane_index) return true;
    }
    SW_WINDOW_POINT(kMissed);
    if (generation_.load(std::memory_order_acquire) == generation) return false;
  }
}

void PaneTable::rebuild() {
  std::size_t capacity = own_->mask + 1;
  if (live_ * 2 > capacity) capacity *= 2;
  Table* table = empty_table(capacity);
  for (std::size_t i = 0; i <= own_->mask; ++i) {
    const Entry entry = own_->entries[i].load(std::memory_order_relaxed);
    if (entry == kEmpty || entry == kErased) continue;
    const Pane& tagged = (*pool_)[pane_of_entry(entry)];
    std::size_t at = hash_of(tagged.slot(), tagged.pane_index()) & table->mask;
    while (table->entries[at].load(std::memory_order_relaxed) != kEmpty)
      at = (at + 1) & table->mask;
    table->entries[at].store(entry, std::memory_order_release);
    SW_WINDOW_POINT(kFillingTable);
  }
  used_ = live_;
  own_ = table;
  current_.store(table, std::memory_order_release);
  SW_WINDOW_POINT(kTablePublished);
  generation_.store(generation_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

PaneTable::Table* PaneTable::empty_table(std::size_t capacity) {
  for (const auto& table : tables_) {
    if (table.get() == own_ || table->mask + 1 != capacity) continue;
    for (std::size_t i = 0; i < capacity; ++i) {
      table->entries[i].store(kEmpty, std::memory_order_release);
      SW_WINDOW_POINT(kEmptyingTable);
    }
    return table.get();
  }
  return tables_.emplace_back(std::make_unique<Table>(capacity)).get();
}

}  // namespace surgewatch::window

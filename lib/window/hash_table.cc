#include "window/hash_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "base/check.h"

namespace surgewatch::window {
namespace {

constexpr std::size_t kPage = 4'096;
// Capacities are multiples of it: a line of entries.
constexpr std::size_t kUnit = 8;
// Given back with one insertion: some microseconds.
constexpr std::size_t kReleaseStep = 16 * kPage;

}  // namespace

HashTable::Table::Table(std::size_t entries_)
    : capacity(entries_), entries([entries_] {
        void* pages = mmap(nullptr, entries_ * sizeof(Entry), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED) throw std::bad_alloc();
        return static_cast<std::atomic<Entry>*>(pages);
      }()) {
  static_assert(sizeof(std::atomic<Entry>) == sizeof(Entry));
}

HashTable::Table::~Table() { munmap(entries, capacity * sizeof(Entry)); }

HashTable::HashTable(Load load, std::size_t first_capacity) : load_(load) {
  use(empty_table(first_capacity));
}
HashTable::~HashTable() = default;

std::size_t HashTable::bytes() const {
  return (own_->capacity + (building_ != nullptr ? building_->capacity : 0)) * sizeof(Entry) +
         (releasing_ != nullptr ? releasing_->capacity * sizeof(Entry) - releasing_->released : 0);
}

// Building begins at a load of 3/4 or 1/2; kStep entries with each insertion end it a 32nd later.
bool HashTable::is_full() const {
  return (own_->used + 1) * 4 > own_->capacity * (load_ == Load::kDense ? 3 : 2);
}

// If most of what is used is live, the next table is larger; else as large: what was erased is left
// behind.
std::size_t HashTable::next_capacity() const {
  const std::size_t capacity = own_->capacity;
  const std::size_t eighths = load_ == Load::kDense ? 5 : 3;
  if (live_ * 8 <= capacity * eighths) return capacity;
  const std::size_t more = load_ == Load::kDense ? capacity / 4 : capacity / 2;
  return (capacity + more + kUnit - 1) / kUnit * kUnit;
}

void HashTable::insert(std::uint64_t hash, std::uint32_t number) {
  if (building_ != nullptr || releasing_ != nullptr) [[unlikely]]
    work();
  if (building_ == nullptr && is_full()) begin_building();
  const Entry entry = (hash >> 32 << 32) | (std::uint64_t{number} + 1);
  const std::size_t at = place(own_, entry);
  // Where copying has not been yet, it will find it.
  if (building_ != nullptr && at < copied_) place(building_, entry);
  ++live_;
}

void HashTable::erase(std::uint64_t hash, std::uint32_t number) {
  SW_WINDOW_POINT(kErasing);
  const Entry entry = (hash >> 32 << 32) | (std::uint64_t{number} + 1);
  const std::size_t at = remove(own_, entry);
  if (building_ != nullptr && at < copied_) remove(building_, entry);
  --live_;
}

std::size_t HashTable::place(Table* table, Entry entry) {
  std::size_t at = table->home(entry);
  while (true) {
    const Entry there = table->entries[at].load(std::memory_order_relaxed);  // own store
    if (there == kEmpty || there == kErased) {
      if (there == kEmpty) ++table->used;
      break;
    }
    at = table->after(at);
  }
  table->entries[at].store(entry, std::memory_order_release);
  return at;
}

std::size_t HashTable::remove(Table* table, Entry entry) {
  std::size_t at = table->home(entry);
  while (table->entries[at].load(std::memory_order_relaxed) != entry) at = table->after(at);
  const std::size_t found = at;
  if (table->entries[table->after(at)].load(std::memory_order_relaxed) != kEmpty) {
    table->entries[at].store(kErased, std::memory_order_release);
    return found;
  }
  // Nothing follows: this entry, and the erased ones that lead to it, end no probe too early.
  do {
    table->entries[at].store(kEmpty, std::memory_order_release);
    --table->used;
    at = table->before(at);
  } while (table->entries[at].load(std::memory_order_relaxed) == kErased);
  return found;
}

void HashTable::work() {
  if (releasing_ != nullptr) release_some();
  if (building_ == nullptr) return;
  const std::size_t end = std::min(copied_ + kStep, own_->capacity);
  for (; copied_ < end; ++copied_) {
    const Entry entry = own_->entries[copied_].load(std::memory_order_relaxed);  // own store
    if (entry == kEmpty || entry == kErased) continue;
    place(building_, entry);
    SW_WINDOW_POINT(kFillingTable);
  }
  if (copied_ == own_->capacity) publish();
}

void HashTable::begin_building() {
  // A table as large as the current one may still be on its way out.
  while (releasing_ != nullptr) release_some();
  building_ = empty_table(next_capacity());
  copied_ = 0;
}

void HashTable::publish() {
  Table* retired = own_;
  use(std::exchange(building_, nullptr));
  SW_WINDOW_POINT(kTablePublished);
  generation_.store(generation_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  retired->released = 0;
  releasing_ = retired;
}

void HashTable::release_some() {
  SW_WINDOW_POINT(kEmptyingTable);
  Table* table = releasing_;
  const std::size_t bytes = table->capacity * sizeof(Entry);
  const std::size_t step = std::min(kReleaseStep, bytes - table->released);
  char* from = reinterpret_cast<char*>(table->entries) + table->released;
  // Private pages then read as zeros: madvise(2), MADV_DONTNEED.
  SW_CHECK(madvise(from, step, MADV_DONTNEED) == 0);
  table->released += step;
  if (table->released == bytes) {
    table->used = 0;
    releasing_ = nullptr;
  }
}

void HashTable::use(Table* table) {
  own_ = table;
  own_entries_ = table->entries;
  own_capacity_ = table->capacity;
  current_.store(table, std::memory_order_release);
}

HashTable::Table* HashTable::empty_table(std::size_t capacity) {
  for (const auto& table : tables_) {
    if (table.get() != own_ && table->capacity == capacity) return table.get();
  }
  // Its twin too, which takes no memory yet: to be built anew without growing, for what was erased.
  tables_.push_back(std::make_unique<Table>(capacity));
  return tables_.emplace_back(std::make_unique<Table>(capacity)).get();
}

std::size_t HashIndex::first_capacity(Load load, std::size_t part) {
  const double growth = load == Load::kDense ? 1.25 : 1.5;
  const double share = static_cast<double>(part) / kParts;
  return static_cast<std::size_t>(HashTable::kFirstCapacity * std::pow(growth, share)) / kUnit *
         kUnit;
}

}  // namespace surgewatch::window

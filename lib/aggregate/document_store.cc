#include "aggregate/document_store.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace surgewatch::aggregate {
namespace {

constexpr std::uint8_t kHasDocument = 1;
constexpr std::uint8_t kIsCancelled = 2;
constexpr std::uint8_t kHasExtra = 4;

constexpr std::size_t kMinTable = 16;
constexpr std::size_t kAlignment = 4;
constexpr std::size_t kChunkBytes = std::size_t{1} << 18;
constexpr unsigned kUnitBits = 16;  // positions within a chunk, in units of kAlignment
static_assert(kChunkBytes / kAlignment == std::size_t{1} << kUnitBits);

void write_varint(std::vector<std::uint8_t>* out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<std::uint8_t>(value | 0x80));
  out->push_back(static_cast<std::uint8_t>(value));
}
void write_signed(std::vector<std::uint8_t>* out, std::int64_t value) {
  write_varint(out,
               (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}
std::uint64_t read_varint(const std::uint8_t** at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const std::uint8_t byte = *(*at)++;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}
std::int64_t read_signed(const std::uint8_t** at) {
  const std::uint64_t value = read_varint(at);
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

// Runs of slots with the same values are written once: a document of one line is in several series.
void write_contributions(std::vector<std::uint8_t>* out,
                         const std::vector<Contribution>& contributions) {
  for (auto run = contributions.begin(); run != contributions.end();) {
    const auto end = std::find_if(run, contributions.end(), [&](const Contribution& other) {
      return other.values != run->values;
    });
    write_varint(out, static_cast<std::uint64_t>(end - run));
    for (const std::int64_t value : run->values.values) write_signed(out, value);
    for (; run != end; ++run) write_varint(out, run->slot);
  }
  write_varint(out, 0);
}

}  // namespace

void DocumentBucket::clear(Micros start) {
  start_ = start;
  table_ = std::vector<Entry>();
  size_ = 0;
  chunks_ = std::vector<std::unique_ptr<std::uint8_t[]>>();
  chunk_used_ = 0;
  arena_bytes_ = 0;
}

std::uint8_t* DocumentBucket::record(const Entry& entry) const {
  const std::size_t location = entry.location - 1;
  return chunks_[location >> kUnitBits].get() +
         (location & ((std::size_t{1} << kUnitBits) - 1)) * kAlignment;
}

bool DocumentBucket::has_extra(const Entry& entry) const {
  return (*record(entry) & kHasExtra) != 0;
}

bool DocumentBucket::find(const DocumentKey& key, Position* position) const {
  if (table_.empty()) return false;
  for (std::size_t at = home(key);; at = (at + 1) & (table_.size() - 1)) {
    const Entry& entry = table_[at];
    if (entry.location == 0) return false;
    if (entry.low == key.low && entry.high == key.high) {
      position->at = at;
      return true;
    }
  }
}

void DocumentBucket::insert(const DocumentKey& key, const DocumentState& state,
                            const std::vector<Contribution>& contributions) {
  if ((size_ + 1) * 4 > table_.size() * 3) grow();
  scratch_.clear();
  scratch_.push_back(static_cast<std::uint8_t>((state.has_document ? kHasDocument : 0) |
                                               (state.is_cancelled ? kIsCancelled : 0) |
                                               (state.has_extra ? kHasExtra : 0)));
  if (state.has_document) write_signed(&scratch_, state.revision);
  if (state.is_cancelled) write_signed(&scratch_, state.cancel_revision);
  write_signed(&scratch_, state.latest_time - start_);
  write_signed(&scratch_, state.latest_time - state.document_time);
  write_contributions(&scratch_, contributions);
  place({key.low, key.high, keep(scratch_) + 1});
  ++size_;
}

const std::uint8_t* DocumentBucket::read_state(const Entry& entry, DocumentState* state) const {
  const std::uint8_t* at = record(entry);
  const std::uint8_t flags = *at++;
  state->has_document = (flags & kHasDocument) != 0;
  state->is_cancelled = (flags & kIsCancelled) != 0;
  state->has_extra = (flags & kHasExtra) != 0;
  if (state->has_document) state->revision = static_cast<std::int32_t>(read_signed(&at));
  if (state->is_cancelled) state->cancel_revision = static_cast<std::int32_t>(read_signed(&at));
  state->latest_time = start_ + read_signed(&at);
  state->document_time = state->latest_time - read_signed(&at);
  return at;
}

DocumentState DocumentBucket::state(Position position) const {
  DocumentState state;
  read_state(table_[position.at], &state);
  return state;
}

void DocumentBucket::contributions(Position position,
                                   std::vector<Contribution>* contributions) const {
  contributions->clear();
  DocumentState ignored;
  const std::uint8_t* at = read_state(table_[position.at], &ignored);
  while (std::uint64_t run = read_varint(&at)) {
    Contribution contribution;
    for (std::int64_t& value : contribution.values.values) value = read_signed(&at);
    for (; run > 0; --run) {
      contribution.slot = static_cast<std::uint32_t>(read_varint(&at));
      contributions->push_back(contribution);
    }
  }
}

void DocumentBucket::mark_extra(Position position) {
  std::uint8_t* flags = record(table_[position.at]);
  *flags = static_cast<std::uint8_t>(*flags | kHasExtra);
}

// Moves back what probed over the hole, so that no marks of erased entries are needed.
void DocumentBucket::erase(Position position) {
  const std::size_t mask = table_.size() - 1;
  std::size_t hole = position.at;
  for (std::size_t at = (hole + 1) & mask; table_[at].location != 0; at = (at + 1) & mask) {
    const std::size_t its_home = table_[at].high & mask;
    // It may move if its home is not between the hole (exclusive) and where it is.
    if (((at - its_home) & mask) >= ((at - hole) & mask)) {
      table_[hole] = table_[at];
      hole = at;
    }
  }
  table_[hole] = Entry{};
  --size_;
}

void DocumentBucket::place(const Entry& entry) {
  const std::size_t mask = table_.size() - 1;
  std::size_t at = entry.high & mask;
  while (table_[at].location != 0) at = (at + 1) & mask;
  table_[at] = entry;
}

void DocumentBucket::grow() {
  std::vector<Entry> former = std::exchange(table_, {});
  table_.resize(std::max(kMinTable, former.size() * 2));
  for (const Entry& entry : former) {
    if (entry.location != 0) place(entry);
  }
}

std::uint32_t DocumentBucket::keep(const std::vector<std::uint8_t>& bytes) {
  const std::size_t size = (bytes.size() + kAlignment - 1) / kAlignment * kAlignment;
  if (chunks_.empty() || chunk_used_ + size > kChunkBytes) {
    SW_CHECK(chunks_.size() < (std::size_t{1} << (32 - kUnitBits)) - 1);
    // A record longer than a chunk has one of its own.
    const std::size_t chunk_bytes = std::max(kChunkBytes, size);
    chunks_.push_back(std::make_unique_for_overwrite<std::uint8_t[]>(chunk_bytes));
    chunk_used_ = 0;
  }
  std::memcpy(chunks_.back().get() + chunk_used_, bytes.data(), bytes.size());
  const auto location =
      static_cast<std::uint32_t>((chunks_.size() - 1) << kUnitBits | chunk_used_ / kAlignment);
  chunk_used_ += size;
  arena_bytes_ += size;
  return location;
}

std::size_t DocumentBucket::bytes() const { return table_.size() * sizeof(Entry) + arena_bytes_; }

}  // namespace surgewatch::aggregate

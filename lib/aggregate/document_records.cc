#include "aggregate/document_records.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace surgewatch::aggregate {
namespace {

constexpr std::uint8_t kHasDocument = 1;
constexpr std::uint8_t kIsCancelled = 2;
constexpr std::uint8_t kHasExtra = 4;
// What is so of nearly every document takes a flag instead of bytes.
constexpr std::uint8_t kFirstRevision = 8;  // has_document, of revision 1
constexpr std::uint8_t kOneTime = 16;       // document_time is latest_time
constexpr std::uint8_t kWholeMillis = 32;   // after the bucket's start
constexpr unsigned kSlotsShift = 6;         // 1 to 3: so many contributions, all with equal values
constexpr std::size_t kMaxFlaggedSlots = 3;

constexpr std::size_t kLowBytes = 8;
constexpr std::size_t kMaxVarint = 10;
// Flags, two revisions, two times, the end mark; and of each contribution the run, values, slot.
constexpr std::size_t kMaxHead = kLowBytes + 1 + 5 * kMaxVarint;
constexpr std::size_t kMaxContribution = (2 + kMeasureCount) * kMaxVarint;

std::uint8_t* write_varint(std::uint8_t* out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<std::uint8_t>(value | 0x80);
  *out++ = static_cast<std::uint8_t>(value);
  return out;
}
std::uint8_t* write_signed(std::uint8_t* out, std::int64_t value) {
  return write_varint(
      out, (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
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

using Contributions = std::vector<Contribution>;

Contributions::const_iterator run_end(Contributions::const_iterator run,
                                      const Contributions& contributions) {
  return std::find_if(run + 1, contributions.end(),
                      [&](const Contribution& other) { return other.values != run->values; });
}

std::uint8_t* write_values(std::uint8_t* out, const MeasureValues& values) {
  for (const std::int64_t value : values.values) out = write_signed(out, value);
  return out;
}

// Runs of slots with the same values are written once: a document of one line is in several series.
std::uint8_t* write_runs(std::uint8_t* out, const Contributions& contributions) {
  for (auto run = contributions.begin(); run != contributions.end();) {
    const auto end = run_end(run, contributions);
    out = write_varint(out, static_cast<std::uint64_t>(end - run));
    out = write_values(out, run->values);
    for (; run != end; ++run) out = write_varint(out, run->slot);
  }
  *out++ = 0;
  return out;
}

std::uint8_t* write_record(std::uint8_t* out, std::uint64_t low, Micros start,
                           const DocumentState& state, const Contributions& contributions) {
  constexpr std::uint64_t kMicrosPerMilli = 1'000;
  const auto since_start = static_cast<std::uint64_t>(state.latest_time - start);
  const bool is_first = state.has_document && state.revision == 1;
  const bool is_one_time = state.latest_time == state.document_time;
  const bool is_millis = since_start % kMicrosPerMilli == 0;
  const bool is_one_run = !contributions.empty() && contributions.size() <= kMaxFlaggedSlots &&
                          run_end(contributions.begin(), contributions) == contributions.end();
  std::memcpy(out, &low, kLowBytes);
  out += kLowBytes;
  *out++ = static_cast<std::uint8_t>(
      (state.has_document ? kHasDocument : 0) | (state.is_cancelled ? kIsCancelled : 0) |
      (state.has_extra ? kHasExtra : 0) | (is_first ? kFirstRevision : 0) |
      (is_one_time ? kOneTime : 0) | (is_millis ? kWholeMillis : 0) |
      (is_one_run ? contributions.size() << kSlotsShift : 0));
  if (state.has_document && !is_first) out = write_signed(out, state.revision);
  if (state.is_cancelled) out = write_signed(out, state.cancel_revision);
  out = write_varint(out, is_millis ? since_start / kMicrosPerMilli : since_start);
  if (!is_one_time) out = write_signed(out, state.latest_time - state.document_time);
  if (!is_one_run) return write_runs(out, contributions);
  out = write_values(out, contributions.front().values);
  for (const Contribution& contribution : contributions) out = write_varint(out, contribution.slot);
  return out;
}

// Returns where the contributions begin.
const std::uint8_t* read_state(const std::uint8_t* record, Micros start, DocumentState* state) {
  const std::uint8_t* at = record + kLowBytes;
  const std::uint8_t flags = *at++;
  state->has_document = (flags & kHasDocument) != 0;
  state->is_cancelled = (flags & kIsCancelled) != 0;
  state->has_extra = (flags & kHasExtra) != 0;
  if ((flags & kFirstRevision) != 0) {
    state->revision = 1;
  } else if (state->has_document) {
    state->revision = static_cast<std::int32_t>(read_signed(&at));
  }
  if (state->is_cancelled) state->cancel_revision = static_cast<std::int32_t>(read_signed(&at));
  const std::uint64_t since_start = read_varint(&at);
  state->latest_time =
      start + static_cast<Micros>((flags & kWholeMillis) != 0 ? since_start * 1'000 : since_start);
  state->document_time = state->latest_time;
  if ((flags & kOneTime) == 0) state->document_time -= read_signed(&at);
  return at;
}

}  // namespace

DocumentRecords::DocumentRecords() : chunks_(1) {}

void DocumentRecords::restart(std::size_t place, Micros start) {
  Place& its = places_[place];
  for (const ChunkNumber number : its.chunks) {
    Chunk& chunk = chunks_[number];
    if (chunk.own == nullptr) pool_.give_back(chunk.bytes);
    long_bytes_ -= chunk.own_bytes;
    used_bytes_ -= chunk.own == nullptr ? kChunkBytes : chunk.own_bytes;
    chunk = Chunk{};
    free_numbers_.push_back(number);
  }
  its.chunks.clear();
  its.next = its.end = nullptr;
  its.start = start;
}

void DocumentRecords::add_chunk(Place& place, std::size_t record_bytes) {
  if (free_numbers_.empty()) {
    SW_CHECK(chunks_.size() < std::size_t{1} << (32 - kUnitBits));
    free_numbers_.push_back(static_cast<ChunkNumber>(chunks_.size()));
    chunks_.emplace_back();
    free_numbers_.reserve(chunks_.capacity());
  }
  const ChunkNumber number = free_numbers_.back();
  free_numbers_.pop_back();
  Chunk& chunk = chunks_[number];
  std::size_t size = kChunkBytes;
  if (record_bytes <= kChunkBytes) {
    chunk.bytes = pool_.take();
  } else {
    size = record_bytes;
    chunk.own = std::make_unique_for_overwrite<std::byte[]>(size);
    chunk.own_bytes = size;
    chunk.bytes = chunk.own.get();
    long_bytes_ += size;
  }
  used_bytes_ += size;
  place.chunks.push_back(number);
  place.next = reinterpret_cast<std::uint8_t*>(chunk.bytes);
  place.end = place.next + size;
}

RecordLocation DocumentRecords::append(std::size_t place, std::uint64_t low,
                                       const DocumentState& state,
                                       const std::vector<Contribution>& contributions) {
  Place& its = places_[place];
  const std::size_t most = kMaxHead + contributions.size() * kMaxContribution;
  std::uint8_t* end = nullptr;
  if (static_cast<std::size_t>(its.end - its.next) >= most) [[likely]] {
    end = write_record(its.next, low, its.start, state, contributions);
  } else {
    scratch_.resize(std::max(scratch_.size(), most));
    const std::uint8_t* const written =
        write_record(scratch_.data(), low, its.start, state, contributions);
    const auto size = static_cast<std::size_t>(written - scratch_.data());
    if (static_cast<std::size_t>(its.end - its.next) < size) add_chunk(its, size);
    std::memcpy(its.next, scratch_.data(), size);
    end = its.next + size;
    if (scratch_.size() > kChunkBytes) scratch_ = {};
  }
  const auto* const chunk = reinterpret_cast<const std::uint8_t*>(chunks_[its.chunks.back()].bytes);
  const auto location = static_cast<RecordLocation>(
      its.chunks.back() << kUnitBits | static_cast<std::size_t>(its.next - chunk) / kAlignment);
  const auto used = static_cast<std::size_t>(end - chunk);
  // (The last record of a long chunk leaves no whole unit: then the chunk is full.)
  its.next += std::min((used + kAlignment - 1) / kAlignment * kAlignment -
                           static_cast<std::size_t>(its.next - chunk),
                       static_cast<std::size_t>(its.end - its.next));
  return location;
}

std::uint64_t DocumentRecords::low(RecordLocation location) const {
  std::uint64_t low = 0;
  std::memcpy(&low, at(location), sizeof low);
  return low;
}

DocumentState DocumentRecords::state(std::size_t place, RecordLocation location) const {
  DocumentState state;
  read_state(at(location), places_[place].start, &state);
  return state;
}

void DocumentRecords::contributions(RecordLocation location,
                                    std::vector<Contribution>* contributions) const {
  contributions->clear();
  DocumentState ignored;
  const std::uint8_t* const record = this->at(location);
  const std::uint8_t* at = read_state(record, 0, &ignored);
  const auto read_run = [&](std::uint64_t count) {
    Contribution contribution;
    for (std::int64_t& value : contribution.values.values) value = read_signed(&at);
    for (; count > 0; --count) {
      contribution.slot = static_cast<std::uint32_t>(read_varint(&at));
      contributions->push_back(contribution);
    }
  };
  if (const unsigned flagged = record[kLowBytes] >> kSlotsShift; flagged != 0) {
    read_run(flagged);
    return;
  }
  while (const std::uint64_t count = read_varint(&at)) read_run(count);
}

void DocumentRecords::mark_extra(RecordLocation location) {
  std::uint8_t* const flags = at(location) + kLowBytes;
  *flags = static_cast<std::uint8_t>(*flags | kHasExtra);
}

}  // namespace surgewatch::aggregate

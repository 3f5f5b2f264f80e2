#include "aggregate/document_index.h"

#include <algorithm>
#include <memory>
#include <type_traits>

#include "base/check.h"

namespace surgewatch::aggregate {

DocumentIndex::DocumentIndex() { directory_.push_back(new_segment(0)); }

DocumentIndex::Segment* DocumentIndex::new_segment(std::uint32_t depth) {
  // Trivially destructible: goes with the pool.
  static_assert(std::is_trivially_destructible_v<Segment>);
  Segment* const segment = std::construct_at(reinterpret_cast<Segment*>(pool_.take()));
  segment->oldest = oldest_;
  segment->depth = depth;
  return segment;
}

void DocumentIndex::insert(const DocumentKey& key, std::size_t place, RecordLocation location) {
  const Entry entry = make_entry(tag_of(key), place, location);
  while (true) {
    Segment& segment = cleaned_segment_of(key);
    if (segment.count < kFull && put(segment, line_of(key), entry)) return;
    if (segment.count < kMinSplit || segment.depth == kMaxDepth) {
      crowded_.emplace(key, Found{location, place});
      return;
    }
    split(number_of(tag_of(key)));
  }
}

bool DocumentIndex::put(Segment& segment, std::size_t home, Entry entry) {
  for (unsigned away = 0; away <= kMaxLinesFromHome; ++away) {
    const std::size_t line = home + away;
    Entry* const entries = segment.entries.data() + line * kLineEntries;
    for (std::size_t i = 0; i < kLineEntries; ++i) {
      if (entries[i] != kEmpty) continue;
      entries[i] = entry | static_cast<Entry>(away) << 36;
      ++segment.count;
      return true;
    }
    if (line < kHomes) segment.overflowed |= std::uint64_t{1} << line;
  }
  return false;
}

void DocumentIndex::split(std::size_t position) {
  Segment& segment = *directory_[position];
  if (segment.depth == depth_) {
    std::vector<Segment*> doubled(directory_.size() * 2);
    for (std::size_t i = 0; i < doubled.size(); ++i) doubled[i] = directory_[i / 2];
    directory_.swap(doubled);
    ++depth_;
    position *= 2;
  }
  ++segment.depth;
  Segment* const other = new_segment(segment.depth);
  repack(segment, *other, kTagBits - segment.depth);
  // Of the directory's positions for this segment, the upper half goes to the new one.
  const std::size_t span = std::size_t{1} << (depth_ - segment.depth);
  const std::size_t first = (position / (span * 2)) * span * 2;
  for (std::size_t i = 0; i < span; ++i) directory_[first + span + i] = other;
}

// Puts all entries in again, those with the bit of the tag into the other (maybe the same).
void DocumentIndex::repack(Segment& segment, Segment& with_bit, unsigned bit) {
  const std::array<Entry, kEntries> entries = segment.entries;
  segment.entries.fill(kEmpty);
  segment.count = 0;
  segment.overflowed = 0;
  for (std::size_t i = 0; i < kEntries; ++i) {
    if (entries[i] == kEmpty) continue;
    const std::size_t home = i / kLineEntries - lines_from_home(entries[i]);
    const Entry entry = entries[i] & ~(Entry{3} << 36);
    Segment& to = (tag_of(entry) >> bit & 1) == 0 ? segment : with_bit;
    // There is room in its former line at the latest: lines are taken in order, so that by now it
    // holds nothing but what it held before.
    SW_CHECK(put(to, home, entry));
  }
}

void DocumentIndex::clean(Segment& segment) {
  // Places of the buckets that have left since; entries know their bucket by its place only, which
  // is enough, since all are of less than kPlaces numbers from segment.oldest on.
  std::uint32_t left = 0;
  const std::int64_t count =
      std::min<std::int64_t>(oldest_ - segment.oldest, static_cast<std::int64_t>(kPlaces));
  for (std::int64_t i = 0; i < count; ++i) {
    left |= std::uint32_t{1} << (static_cast<std::uint64_t>(segment.oldest + i) & (kPlaces - 1));
  }
  std::uint32_t kept = 0;
  for (std::size_t i = 0; i < kEntries; ++i) {
    const Entry entry = segment.entries[i];
    const bool stays = entry != kEmpty && (left >> place_of(entry) & 1) == 0;
    segment.entries[i] = stays ? entry : kEmpty;
    kept += stays ? 1 : 0;
  }
  segment.count = kept;
  segment.oldest = oldest_;
  if (std::popcount(segment.overflowed) > kManyOverflowed) repack(segment, segment, 0);
}

void DocumentIndex::advance(std::int64_t oldest) {
  if (!crowded_.empty()) {
    const std::int64_t former = oldest_;
    absl::erase_if(crowded_, [&](const auto& one) {
      const auto ahead = static_cast<std::size_t>(
          (one.second.place - static_cast<std::uint64_t>(former)) & (kPlaces - 1));
      return former + static_cast<std::int64_t>(ahead) < oldest;
    });
  }
  oldest_ = oldest;
}

std::size_t DocumentIndex::bytes() const {
  return pool_.bytes() + directory_.capacity() * sizeof(decltype(directory_)::value_type) +
         crowded_.capacity() * (sizeof(*crowded_.begin()) + 1);
}

}  // namespace surgewatch::aggregate

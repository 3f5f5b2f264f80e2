#include "aggregate/documents.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace surgewatch::aggregate {
namespace {

// Of the buckets two are for the parts at both ends.
constexpr std::int64_t kWholeBuckets = DocumentIndex::kPlaces - 2;

// What pools have beyond what is in use: blocks of 2 MiB of records and of the index, and chunks
// that are not full.
constexpr std::size_t kPoolBytes = std::size_t{6} << 20;

std::uint64_t seen_mark(std::int32_t revision, bool is_cancellation) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(revision)) |
         static_cast<std::uint64_t>(is_cancellation) << 32;
}

}  // namespace

Documents::Documents(Micros horizon, Micros out_of_orderness, std::size_t most_bytes)
    : horizon_(horizon),
      out_of_orderness_(out_of_orderness),
      bucket_length_(
          std::max<Micros>(1, (horizon + out_of_orderness + kWholeBuckets - 1) / kWholeBuckets)),
      most_bytes_(most_bytes - std::min(most_bytes / 8, kPoolBytes)) {}

DocumentIndex::Found Documents::find(const DocumentKey& key) {
  return index_.find(key,
                     [&](RecordLocation location) { return records_.low(location) == key.low; });
}

DocumentAction Documents::decide(const DocumentEvent& event, std::optional<Micros> watermark_before,
                                 std::vector<Contribution>* old, Micros* old_time) {
  former_.reset();
  const DocumentAction first =
      event.is_cancellation ? DocumentAction::kRemember : DocumentAction::kApply;
  if (!ahead_.empty()) [[unlikely]] {
    come_to(watermark_before);
    if (ahead_.contains(event.key)) return decide_ahead(event, old, old_time);
  }
  const DocumentIndex::Found found = find(event.key);
  if (found.location == 0) [[likely]]
    return first;
  const DocumentState state = records_.state(found.place, found.location);
  if (watermark_before && state.latest_time < *watermark_before - horizon_) {
    take_out(event.key, found);
    former_extra_.clear();
    return first;
  }
  Bucket& bucket = buckets_[found.place];
  if (is_seen(event, state, bucket)) return DocumentAction::kDuplicate;
  if (is_superseded(event, state)) {
    bucket.extra[event.key].insert(seen_mark(event.revision, event.is_cancellation));
    ++bucket.marks;
    ++marks_;
    records_.mark_extra(found.location);
    return DocumentAction::kSuperseded;
  }
  records_.contributions(found.location, old);
  *old_time = state.document_time;
  take_out(event.key, found);
  former_ = state;
  return event.is_cancellation ? DocumentAction::kTakeOut : DocumentAction::kReplace;
}

// The same of a document that is ahead.
DocumentAction Documents::decide_ahead(const DocumentEvent& event, std::vector<Contribution>* old,
                                       Micros* old_time) {
  const auto found = ahead_.find(event.key);
  Ahead& its = found->second;
  const std::uint64_t mark = seen_mark(event.revision, event.is_cancellation);
  if (is_newest(event, its.state) || its.extra.contains(mark)) return DocumentAction::kDuplicate;
  if (is_superseded(event, its.state)) {
    its.extra.insert(mark);
    its.state.has_extra = true;
    return DocumentAction::kSuperseded;
  }
  *old = std::move(its.contributions);
  *old_time = its.state.document_time;
  former_ = its.state;
  former_extra_ = std::move(its.extra);
  const auto [first, last] = ahead_by_time_.equal_range(its.state.latest_time);
  ahead_by_time_.erase(
      std::find_if(first, last, [&](const auto& entry) { return entry.second == event.key; }));
  ahead_.erase(found);
  --size_;
  return event.is_cancellation ? DocumentAction::kTakeOut : DocumentAction::kReplace;
}

// Puts those that the watermark has come to with all others.
void Documents::come_to(std::optional<Micros> watermark) {
  while (!ahead_.empty() && !is_ahead(ahead_by_time_.begin()->first, watermark)) {
    const DocumentKey key = ahead_by_time_.begin()->second;
    const auto found = ahead_.find(key);
    Ahead its = std::move(found->second);
    ahead_.erase(found);
    ahead_by_time_.erase(ahead_by_time_.begin());
    --size_;
    if (*watermark >= next_advance_) advance(*watermark);
    former_extra_ = std::move(its.extra);
    store(key, its.state, its.contributions);
  }
}

void Documents::keep_ahead(const DocumentKey& key, const DocumentState& state,
                           const std::vector<Contribution>& contributions) {
  ahead_by_time_.emplace(state.latest_time, key);
  Revisions extra = state.has_extra ? std::move(former_extra_) : Revisions();
  ahead_.emplace(key, Ahead{state, contributions, std::move(extra)});
  ++size_;
}

// Whether it is what the document has been brought to by.
bool Documents::is_newest(const DocumentEvent& event, const DocumentState& state) {
  if (event.is_cancellation) return state.is_cancelled && state.cancel_revision == event.revision;
  return state.has_document && state.revision == event.revision;
}

bool Documents::is_superseded(const DocumentEvent& event, const DocumentState& state) {
  return state.is_cancelled || (!event.is_cancellation && event.revision < state.revision);
}

bool Documents::is_seen(const DocumentEvent& event, const DocumentState& state,
                        const Bucket& bucket) const {
  if (is_newest(event, state)) return true;
  if (!state.has_extra) return false;
  const auto extra = bucket.extra.find(event.key);
  return extra != bucket.extra.end() &&
         extra->second.contains(seen_mark(event.revision, event.is_cancellation));
}

// Leaves the document's further revisions in former_extra_.
void Documents::take_out(const DocumentKey& key, const DocumentIndex::Found& found) {
  Bucket& bucket = buckets_[found.place];
  index_.erase(key, [&](RecordLocation location) { return location == found.location; });
  --bucket.size;
  --size_;
  former_extra_.clear();
  if (const auto extra = bucket.extra.find(key); extra != bucket.extra.end()) {
    former_extra_ = std::move(extra->second);
    bucket.extra.erase(extra);
    bucket.marks -= former_extra_.size();
    marks_ -= former_extra_.size();
  }
}

// Of the document of the last decide().
inline DocumentState Documents::state_after(const DocumentEvent& event) {
  DocumentState state;
  state.latest_time = event.time;
  if (former_) {
    state = *former_;
    state.latest_time = std::max(state.latest_time, event.time);
  }
  if (event.is_cancellation) {
    state.is_cancelled = true;
    state.cancel_revision = event.revision;
    state.document_time = state.latest_time;  // of nothing
  } else {
    if (state.has_document) {
      former_extra_.insert(seen_mark(state.revision, false));
      state.has_extra = true;
    }
    state.has_document = true;
    state.revision = event.revision;
    state.document_time = event.time;
  }
  earliest_applied_ = std::min(earliest_applied_.value_or(event.time), event.time);
  return state;
}

void Documents::apply(const DocumentEvent& event, Micros watermark,
                      const std::vector<Contribution>& contributions) {
  if (watermark >= next_advance_) advance(watermark);
  store(event.key, state_after(event), contributions);
}

Micros Documents::apply_ahead(const DocumentEvent& event, std::optional<Micros> watermark,
                              const std::vector<Contribution>& contributions) {
  if (watermark && *watermark >= next_advance_) advance(*watermark);
  const DocumentState state = state_after(event);
  if (is_ahead(state.latest_time, watermark)) {
    keep_ahead(event.key, state, contributions);
  } else {
    store(event.key, state, contributions);
  }
  return state.latest_time;
}

void Documents::store(const DocumentKey& key, const DocumentState& state,
                      const std::vector<Contribution>& contributions) {
  if (state.latest_time < recent_start_ || state.latest_time - recent_start_ >= bucket_length_) {
    recent_number_ = bucket_number(state.latest_time);
    recent_start_ = recent_number_ * bucket_length_;
  }
  const std::int64_t number = recent_number_;
  if (number < oldest_bucket_) return;  // behind the horizon already: never known again
  if (!has_room() && !make_room(number)) [[unlikely]]
    return;
  const std::size_t place = static_cast<std::size_t>(number) % DocumentIndex::kPlaces;
  Bucket& bucket = buckets_[place];
  if (bucket.size == 0 && bucket.number != number) {
    bucket.number = number;
    records_.restart(place, recent_start_);
  }
  // Buckets in use span less than kPlaces: those below the oldest were emptied, and none is further
  // above it than the horizon and the out-of-orderness, since what is has been kept by itself.
  SW_CHECK(bucket.number == number);
  index_.insert(key, place, records_.append(place, key.low, state, contributions));
  ++bucket.size;
  ++size_;
  if (!state.has_extra) return;
  bucket.marks += former_extra_.size();
  marks_ += former_extra_.size();
  bucket.extra[key] = std::move(former_extra_);
}

bool Documents::has_room() const {
  // Of an entry of the index right after its segment was split; of a revision in a set of its own.
  constexpr std::size_t kIndexBytes = 20, kMarkBytes = 180;
  return records_.used_bytes() + size_ * kIndexBytes + marks_ * kMarkBytes <= most_bytes_;
}

// For a document of this bucket: false if it can't be remembered.
bool Documents::make_room(std::int64_t number) {
  while (!has_room()) {
    const Bucket* oldest = nullptr;
    for (const Bucket& bucket : buckets_) {
      if (bucket.number == INT64_MIN || bucket.number >= number) continue;
      if (oldest == nullptr || bucket.number < oldest->number) oldest = &bucket;
    }
    if (oldest == nullptr) {
      ++forgotten_;
      return false;
    }
    forgotten_ += oldest->size;
    oldest_bucket_ = oldest->number + 1;
    index_.advance(oldest_bucket_);
    clear(static_cast<std::size_t>(oldest - buckets_.data()));
  }
  return true;
}

void Documents::clear(std::size_t place) {
  Bucket& bucket = buckets_[place];
  size_ -= bucket.size;
  marks_ -= bucket.marks;
  bucket.size = bucket.marks = 0;
  bucket.number = INT64_MIN;
  bucket.extra.clear();
  records_.restart(place, 0);
}

void Documents::advance(Micros watermark) {
  const std::int64_t oldest = bucket_number(watermark - horizon_);
  next_advance_ = (oldest + 1) * bucket_length_ + horizon_;
  if (oldest <= oldest_bucket_) return;
  oldest_bucket_ = oldest;
  index_.advance(oldest);
  for (std::size_t place = 0; place < buckets_.size(); ++place) {
    if (buckets_[place].number < oldest) clear(place);
  }
}

bool Documents::may_have_forgotten(std::optional<Micros> watermark_before) const {
  if (forgotten_ > 0) return true;
  return watermark_before && earliest_applied_ && *earliest_applied_ < *watermark_before - horizon_;
}

std::size_t Documents::bytes() const {
  std::size_t bytes = index_.bytes() + records_.bytes();
  for (const Bucket& bucket : buckets_) {
    bytes += bucket.extra.capacity() * (sizeof(*bucket.extra.begin()) + 1);
  }
  for (const auto& [key, its] : ahead_) {
    bytes += sizeof key + sizeof its + its.contributions.capacity() * sizeof(Contribution);
  }
  return bytes;
}

}  // namespace surgewatch::aggregate

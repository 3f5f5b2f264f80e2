#include "aggregate/documents.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace surgewatch::aggregate {
namespace {

// Of the buckets two are for the parts at both ends.
constexpr std::int64_t kWholeBuckets = DocumentIndex::kPlaces - 2;

std::uint64_t seen_mark(std::int32_t revision, bool is_cancellation) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(revision)) |
         static_cast<std::uint64_t>(is_cancellation) << 32;
}

}  // namespace

Documents::Documents(Micros horizon, Micros out_of_orderness)
    : horizon_(horizon),
      bucket_length_(
          std::max<Micros>(1, (horizon + out_of_orderness + kWholeBuckets - 1) / kWholeBuckets)) {}

DocumentIndex::Found Documents::find(const DocumentKey& key) {
  return index_.find(key,
                     [&](RecordLocation location) { return records_.low(location) == key.low; });
}

DocumentAction Documents::decide(const DocumentEvent& event, std::optional<Micros> watermark_before,
                                 std::vector<Contribution>* old, Micros* old_time) {
  former_.reset();
  const DocumentAction first =
      event.is_cancellation ? DocumentAction::kRemember : DocumentAction::kApply;
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
  const bool is_lower = !event.is_cancellation && event.revision < state.revision;
  if (state.is_cancelled || is_lower) {
    bucket.extra[event.key].insert(seen_mark(event.revision, event.is_cancellation));
    records_.mark_extra(found.location);
    return DocumentAction::kSuperseded;
  }
  records_.contributions(found.location, old);
  *old_time = state.document_time;
  take_out(event.key, found);
  former_ = state;
  return event.is_cancellation ? DocumentAction::kTakeOut : DocumentAction::kReplace;
}

bool Documents::is_seen(const DocumentEvent& event, const DocumentState& state,
                        const Bucket& bucket) const {
  if (event.is_cancellation) {
    if (state.is_cancelled && state.cancel_revision == event.revision) return true;
  } else if (state.has_document && state.revision == event.revision) {
    return true;
  }
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
  }
}

void Documents::apply(const DocumentEvent& event, Micros watermark,
                      const std::vector<Contribution>& contributions) {
  if (watermark >= next_advance_) advance(watermark);
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
  store(event.key, state, contributions);
}

void Documents::store(const DocumentKey& key, const DocumentState& state,
                      const std::vector<Contribution>& contributions) {
  if (state.latest_time < recent_start_ || state.latest_time - recent_start_ >= bucket_length_) {
    recent_number_ = bucket_number(state.latest_time);
    recent_start_ = recent_number_ * bucket_length_;
  }
  const std::int64_t number = recent_number_;
  if (number < oldest_bucket_) return;  // behind the horizon already: never known again
  const std::size_t place = static_cast<std::size_t>(number) % DocumentIndex::kPlaces;
  Bucket& bucket = buckets_[place];
  if (bucket.size == 0 && bucket.number != number) {
    bucket.number = number;
    records_.restart(place, recent_start_);
  }
  // Buckets in use span less than kPlaces: those below the oldest were emptied, and none is further
  // above it than the horizon and the out-of-orderness.
  SW_CHECK(bucket.number == number);
  index_.insert(key, place, records_.append(place, key.low, state, contributions));
  ++bucket.size;
  ++size_;
  if (state.has_extra) bucket.extra[key] = std::move(former_extra_);
}

void Documents::advance(Micros watermark) {
  const std::int64_t oldest = bucket_number(watermark - horizon_);
  next_advance_ = (oldest + 1) * bucket_length_ + horizon_;
  oldest_bucket_ = oldest;
  index_.advance(oldest);
  for (std::size_t place = 0; place < buckets_.size(); ++place) {
    Bucket& bucket = buckets_[place];
    if (bucket.number >= oldest) continue;
    size_ -= bucket.size;
    bucket.size = 0;
    bucket.number = INT64_MIN;
    bucket.extra.clear();
    records_.restart(place, 0);
  }
}

bool Documents::may_have_forgotten(std::optional<Micros> watermark_before) const {
  return watermark_before && earliest_applied_ && *earliest_applied_ < *watermark_before - horizon_;
}

std::size_t Documents::bytes() const {
  std::size_t bytes = index_.bytes() + records_.bytes();
  for (const Bucket& bucket : buckets_) {
    bytes += bucket.extra.capacity() * (sizeof(*bucket.extra.begin()) + 1);
  }
  return bytes;
}

}  // namespace surgewatch::aggregate

#include "aggregate/documents.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace surgewatch::aggregate {
namespace {

// Of the sixteen buckets two are for the parts at both ends.
constexpr std::int64_t kWholeBuckets = DocumentFilter::kBuckets - 2;

std::uint64_t seen_mark(std::int32_t revision, bool is_cancellation) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(revision)) |
         static_cast<std::uint64_t>(is_cancellation) << 32;
}

}  // namespace

Documents::Documents(Micros horizon, Micros out_of_orderness)
    : horizon_(horizon),
      bucket_length_(
          std::max<Micros>(1, (horizon + out_of_orderness + kWholeBuckets - 1) / kWholeBuckets)) {}

void Documents::prefetch(const DocumentKey& key, Micros time) const {
  filter_.prefetch(key.low);
  buckets_[place_of(bucket_number(time))].prefetch(key);
}

bool Documents::find(const DocumentKey& key) {
  for (unsigned mask = filter_.find(key.low); mask != 0; mask &= mask - 1) {
    Found found;
    found.bucket = static_cast<std::size_t>(std::countr_zero(mask));
    if (buckets_[found.bucket].find(key, &found.position)) {
      found.state = buckets_[found.bucket].state(found.position);
      found_ = found;
      return true;
    }
  }
  return false;
}

DocumentAction Documents::decide(const DocumentEvent& event, std::optional<Micros> watermark_before,
                                 std::vector<Contribution>* old, Micros* old_time) {
  found_.reset();
  if (find(event.key) && watermark_before &&
      found_->state.latest_time < *watermark_before - horizon_) {
    erase_found();
    if (found_->state.has_extra) extra_.erase(event.key);
    found_.reset();
  }
  if (!found_) return event.is_cancellation ? DocumentAction::kRemember : DocumentAction::kApply;
  const DocumentState& state = found_->state;
  if (is_seen(event)) return DocumentAction::kDuplicate;
  const bool is_lower = !event.is_cancellation && event.revision < state.revision;
  if (state.is_cancelled || is_lower) {
    keep_seen(event.key, event.revision, event.is_cancellation);
    buckets_[found_->bucket].mark_extra(found_->position);
    return DocumentAction::kSuperseded;
  }
  buckets_[found_->bucket].contributions(found_->position, old);
  *old_time = state.document_time;
  return event.is_cancellation ? DocumentAction::kTakeOut : DocumentAction::kReplace;
}

bool Documents::is_seen(const DocumentEvent& event) const {
  const DocumentState& state = found_->state;
  if (event.is_cancellation) {
    if (state.is_cancelled && state.cancel_revision == event.revision) return true;
  } else if (state.has_document && state.revision == event.revision) {
    return true;
  }
  if (!state.has_extra) return false;
  const auto extra = extra_.find(event.key);
  return extra != extra_.end() &&
         extra->second.contains(seen_mark(event.revision, event.is_cancellation));
}

void Documents::keep_seen(const DocumentKey& key, std::int32_t revision, bool is_cancellation) {
  extra_[key].insert(seen_mark(revision, is_cancellation));
}

void Documents::apply(const DocumentEvent& event, const std::vector<Contribution>& contributions) {
  DocumentState state;
  state.latest_time = event.time;
  if (found_) {
    erase_found();
    state = found_->state;
    state.latest_time = std::max(state.latest_time, event.time);
  }
  if (event.is_cancellation) {
    state.is_cancelled = true;
    state.cancel_revision = event.revision;
    state.document_time = state.latest_time;  // of nothing
  } else {
    if (state.has_document) {
      keep_seen(event.key, state.revision, false);
      state.has_extra = true;
    }
    state.has_document = true;
    state.revision = event.revision;
    state.document_time = event.time;
  }
  found_.reset();
  earliest_applied_ = std::min(earliest_applied_.value_or(event.time), event.time);
  store(event.key, state, contributions);
}

void Documents::erase_found() {
  buckets_[found_->bucket].erase(found_->position);
  --size_;
}

void Documents::store(const DocumentKey& key, const DocumentState& state,
                      const std::vector<Contribution>& contributions) {
  const std::int64_t number = bucket_number(state.latest_time);
  const std::size_t place = place_of(number);
  DocumentBucket& bucket = buckets_[place];
  if (bucket.size() == 0 || numbers_[place] < number) {
    // What is there lies a whole round of buckets before this event: behind the horizon.
    free_bucket(place);
    numbers_[place] = number;
    bucket.clear(number * bucket_length_);
  } else if (numbers_[place] > number) {
    // The other way round: the document itself is behind the horizon already.
    if (state.has_extra) extra_.erase(key);
    return;
  }
  bucket.insert(key, state, contributions);
  ++size_;
  if (filter_.is_dense(bucket.size())) {
    rebuild_filter(bucket.size());
  } else {
    filter_.insert(key.low, place);
  }
}

void Documents::rebuild_filter(std::size_t documents_of_bucket) {
  filter_.reset_for(documents_of_bucket);
  for (std::size_t place = 0; place < kBuckets; ++place) {
    buckets_[place].for_each([&](const DocumentKey& key) { filter_.insert(key.low, place); });
  }
}

void Documents::free_bucket(std::size_t place) {
  DocumentBucket& bucket = buckets_[place];
  if (bucket.size() == 0) return;
  if (!extra_.empty()) {
    bucket.for_each_extra([&](const DocumentKey& key) { extra_.erase(key); });
  }
  size_ -= bucket.size();
  bucket.clear(0);
  filter_.clear(place);
}

void Documents::advance(Micros watermark) {
  const std::int64_t oldest = bucket_number(watermark - horizon_);
  if (oldest_bucket_ && oldest <= *oldest_bucket_) return;
  oldest_bucket_ = oldest;
  for (std::size_t place = 0; place < kBuckets; ++place) {
    if (numbers_[place] < oldest) free_bucket(place);
  }
}

bool Documents::may_have_forgotten(std::optional<Micros> watermark_before) const {
  return watermark_before && earliest_applied_ && *earliest_applied_ < *watermark_before - horizon_;
}

std::size_t Documents::bytes() const {
  std::size_t bytes = filter_.bytes() + extra_.capacity() * sizeof(*extra_.begin());
  for (const DocumentBucket& bucket : buckets_) bytes += bucket.bytes();
  return bytes;
}

}  // namespace surgewatch::aggregate

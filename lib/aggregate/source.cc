#include "aggregate/source.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "aggregate/documents.h"
#include "aggregate/grouping.h"
#include "aggregate/journal_writer.h"
#include "observe/decode.h"
#include "observe/observer.h"
#include "window/window.h"

namespace surgewatch::aggregate {
namespace {

// Written by the writer alone, read by anyone. Relaxed: each figure stands for itself.
class Count {
 public:
  void add(std::uint64_t count) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct Counts {
  Count consumed, miskeyed, corrections, unverifiable, unknown_sku_lines, overflows, over_key_limit;
  std::array<Count, 5> by_disposition;
  std::array<Count, v1::RejectReason_ARRAYSIZE> rejected_by_reason;
  Count keys, documents_known;

  const Count& of(Disposition disposition) const {
    return by_disposition[static_cast<std::size_t>(disposition)];
  }
};

DocumentKey document_key(std::string_view id) {
  const XXH128_hash_t hash = XXH3_128bits(id.data(), id.size());
  return {hash.low64, static_cast<std::uint32_t>(hash.high64)};
}

std::vector<const config::Series*> series_of(Topic topic, const config::Config& config) {
  std::vector<const config::Series*> series;
  for (const config::Series& one : config.series) {
    if (one.event == topic) series.push_back(&one);
  }
  return series;
}

}  // namespace

class Source::Impl {
 public:
  Impl(SourceId id, std::shared_ptr<const config::Config> config);

  Outcome process(const Record& record);
  bool would_close_pane(Micros time) const {
    return watermark_ && time - bounds_.out_of_orderness >= next_pane_end_;
  }
  void flush(bool ended, std::vector<v1::JournalRecord>* out);
  SourceStats stats() const;

  const SourceId id_;

 private:
  Disposition take_in(const Record& record);
  bool advance_watermark(Micros time);
  void add(const Contribution& contribution, Micros time, std::int64_t offset);

  const std::shared_ptr<const config::Config> config_;
  const config::EventTimeBounds bounds_;
  const std::vector<const config::Series*> series_;
  const observe::ReferenceIndex index_;
  const observe::Observer observer_;
  window::Window window_;

  // Writer's.
  Grouping grouping_;
  Documents documents_;
  observe::Observation event_;  // reused
  std::vector<Contribution> old_, new_;
  std::optional<Micros> watermark_;
  Micros next_pane_end_ = INT64_MAX;
  Counts counts_;

  // Flusher's.
  JournalWriter journal_;
  window::Collected collected_;
};

Source::Impl::Impl(SourceId id, std::shared_ptr<const config::Config> config)
    : id_(id),
      config_(std::move(config)),
      bounds_(config_->event_time),
      series_(series_of(id.topic, *config_)),
      index_(config_->reference.get()),
      observer_(id.topic, &index_,
                {.record_bytes = static_cast<std::size_t>(config_->limits.record_bytes),
                 .future_bound = bounds_.future_bound}),
      window_(series_specs(series_, config_->limits),
              {.allowed_lateness = bounds_.allowed_lateness,
               .out_of_orderness = bounds_.out_of_orderness,
               .correction_horizon = bounds_.correction_horizon}),
      grouping_(series_, &index_, &window_),
      documents_(bounds_.correction_horizon, bounds_.out_of_orderness),
      journal_(id, series_, &window_) {}

Outcome Source::Impl::process(const Record& record) {
  window_.begin_event();
  counts_.consumed.add(1);
  Outcome outcome;
  observe::Rejection rejection;
  const std::optional<Micros> watermark_before = watermark_;
  if (observer_.observe(record.payload, record.record_timestamp, &event_, &rejection)) {
    if (record.has_key && record.key != event_.document.order_id) counts_.miskeyed.add(1);
    outcome.disposition = take_in(record);
    outcome.watermark_advanced = watermark_ != watermark_before;
  } else {
    outcome.disposition = Disposition::kRejected;
    outcome.reason = rejection.reason;
    outcome.detail = std::move(rejection.detail);
    counts_.rejected_by_reason[static_cast<std::size_t>(rejection.reason)].add(1);
  }
  counts_.by_disposition[static_cast<std::size_t>(outcome.disposition)].add(1);
  counts_.keys.set(window_.key_count());
  counts_.documents_known.set(documents_.size());
  window_.publish(record.offset + 1);
  return outcome;
}

Disposition Source::Impl::take_in(const Record& record) {
  if (watermark_ && event_.time < *watermark_ - bounds_.allowed_lateness) {
    return Disposition::kLate;
  }
  const DocumentEvent event{.key = document_key(event_.document.id),
                            .revision = event_.document.revision,
                            .is_cancellation = event_.effect == observe::Effect::kCancel,
                            .time = event_.time};
  documents_.prefetch(event.key, event.time);
  const std::optional<Micros> watermark_before = watermark_;
  const bool watermark_advanced = advance_watermark(event.time);

  Micros old_time = 0;
  const DocumentAction action = documents_.decide(event, watermark_before, &old_, &old_time);
  Disposition disposition = Disposition::kCounted;
  if (action == DocumentAction::kDuplicate) {
    disposition = Disposition::kDuplicate;
  } else if (action == DocumentAction::kSuperseded) {
    disposition = Disposition::kSuperseded;
  } else {
    const bool is_correction = event.is_cancellation || event.revision > 1;
    const bool is_first = action == DocumentAction::kApply || action == DocumentAction::kRemember;
    if (is_first && is_correction && documents_.may_have_forgotten(watermark_before)) {
      counts_.unverifiable.add(1);
    }
    if (!is_first) {
      counts_.corrections.add(1);
      for (Contribution& contribution : old_) {
        contribution.values = contribution.values.negated();
        add(contribution, old_time, record.offset);
      }
    }
    counts_.over_key_limit.add(grouping_.contributions(event_, &new_));
    for (const Contribution& contribution : new_) add(contribution, event.time, record.offset);
    if (!event.is_cancellation) {
      counts_.unknown_sku_lines.add(static_cast<std::uint64_t>(std::count_if(
          event_.lines.begin(), event_.lines.end(), [](const observe::ObservedLine& line) {
            return line.product == observe::kUnknownProduct;
          })));
    }
    documents_.apply(event, new_);
  }
  if (watermark_advanced) documents_.advance(*watermark_);
  return disposition;
}

void Source::Impl::add(const Contribution& contribution, Micros time, std::int64_t offset) {
  if (!window_.add(contribution.slot, time, contribution.values, offset)) counts_.overflows.add(1);
}

bool Source::Impl::advance_watermark(Micros time) {
  const Micros watermark = time - bounds_.out_of_orderness;
  if (watermark_ && watermark <= *watermark_) return false;
  const bool passes_a_pane = !watermark_ || watermark >= next_pane_end_;
  watermark_ = watermark;
  window_.advance(watermark);
  if (passes_a_pane) {
    next_pane_end_ = INT64_MAX;
    for (const config::Series* series : series_) {
      next_pane_end_ = std::min(
          next_pane_end_, (pane_of(watermark, series->pane_length) + 1) * series->pane_length);
    }
  }
  return true;
}

void Source::Impl::flush(bool ended, std::vector<v1::JournalRecord>* out) {
  const bool has_news = window_.collect(&collected_);
  if (has_news || ended) journal_.append(collected_, ended, out);
}

SourceStats Source::Impl::stats() const {
  SourceStats stats;
  stats.consumed = counts_.consumed.get();
  stats.counted = counts_.of(Disposition::kCounted).get();
  stats.duplicate = counts_.of(Disposition::kDuplicate).get();
  stats.superseded = counts_.of(Disposition::kSuperseded).get();
  stats.late = counts_.of(Disposition::kLate).get();
  stats.rejected = counts_.of(Disposition::kRejected).get();
  stats.miskeyed = counts_.miskeyed.get();
  stats.corrections = counts_.corrections.get();
  stats.unverifiable = counts_.unverifiable.get();
  stats.unknown_sku_lines = counts_.unknown_sku_lines.get();
  stats.overflows = counts_.overflows.get();
  stats.over_key_limit = counts_.over_key_limit.get();
  for (const Count& count : counts_.rejected_by_reason) {
    stats.rejected_by_reason.push_back(count.get());
  }
  const window::Progress progress = window_.progress();
  stats.watermark = progress.watermark;
  stats.next_offset = progress.next_offset;
  stats.keys = counts_.keys.get();
  stats.documents_known = counts_.documents_known.get();
  return stats;
}

Source::Source(SourceId id, std::shared_ptr<const config::Config> config)
    : impl_(std::make_unique<Impl>(id, std::move(config))) {}
Source::~Source() = default;

SourceId Source::id() const { return impl_->id_; }
Outcome Source::process(const Record& record) { return impl_->process(record); }
bool Source::would_close_pane(Micros time) const { return impl_->would_close_pane(time); }
void Source::flush(std::vector<v1::JournalRecord>* out) { impl_->flush(false, out); }
void Source::finish(std::vector<v1::JournalRecord>* out) { impl_->flush(true, out); }
SourceStats Source::stats() const { return impl_->stats(); }

std::optional<Micros> peek_event_time(Topic topic, std::string_view payload) {
  const auto message = observe::unframe(payload);
  return message ? observe::decode_event_time(topic, *message) : std::nullopt;
}

}  // namespace surgewatch::aggregate

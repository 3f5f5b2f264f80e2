#include "aggregate/source.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <random>
#include <span>
#include <utility>

#include "aggregate/documents.h"
#include "aggregate/grouping.h"
#include "aggregate/highest_times.h"
#include "aggregate/journal_writer.h"
#include "observe/observer.h"
#include "window/alternating_words.h"
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
  Count miskeyed, corrections, unverifiable, unknown_sku_lines, overflows, over_key_limit;
  std::array<Count, 5> by_disposition;
  std::array<Count, v1::RejectReason_ARRAYSIZE> rejected_by_reason;
  Count keys, documents_known, documents_forgotten;

  const Count& of(Disposition disposition) const {
    return by_disposition[static_cast<std::size_t>(disposition)];
  }
};

DocumentKey document_key(std::string_view id) {
  const XXH128_hash_t hash = XXH3_128bits(id.data(), id.size());
  return {hash.low64, static_cast<std::uint32_t>(hash.high64)};
}

// Producers choose party ids; which of them collide is not for them to know.
std::uint64_t text_seed() {
  static const std::uint64_t seed = std::uint64_t{std::random_device()()} << 32 | 1;
  return seed;
}

window::Options seeded(window::Options options) {
  options.text_seed = text_seed();
  return options;
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
  Impl(SourceId id, std::shared_ptr<const config::Config> config, SourceOptions options);

  Stretch process(std::span<const Record> records, bool stop_at_pane_end,
                  std::vector<Aside>* aside);
  void pass_over(std::uint64_t count, std::int64_t next_offset);
  void flush(bool ended, std::vector<v1::JournalRecord>* out);
  void recycle(std::vector<v1::JournalRecord>* records) { journal_.recycle(records); }
  SourceStats stats() const;
  const window::Reads& panes() const { return window_; }

  const SourceId id_;

 private:
  // A record that was decoded and checked, ahead of those that are counted.
  struct Prepared {
    observe::Observation event;
    observe::Rejection rejection;
    DocumentKey key;
    Grouping::Ahead ahead;
    bool is_valid = false;
  };
  static constexpr std::size_t kAhead = kRecordsAhead;
  // Of these, from where on the slot of its key is known, and then the pane.
  static constexpr std::size_t kGuessAhead = 4, kPaneAhead = 2;

  void prepare(const Record& record, Prepared* prepared);
  void tell_ahead(const Prepared& prepared, DocumentSink::Ahead step) const;
  Disposition count(const Record& record, const Prepared& prepared);
  Disposition take_in(const Record& record, const Prepared& prepared);
  void take_in_unseen(const Prepared& prepared, std::int64_t offset);
  void hand_on(const observe::Observation& event, bool is_new, std::int64_t offset);
  void publish(std::int64_t next_offset);
  void advance_watermark(Micros time, std::int64_t offset);
  [[gnu::noinline]] void hold_if_ahead(Micros time);
  void publish_outliers();
  void add(const Contribution& contribution, Micros time, std::int64_t offset,
           window::Effect effect);

  const std::shared_ptr<const config::Config> config_;
  const SourceOptions options_;
  const config::EventTimeBounds bounds_;
  const Micros span_ahead_;
  const std::vector<const config::Series*> series_;
  const observe::ReferenceIndex index_;
  const observe::Observer observer_;
  window::Window window_;

  // Writer's.
  Grouping grouping_;
  Documents documents_;
  std::array<Prepared, kAhead> prepared_;  // reused; that of record i is i % kAhead
  std::vector<Contribution> old_, new_;
  HighestTimes highest_;
  std::optional<Micros> watermark_;
  // Written once by the writer, before it publishes the first watermark; read by the flusher once
  // it has seen that published, which orders the two.
  std::atomic<Micros> first_watermark_{0};
  Micros next_pane_end_ = INT64_MAX;
  bool closed_pane_ = false;  // since it was cleared
  Counts counts_;
  // How many outliers there are, and offset and time of the one furthest ahead. The writer
  // publishes them together.
  window::AlternatingWords<3> outliers_{{0, 0, 0}};

  // Flusher's.
  JournalWriter journal_;
  window::Collected collected_;
};

Source::Impl::Impl(SourceId id, std::shared_ptr<const config::Config> config, SourceOptions options)
    : id_(id),
      config_(std::move(config)),
      options_(options),
      bounds_(config_->event_time),
      span_ahead_(span_ahead(bounds_)),
      series_(series_of(id.topic, *config_)),
      index_(config_->reference.get()),
      observer_(id.topic, &index_,
                {.record_bytes = static_cast<std::size_t>(config_->limits.record_bytes),
                 .text_bytes = static_cast<std::size_t>(config_->limits.text_bytes),
                 .future_bound = bounds_.future_bound}),
      window_(series_specs(series_, config_->limits), seeded(window_options(bounds_))),
      grouping_(series_, &index_, &window_),
      documents_(bounds_.correction_horizon, span_ahead_,
                 static_cast<std::size_t>(config_->limits.document_memory)),
      highest_(static_cast<std::size_t>(bounds_.outliers)),
      journal_(id, series_, &window_) {}

Source::Stretch Source::Impl::process(std::span<const Record> records, bool stop_at_pane_end,
                                      std::vector<Aside>* aside) {
  closed_pane_ = false;
  for (std::size_t begin = 0; begin < records.size(); begin += kRecordsPerPublication) {
    const std::size_t end = std::min(records.size(), begin + kRecordsPerPublication);
    window_.begin_event();
    std::size_t ahead = begin;
    for (; ahead < std::min(end, begin + kAhead - 1); ++ahead) {
      prepare(records[ahead], &prepared_[ahead % kAhead]);
    }
    for (std::size_t i = begin; i < end; ++i) {
      if (ahead < end) {
        prepare(records[ahead], &prepared_[ahead % kAhead]);
        ++ahead;
      }
      if (i + kGuessAhead < end) {
        grouping_.guess(&prepared_[(i + kGuessAhead) % kAhead].ahead);
        tell_ahead(prepared_[(i + kGuessAhead) % kAhead], DocumentSink::Ahead::kNear);
      }
      if (i + kPaneAhead < end) {
        grouping_.prefetch_panes(prepared_[(i + kPaneAhead) % kAhead].ahead);
        tell_ahead(prepared_[(i + kPaneAhead) % kAhead], DocumentSink::Ahead::kNext);
      }
      const Prepared& prepared = prepared_[i % kAhead];
      const Disposition disposition = count(records[i], prepared);
      if (closed_pane_ && stop_at_pane_end) {  // so it is neither late nor rejected
        publish(records[i].offset + 1);
        return {.count = i + 1, .closed_pane = true};
      }
      // The event's end for the window, which tidies up a little after each; the last one's comes
      // with publish().
      if (i + 1 < end) window_.end_event();
      if (disposition != Disposition::kLate && disposition != Disposition::kRejected) continue;
      Outcome& outcome = aside->emplace_back(Aside{.index = i, .outcome = {}}).outcome;
      outcome.disposition = disposition;
      if (disposition == Disposition::kRejected) {
        outcome.reason = prepared.rejection.reason;
        outcome.detail = prepared.rejection.detail;
      }
    }
    publish(records[end - 1].offset + 1);
  }
  return {.count = records.size(), .closed_pane = closed_pane_};
}

void Source::Impl::pass_over(std::uint64_t count, std::int64_t next_offset) {
  window_.begin_event();
  counts_.rejected_by_reason[v1::REJECT_REASON_UNREADABLE].add(count);
  counts_.by_disposition[static_cast<std::size_t>(Disposition::kRejected)].add(count);
  publish(next_offset);
}

// Changes nothing but `prepared`: what it finds does not depend on the records between.
void Source::Impl::prepare(const Record& record, Prepared* prepared) {
  prepared->is_valid = observer_.observe(record.payload, record.record_timestamp, &prepared->event,
                                         &prepared->rejection);
  prepared->ahead.count = 0;
  if (!prepared->is_valid) return;
  grouping_.look_ahead(prepared->event, &prepared->ahead);
  if (!options_.remembers_documents) return;
  prepared->key = document_key(prepared->event.document.id);
  documents_.prefetch(prepared->key);
  tell_ahead(*prepared, DocumentSink::Ahead::kFar);
}

void Source::Impl::tell_ahead(const Prepared& prepared, DocumentSink::Ahead step) const {
  if (options_.documents == nullptr || !prepared.is_valid) return;
  options_.documents->look_ahead(prepared.event, step);
}

Disposition Source::Impl::count(const Record& record, const Prepared& prepared) {
  Disposition disposition = Disposition::kRejected;
  if (prepared.is_valid) {
    if (options_.is_keyed && record.key != prepared.event.document.order_id) {
      counts_.miskeyed.add(1);
    }
    const std::optional<Micros> watermark_before = watermark_;
    disposition = take_in(record, prepared);
    // Behind the event: it may be about what its own watermark puts out of reach.
    if (options_.documents != nullptr && watermark_ != watermark_before) {
      options_.documents->advance(*watermark_, record.offset);
    }
  } else {
    counts_.rejected_by_reason[static_cast<std::size_t>(prepared.rejection.reason)].add(1);
  }
  counts_.by_disposition[static_cast<std::size_t>(disposition)].add(1);
  return disposition;
}

void Source::Impl::publish(std::int64_t next_offset) {
  counts_.keys.set(window_.key_count());
  counts_.documents_known.set(documents_.size());
  counts_.documents_forgotten.set(documents_.forgotten());
  if (bounds_.outliers > 0) publish_outliers();
  window_.publish(next_offset);
}

Disposition Source::Impl::take_in(const Record& record, const Prepared& prepared) {
  const observe::Observation& observation = prepared.event;
  if (watermark_ && observation.time < *watermark_ - bounds_.allowed_lateness) {
    return Disposition::kLate;
  }
  const DocumentEvent event{.key = prepared.key,
                            .revision = observation.document.revision,
                            .is_cancellation = observation.effect == observe::Effect::kCancel,
                            .time = observation.time};
  const std::optional<Micros> watermark_before = watermark_;
  advance_watermark(event.time, record.offset);
  if (!options_.remembers_documents) {
    take_in_unseen(prepared, record.offset);
    hand_on(observation, /*is_new=*/true, record.offset);
    if (bounds_.outliers > 0) [[unlikely]]
      hold_if_ahead(event.time);
    return Disposition::kCounted;
  }

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
        add(contribution, old_time, record.offset, window::Effect::kTakeOut);
      }
    }
    take_in_unseen(prepared, record.offset);
    if (action != DocumentAction::kRemember) hand_on(observation, is_first, record.offset);
    if (bounds_.outliers > 0) [[unlikely]] {
      hold_if_ahead(documents_.apply_ahead(event, watermark_, new_));
    } else {
      documents_.apply(event, *watermark_, new_);
    }
  }
  return disposition;
}

void Source::Impl::hand_on(const observe::Observation& event, bool is_new, std::int64_t offset) {
  if (options_.documents == nullptr) return;
  if (event.effect == observe::Effect::kCancel) {
    options_.documents->take_out(event.document.id, offset);
  } else {
    options_.documents->put(event, is_new, offset);
  }
}

// Leaves the event's contributions in new_.
void Source::Impl::take_in_unseen(const Prepared& prepared, std::int64_t offset) {
  const observe::Observation& event = prepared.event;
  counts_.over_key_limit.add(grouping_.contributions(event, prepared.ahead, &new_));
  for (const Contribution& contribution : new_) {
    add(contribution, event.time, offset, window::Effect::kTakeIn);
  }
  if (event.effect == observe::Effect::kCancel) return;
  counts_.unknown_sku_lines.add(event.unknown_sku_lines);
}

void Source::Impl::add(const Contribution& contribution, Micros time, std::int64_t offset,
                       window::Effect effect) {
  if (!window_.add(contribution.slot, time, contribution.values, offset, effect)) {
    counts_.overflows.add(1);
  }
}

// The keys of new_, which a document of this time has touched.
void Source::Impl::hold_if_ahead(Micros time) {
  if (watermark_ && time - span_ahead_ <= *watermark_) return;
  for (const Contribution& contribution : new_) window_.hold(contribution.slot, time);
}

void Source::Impl::publish_outliers() {
  HighestTimes::Seen furthest;
  std::int64_t count = 0;
  for (const HighestTimes::Seen& seen : highest_.seen()) {
    if (!watermark_ || seen.time - span_ahead_ <= *watermark_) continue;
    if (count == 0 || seen.time > furthest.time) furthest = seen;
    ++count;
  }
  outliers_.publish({count, furthest.offset, furthest.time});
}

void Source::Impl::advance_watermark(Micros time, std::int64_t offset) {
  if (!highest_.note(time, offset)) return;
  const Micros watermark = highest_.but_outliers() - bounds_.out_of_orderness;
  const bool passes_a_pane = !watermark_ || watermark >= next_pane_end_;
  closed_pane_ |= passes_a_pane && watermark_;
  if (!watermark_) first_watermark_.store(watermark, std::memory_order_relaxed);
  watermark_ = watermark;
  window_.advance(watermark);
  if (passes_a_pane) {
    next_pane_end_ = INT64_MAX;
    for (const config::Series* series : series_) {
      next_pane_end_ = std::min(
          next_pane_end_, (pane_of(watermark, series->pane_length) + 1) * series->pane_length);
    }
  }
}

void Source::Impl::flush(bool ended, std::vector<v1::JournalRecord>* out) {
  const bool has_news = window_.collect(&collected_);
  if (!has_news && !ended) return;
  journal_.append(collected_, ended, out);
  v1::Progress* progress = out->back().mutable_progress();
  if (!progress->has_watermark_micros()) return;
  progress->set_first_watermark_micros(first_watermark_.load(std::memory_order_relaxed));
}

SourceStats Source::Impl::stats() const {
  SourceStats stats;
  stats.counted = counts_.of(Disposition::kCounted).get();
  stats.duplicate = counts_.of(Disposition::kDuplicate).get();
  stats.superseded = counts_.of(Disposition::kSuperseded).get();
  stats.late = counts_.of(Disposition::kLate).get();
  stats.rejected = counts_.of(Disposition::kRejected).get();
  stats.consumed = stats.counted + stats.duplicate + stats.superseded + stats.late + stats.rejected;
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
  stats.documents_forgotten = counts_.documents_forgotten.get();
  const auto [outliers, offset, time] = outliers_.read();
  stats.outliers = static_cast<std::uint64_t>(outliers);
  if (outliers > 0) stats.furthest_outlier = {.offset = offset, .time = time};
  return stats;
}

Source::Source(SourceId id, std::shared_ptr<const config::Config> config, SourceOptions options)
    : impl_(std::make_unique<Impl>(id, std::move(config), options)) {}
Source::~Source() = default;

SourceId Source::id() const { return impl_->id_; }
void Source::process(std::span<const Record> records, std::vector<Aside>* aside) {
  impl_->process(records, /*stop_at_pane_end=*/false, aside);
}
Source::Stretch Source::process_to_pane_end(std::span<const Record> records,
                                            std::vector<Aside>* aside) {
  return impl_->process(records, /*stop_at_pane_end=*/true, aside);
}
void Source::pass_over(std::uint64_t count, std::int64_t next_offset) {
  impl_->pass_over(count, next_offset);
}
void Source::flush(std::vector<v1::JournalRecord>* out) { impl_->flush(false, out); }
void Source::recycle(std::vector<v1::JournalRecord>* records) { impl_->recycle(records); }
void Source::finish(std::vector<v1::JournalRecord>* out) { impl_->flush(true, out); }
SourceStats Source::stats() const { return impl_->stats(); }
const window::Reads& Source::panes() const { return impl_->panes(); }

}  // namespace surgewatch::aggregate

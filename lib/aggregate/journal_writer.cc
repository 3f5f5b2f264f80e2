#include "aggregate/journal_writer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "aggregate/measures_wire.h"

namespace surgewatch::aggregate {
namespace {

// The most that an entry takes beside its key's texts: its own tag and length, series, pane, sums
// in both forms, and what only an update or only a correction has.
constexpr std::size_t kSums = 3 + kMeasureCount * (11 + 22);
constexpr std::size_t kEntryBytes = 6 + 6 + 11 + kSums + 11 + 6;
// A text's tag and length; a series' too, and its definition.
constexpr std::size_t kTextBytes = 6, kSeriesBytes = 6 + kTextBytes + 9;

}  // namespace

// Opens a new record when one is full. Each names the series it uses.
class JournalWriter::Batches {
 public:
  Batches(JournalWriter& writer, std::int64_t next_offset, std::vector<v1::JournalRecord>* out)
      : writer_(writer), next_offset_(next_offset), out_(out) {}

  // `exact` is null unless the pane is wide, `largest` unless its series keeps the largest
  // document.
  void add(const window::PaneSnapshot& pane, const WideMeasures* exact, const Largest* largest) {
    v1::PaneBatch* batch = batch_with_room();
    v1::PaneUpdate* update = batch->add_updates();
    set_key(pane.slot, batch, update);
    update->set_pane_index(pane.pane_index);
    set_measures(pane.values, update->mutable_measures());
    if (exact != nullptr) set_exact(*exact, update->mutable_measures());
    if (largest != nullptr) update->set_largest_document(largest->encoded());
  }

  void add(const window::Correction& correction) {
    v1::PaneBatch* batch = batch_with_room();
    v1::PaneCorrection* out = batch->add_corrections();
    set_key(correction.slot, batch, out);
    out->set_pane_index(correction.pane_index);
    out->set_offset(correction.offset);
    set_measures(correction.values, out->mutable_measures());
    // All of an offset are collected at once.
    part_ = correction.offset == last_offset_ ? part_ + 1 : 0;
    last_offset_ = correction.offset;
    out->set_part(part_);
  }

 private:
  v1::PaneBatch* current() { return out_->back().mutable_panes(); }

  v1::PaneBatch* batch_with_room() {
    if (!is_open_ || bytes_ >= kBatchBytes ||
        current()->updates_size() + current()->corrections_size() >= kBatchEntries) {
      out_->push_back(writer_.pane_record());
      out_->back().mutable_panes()->set_next_offset(next_offset_);
      series_in_batch_.assign(writer_.series_.size(), kNotThere);
      is_open_ = true;
      bytes_ = 0;
    }
    bytes_ += kEntryBytes;
    return current();
  }

  template <typename Entry>
  void set_key(window::SlotId slot, v1::PaneBatch* batch, Entry* entry) {
    const std::uint32_t series = writer_.window_->series_of(slot);
    std::uint32_t& there = series_in_batch_[series];
    if (there == kNotThere) {
      there = static_cast<std::uint32_t>(batch->series_size());
      v1::SeriesRef* ref = batch->add_series();
      ref->set_name(writer_.series_[series]->name);
      ref->set_definition(writer_.series_[series]->definition);
      bytes_ += kSeriesBytes + ref->name().size();
    }
    entry->set_series(there);
    for (std::size_t i = 0; i < writer_.window_->dimensions(slot); ++i) {
      const std::string_view text = writer_.window_->key_text(slot, i);
      entry->add_key(text.data(), text.size());
      bytes_ += kTextBytes + text.size();
    }
  }

  static constexpr std::uint32_t kNotThere = UINT32_MAX;
  JournalWriter& writer_;
  const std::int64_t next_offset_;
  std::vector<v1::JournalRecord>* out_;
  std::vector<std::uint32_t> series_in_batch_;
  bool is_open_ = false;
  std::size_t bytes_ = 0;          // no less than the batch has; counting it each time would cost
  std::int64_t last_offset_ = -1;  // of a correction
  std::uint32_t part_ = 0;
};

v1::JournalRecord JournalWriter::record() {
  v1::JournalRecord record;
  record.mutable_source()->set_topic(std::string(topic_name(source_.topic)));
  record.mutable_source()->set_partition(source_.partition);
  return record;
}

v1::JournalRecord JournalWriter::pane_record() {
  if (spare_.empty()) return record();
  v1::JournalRecord record = std::move(spare_.back());
  spare_.pop_back();
  return record;
}

void JournalWriter::recycle(std::vector<v1::JournalRecord>* records) {
  for (v1::JournalRecord& record : *records) {
    if (spare_.size() == kMaxSpare) break;
    // Only what record() set, and an emptied batch, may be left: not what a caller has added.
    if (!record.has_panes()) continue;
    record.mutable_panes()->Clear();
    spare_.push_back(std::move(record));
  }
  records->clear();
}

void JournalWriter::append(const window::Collected& collected, bool ended,
                           std::vector<v1::JournalRecord>* out) {
  Batches batches(*this, collected.progress.next_offset, out);
  auto exact = collected.exact.begin();
  auto largest = collected.largest.begin();
  for (std::size_t i = 0; i < collected.panes.size(); ++i) {
    const bool is_wide = exact != collected.exact.end() && exact->pane == i;
    const bool has_largest = largest != collected.largest.end() && largest->pane == i;
    batches.add(collected.panes[i], is_wide ? &(exact++)->values : nullptr,
                has_largest ? &(largest++)->document : nullptr);
  }
  for (const window::Correction& correction : collected.corrections) batches.add(correction);

  v1::JournalRecord last = record();
  v1::Progress* progress = last.mutable_progress();
  progress->set_next_offset(collected.progress.next_offset);
  if (collected.progress.watermark) {
    progress->set_watermark_micros(*collected.progress.watermark);
  }
  progress->set_ended(ended);
  out->push_back(std::move(last));
}

}  // namespace surgewatch::aggregate

// What a reader of the journal makes of it: the newest snapshot of each source's pane plus its
// corrections in the order of their offsets, summed over sources. And what a journal must be.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/measures.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::property {

inline MeasureValues values_of(const v1::Measures& measures) {
  MeasureValues values;
  values[Measure::kDocuments] = measures.documents();
  values[Measure::kUnits] = measures.units();
  values[Measure::kChips] = measures.chips();
  values[Measure::kRevenueUsd] = measures.revenue_usd_micros();
  values[Measure::kTpp] = measures.tpp();
  return values;
}

class Merge {
 public:
  using PaneKey = std::tuple<std::string, std::vector<std::string>, PaneIndex>;

  void apply(const v1::JournalRecord& record) {
    Source& source = sources_[{record.source().topic(), record.source().partition()}];
    if (record.has_panes()) apply(record.panes(), &source);
    if (record.has_progress()) {
      EXPECT_FALSE(source.ended);
      EXPECT_GE(record.progress().next_offset(), source.next_offset);
      if (source.watermark) {
        EXPECT_GE(record.progress().watermark_micros(), *source.watermark);
      }
      source.next_offset = record.progress().next_offset();
      if (record.progress().has_watermark_micros()) {
        source.watermark = record.progress().watermark_micros();
      }
      source.ended = record.progress().ended();
    }
  }

  std::map<PaneKey, MeasureValues> panes() const {
    std::map<PaneKey, MeasureValues> total;
    for (const auto& [id, source] : sources_) {
      for (const auto& [key, snapshot] : source.snapshots) total[key].add(snapshot.values);
      for (const auto& [key, values] : source.corrections) total[key].add(values);
    }
    for (auto it = total.begin(); it != total.end();) {
      it = it->second.is_zero() ? total.erase(it) : std::next(it);
    }
    return total;
  }

  std::size_t corrections = 0;

 private:
  struct Snapshot {
    std::int64_t stamp = -1;
    MeasureValues values;
  };
  struct Source {
    std::map<PaneKey, Snapshot> snapshots;
    std::map<PaneKey, MeasureValues> corrections;
    std::pair<std::int64_t, std::int64_t> corrected_until{-1, 0};  // offset, part
    std::int64_t next_offset = 0;
    std::optional<Micros> watermark;
    bool ended = false;
  };

  void apply(const v1::PaneBatch& batch, Source* source) {
    EXPECT_GT(batch.next_offset(), source->next_offset) << "no pane after the progress it is for";
    for (const v1::PaneUpdate& update : batch.updates()) {
      Snapshot& snapshot = source->snapshots[key_of(batch, update)];
      EXPECT_LT(snapshot.stamp, batch.next_offset()) << "one stamp, two values";
      snapshot = {batch.next_offset(), values_of(update.measures())};
    }
    for (const v1::PaneCorrection& correction : batch.corrections()) {
      const std::pair<std::int64_t, std::int64_t> at{correction.offset(), correction.part()};
      EXPECT_LT(correction.offset(), batch.next_offset());
      EXPECT_GT(at, source->corrected_until) << "out of order";
      source->corrections[key_of(batch, correction)].add(values_of(correction.measures()));
      source->corrected_until = at;
      ++corrections;
    }
  }

  template <typename Entry>
  static PaneKey key_of(const v1::PaneBatch& batch, const Entry& entry) {
    return {batch.series(static_cast<int>(entry.series())).name(),
            std::vector<std::string>(entry.key().begin(), entry.key().end()), entry.pane_index()};
  }

  std::map<std::pair<std::string, std::int32_t>, Source> sources_;
};

}  // namespace surgewatch::property

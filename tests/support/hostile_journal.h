// Records that are well-formed and that no owner of a source says: of people by mistake, of another
// cluster's mirror, of a program of another version. None of them may move anything.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "unit/journal/records.h"

namespace surgewatch::test {

struct HostileRecord {
  std::string what;
  std::string reason;  // by which it is counted
  v1::JournalRecord record;
};

// Of a journal in which `source` is owned under `epoch`, and a topology names one partition of each
// topic. `definition`: of its series `billed`, of days by bill-to.
inline std::vector<HostileRecord> hostile_records(SourceId source, std::int64_t epoch,
                                                  std::uint64_t definition) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  constexpr SourceId kBeyond{Topic::kInvoices, 9'999};
  constexpr SourceId kUnowned{Topic::kShipments, 0};
  std::vector<HostileRecord> all;
  const auto add = [&](std::string what, std::string reason, v1::JournalRecord record) {
    all.push_back({std::move(what), std::move(reason), std::move(record)});
  };
  const auto changed = [](v1::JournalRecord record, const auto& change) {
    change(&record);
    return record;
  };
  const auto batch = [&](std::int64_t next_offset) {
    return Batch(source, next_offset, "billed", definition);
  };

  add("nothing", "unknown_kind", {});
  add("no kind that we know", "unknown_kind", by(epoch, of(source)));
  add("a topic that is none of ours", "unknown_source",
      changed(progress(source, 1, kMicrosPerDay),
              [](auto* r) { r->mutable_source()->set_topic("orders\n\x1b[31m"); }));
  add("a partition below 0", "unknown_source", progress({Topic::kInvoices, -1}, 1, kMicrosPerDay));
  add("a partition of 2^31 - 1", "unknown_source",
      ownership({Topic::kInvoices, INT32_MAX}, "another"));
  add("a partition beyond the topology", "beyond_topology", progress(kBeyond, 1, kMicrosPerDay));
  add("its ownership", "beyond_topology", ownership(kBeyond, "another"));
  add("its idle mark", "beyond_topology", idle(kBeyond, false));
  add("a source that nobody owns", "no_owner", progress(kUnowned, 1, kMicrosPerDay));
  add("one under an epoch", "no_owner", by(epoch, idle(kUnowned, true)));
  add("no epoch", "not_the_owner", progress(source, 9, kMaxEventTime));
  add("an epoch below 0", "impossible_offset", by(INT64_MIN, progress(source, 9, kMaxEventTime)));
  add("an epoch to come", "impossible_offset", by(kHuge, progress(source, 9, kMaxEventTime)));

  add("progress to offset 2^62", "impossible_offset", by(epoch, progress(source, kHuge, 5)));
  add("progress to offset -1", "impossible_offset", by(epoch, progress(source, -1, 5)));
  add("panes to offset 2^62", "impossible_offset",
      by(epoch, batch(kHuge).update({{"SG"}, 5, 10}).record()));
  add("a correction at offset 2^62", "impossible_offset",
      by(epoch, batch(1).correct({{"SG"}, 5, 10}, kHuge).record()));
  add("a first record at offset 2^62", "impossible_offset",
      changed(by(epoch, progress(source, 1, 5)),
              [](auto* r) { r->mutable_progress()->mutable_first_record()->set_offset(kHuge); }));
  add("a watermark of 2^62", "impossible_time", by(epoch, progress(source, 1, kHuge)));
  add("a watermark of -2^62", "impossible_time", by(epoch, progress(source, 1, -kHuge)));
  add("a first watermark of -2^62", "impossible_time",
      by(epoch, progress(source, 1, 5, false, -kHuge)));
  add("an end of the input", "ended", by(epoch, progress(source, 9, kMaxEventTime, true)));
  add("a pane outside of time", "impossible_time",
      by(epoch, batch(1).update({{"SG"}, INT64_MAX, 10}).record()));
  add("a pane before time", "impossible_time",
      by(epoch, batch(1).correct({{"SG"}, INT64_MIN, 10}, 0).record()));

  add("a key of two parts", "key_mismatch",
      by(epoch, batch(1).update({{"SG", "US"}, 5, 10}).record()));
  add("a long key", "key_mismatch",
      by(epoch, batch(1).update({{std::string(100'000, 'x')}, 5, 10}).record()));
  add("a series that the batch does not name", "series_mismatch",
      by(epoch, changed(batch(1).update({{"SG"}, 5, 10}).record(), [](auto* r) {
           r->mutable_panes()->mutable_updates(0)->set_series(UINT32_MAX);
         })));
  add("one series by two definitions", "series_mismatch",
      by(epoch, changed(batch(1).update({{"SG"}, 5, 10}).record(), [](auto* r) {
           *r->mutable_panes()->add_series() = r->panes().series(0);
           r->mutable_panes()->mutable_series(1)->set_definition(7);
         })));
  add("a sum of 2^120", "impossible_sum",
      by(epoch, changed(batch(1).update({{"SG"}, 5, 10}).record(), [](auto* r) {
           v1::Measures* measures = r->mutable_panes()->mutable_updates(0)->mutable_measures();
           for (std::size_t i = 0; i < kMeasureCount; ++i) {
             measures->add_exact()->set_high(std::int64_t{1} << 55);
           }
         })));
  add("three sums of five", "impossible_sum",
      by(epoch, changed(batch(1).update({{"SG"}, 5, 10}).record(), [](auto* r) {
           v1::Measures* measures = r->mutable_panes()->mutable_updates(0)->mutable_measures();
           for (int i = 0; i < 3; ++i) measures->add_exact();
         })));
  add("ownership by two definitions of a series", "series_mismatch",
      changed(ownership(source, "another"), [](auto* r) {
        *r->mutable_ownership()->add_series() = r->ownership().series(0);
        r->mutable_ownership()->mutable_series(2)->set_definition(7);
      }));
  add("ownership from offset -2^62", "impossible_offset",
      changed(ownership(source, "another"),
              [](auto* r) { r->mutable_ownership()->set_start_offset(-kHuge); }));

  add("another topology", "another_topology", topology(9'999, 9'999));
  add("a topology of 2^31 - 1 partitions", "another_topology", topology(INT32_MAX, 1));
  add("a topology below 0", "another_topology", topology(1, INT32_MIN));
  add("a topology of other topics", "another_topology", changed(topology(1, 1), [](auto* r) {
        r->mutable_topology()->mutable_topics(0)->set_name("orders");
      }));
  return all;
}

// Somebody begins to read the source, as his journal says, and never says a word under it: what a
// mirror's copy of an ownership record is here, whose epoch is an offset of another journal.
inline std::vector<v1::JournalRecord> mirrored_owners(SourceId source) {
  std::vector<v1::JournalRecord> records;
  for (const char* generation : {"", "another", "third"}) {
    records.push_back(ownership(source, generation));
  }
  records.push_back(by(0, progress(source, 900, 100 * kMicrosPerDay)));
  return records;
}

}  // namespace surgewatch::test

// A fuzzer's bytes as records of a journal: raw ones, and well-formed ones whose writer mostly
// knows how it is done, with one field that may be anything.
//
//   flags · record …        record: kind · odd · (source · by whom · what the kind has)
//
// `odd`, where it is not 0, puts eight bytes of the input into one field.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/bytes.h"
#include "unit/journal/records.h"

namespace surgewatch::fuzz {

// A series of findings, with which pairs fill panes.
inline constexpr const char* kFound = "found";

class JournalRecords {
 public:
  explicit JournalRecords(Bytes* input) : input_(*input) {}

  // The bytes of the journal's next record.
  std::string next() {
    const std::int64_t kind = input_.pick(0, 7);
    std::string bytes = kind == 7 ? input_.text() : well_formed(kind).SerializeAsString();
    ++offset_;
    return bytes;
  }

 private:
  struct Writer {
    std::int64_t next_offset = 0;
    std::uint32_t part = 0;
    std::vector<std::int64_t> claims;  // offsets of its ownership records
  };

  static constexpr std::array<SourceId, 4> kSources{
      SourceId{Topic::kInvoices, 0}, SourceId{Topic::kInvoices, 1}, SourceId{Topic::kShipments, 0},
      SourceId{Topic::kInvoices, 9'999}};
  static constexpr SourceId kPair{Topic::kOrders, 0};
  static constexpr PaneIndex kFirstDay = 19'723;  // 2024-01-01

  std::int64_t anything() { return static_cast<std::int64_t>(input_.number(8)); }

  v1::JournalRecord well_formed(std::int64_t kind) {
    const std::int64_t odd = input_.pick(0, 31);
    if (odd >= 30) return of_a_pair(odd == 31);
    if (kind == 0) return topology(odd);
    const SourceId source = input_.one_of(kSources);
    Writer& writer = writers_[source];
    v1::JournalRecord record = kind == 1   ? ownership(source, odd)
                               : kind == 2 ? test::idle(source, input_.pick(0, 1) == 1)
                               : kind == 3 ? progress(source, odd, &writer)
                               : kind == 4 ? stated(source, odd)
                                           : panes(source, odd, &writer);
    if (kind == 1) {
      writer.claims.push_back(offset_);
    } else {
      sign(writer, &record);
    }
    if (odd == 1) record.set_epoch(anything());
    if (odd == 2) record.set_owner(input_.number(8));
    if (odd == 3) record.mutable_source()->set_partition(static_cast<std::int32_t>(anything()));
    if (odd == 4) record.mutable_source()->set_topic(input_.text());
    if (odd == 5) record.clear_kind();
    return record;
  }

  // As its newest claim, or an older one, or none.
  void sign(const Writer& writer, v1::JournalRecord* record) {
    const auto back = static_cast<std::size_t>(input_.pick(0, 3));
    if (back < writer.claims.size()) {
      record->set_epoch(writer.claims[writer.claims.size() - 1 - back]);
    }
  }

  v1::JournalRecord topology(std::int64_t odd) {
    const auto invoices = static_cast<int>(input_.pick(0, 3));
    const auto shipments = static_cast<int>(input_.pick(0, 2));
    v1::JournalRecord record = test::topology(invoices, shipments);
    v1::Topology::Topic* topic = record.mutable_topology()->mutable_topics(0);
    if (odd == 6) topic->set_partitions(static_cast<std::int32_t>(anything()));
    if (odd == 7) topic->set_name(input_.text());
    return record;
  }
  v1::JournalRecord stated(SourceId source, std::int64_t odd) {
    v1::JournalRecord record = test::of(source);
    *record.mutable_topology() = topology(odd).topology();
    return record;
  }

  v1::JournalRecord ownership(SourceId source, std::int64_t odd) {
    static const std::array<std::string, 3> kGenerations{"g", "another", "third"};
    v1::JournalRecord record = test::ownership(source, input_.one_of(kGenerations));
    v1::Ownership* ownership = record.mutable_ownership();
    if (input_.pick(0, 1) == 1) *ownership->mutable_topology() = topology(odd).topology();
    if (odd == 8) ownership->set_start_offset(anything());
    if (odd == 9) ownership->mutable_series(0)->set_definition(input_.number(8));
    if (odd == 10) *ownership->add_series() = ownership->series(0);
    if (odd == 11) ownership->set_generation(input_.text());
    return record;
  }

  v1::JournalRecord progress(SourceId source, std::int64_t odd, Writer* writer) {
    const Micros watermark = (kFirstDay + input_.pick(0, 255)) * kMicrosPerDay;
    v1::JournalRecord record = test::progress(source, writer->next_offset, watermark);
    v1::Progress* progress = record.mutable_progress();
    if (odd == 12) progress->set_next_offset(anything());
    if (odd == 13) progress->set_watermark_micros(anything());
    if (odd == 14) progress->set_first_watermark_micros(anything());
    if (odd == 15) progress->mutable_first_record()->set_offset(anything());
    if (odd == 16) progress->set_record_timestamp_micros(anything());
    if (odd == 17) progress->set_ended(true);
    if (odd == 18) progress->clear_watermark_micros();
    return record;
  }

  v1::JournalRecord panes(SourceId source, std::int64_t odd, Writer* writer) {
    const bool invoices = source.topic == Topic::kInvoices;
    writer->part = 0;
    test::Batch batch(source, ++writer->next_offset, invoices ? "billed" : "shipped");
    for (std::int64_t left = input_.pick(0, 15); left > 0; --left) {
      entry(invoices, odd, writer, &batch);
    }
    v1::PaneBatch* panes = batch.record().mutable_panes();
    if (odd == 19) panes->set_next_offset(anything());
    if (odd == 20) panes->mutable_series(0)->set_definition(input_.number(8));
    if (odd == 21) panes->mutable_series(0)->set_name(input_.text());
    if (odd == 22) *panes->add_series() = panes->series(0);
    return batch.record();
  }

  void entry(bool invoices, std::int64_t odd, Writer* writer, test::Batch* batch) {
    test::Value value;
    value.key.push_back(country());
    if (invoices) value.key.push_back(country());
    value.pane = kFirstDay + input_.pick(0, 255);
    value.documents = input_.pick(-28, 227);
    value.revenue = value.documents * 1'000'000;
    if (odd == 23) value.pane = anything();
    if (odd == 24) value.revenue = anything();
    if (odd == 25) value.documents = anything();
    if (odd == 26) value.key.push_back(country());
    v1::PaneBatch* panes = batch->record().mutable_panes();
    if (input_.pick(0, 7) == 0) {
      batch->correct(value, writer->next_offset - 1, writer->part++);
      v1::PaneCorrection* correction = panes->mutable_corrections(panes->corrections_size() - 1);
      if (odd == 27) correction->set_offset(anything());
      if (odd == 28) correction->set_part(static_cast<std::uint32_t>(anything()));
      if (odd == 29) widen(correction->mutable_measures());
      return;
    }
    batch->update(value);
    v1::PaneUpdate* update = panes->mutable_updates(panes->updates_size() - 1);
    if (odd == 27) update->set_series(static_cast<std::uint32_t>(anything()));
    if (odd == 28) update->set_largest_document(anything());
    if (odd == 29) widen(update->mutable_measures());
  }

  // What an owner of orders says; with `is_odd`, one field of it may be anything.
  v1::JournalRecord of_a_pair(bool is_odd) {
    Writer& writer = writers_[kPair];
    const std::int64_t odd = is_odd ? input_.pick(0, 15) : -1;
    v1::JournalRecord record = test::of(kPair);
    switch (input_.pick(0, 4)) {
      case 0:
        pair_ownership(odd, record.mutable_ownership());
        writer.claims.push_back(offset_);
        return record;
      case 1:
        pair_progress(odd, &writer, record.mutable_progress());
        break;
      case 2:
        pair_panes(odd, &writer, record.mutable_panes());
        break;
      default:
        findings(odd, &writer, record.mutable_findings());
        break;
    }
    sign(writer, &record);
    if (odd == 0) record.mutable_source()->set_partition(static_cast<std::int32_t>(anything()));
    return record;
  }
  void pair_ownership(std::int64_t odd, v1::Ownership* ownership) {
    ownership->set_generation(input_.pick(0, 3) == 0 ? "another" : "g");
    v1::SeriesRef* series = ownership->add_series();
    series->set_name(kFound);
    series->set_definition(odd == 1 ? input_.number(8) : test::kDefinition);
  }
  void pair_progress(std::int64_t odd, Writer* writer, v1::Progress* progress) {
    v1::PairOffsets* reached = progress->mutable_pair();
    reached->set_invoices_next_offset(odd == 2 ? anything() : writer->next_offset);
    reached->set_shipments_next_offset(odd == 3 ? anything() : input_.pick(0, 255));
    const std::uint64_t both = static_cast<std::uint64_t>(reached->invoices_next_offset()) +
                               static_cast<std::uint64_t>(reached->shipments_next_offset());
    progress->set_next_offset(odd == 4 ? anything() : static_cast<std::int64_t>(both));
    if (odd == 5) progress->clear_pair();
  }
  template <typename Batch>
  void begin(std::int64_t odd, Writer* writer, Batch* batch) {
    batch->set_next_offset(odd == 6 ? anything() : ++writer->next_offset);
    v1::SeriesRef* series = batch->add_series();
    series->set_name(odd == 7 ? input_.text() : kFound);
    series->set_definition(odd == 8 ? input_.number(8) : test::kDefinition);
  }
  template <typename Entry>
  void finding_key(std::int64_t odd, Entry* entry) {
    for (std::size_t i = 0; i < config::kFindingDimensions.size(); ++i) entry->add_key(country());
    if (odd == 9) entry->add_key(country());
    if (odd == 10) entry->set_series(static_cast<std::uint32_t>(anything()));
  }
  void pair_panes(std::int64_t odd, Writer* writer, v1::PaneBatch* panes) {
    begin(odd, writer, panes);
    for (std::int64_t left = input_.pick(0, 7); left > 0; --left) {
      v1::PaneUpdate* update = panes->add_updates();
      finding_key(odd, update);
      update->set_pane_index(odd == 11 ? anything() : kFirstDay + input_.pick(0, 255));
      v1::Measures* measures = update->mutable_measures();
      measures->set_documents(input_.pick(-2, 253));
      measures->set_units(odd == 12 ? anything() : input_.pick(-2, 253));
      measures->set_chips(measures->units());
    }
  }
  void findings(std::int64_t odd, Writer* writer, v1::FindingBatch* batch) {
    begin(odd, writer, batch);
    for (std::int64_t left = input_.pick(0, 7); left > 0; --left) {
      v1::OrderFinding* finding = batch->add_findings();
      finding_key(odd, finding);
      finding->set_order_id(odd == 13 ? input_.text() : "o" + std::to_string(input_.pick(0, 7)));
      finding->set_first_time_micros(odd == 14 ? anything()
                                               : (kFirstDay + input_.pick(0, 255)) * kMicrosPerDay);
      finding->set_holds(input_.pick(0, 3) > 0);
      finding->set_units(odd == 15 ? anything() : input_.pick(0, 255));
      finding->set_chips(finding->units());
      for (std::int64_t n = input_.pick(0, 17); n > 0; --n) finding->add_documents(country());
    }
  }

  void widen(v1::Measures* measures) {
    for (std::int64_t left = input_.pick(4, 5); left > 0; --left) {
      v1::WideSum* sum = measures->add_exact();
      sum->set_high(input_.pick(-1, 254));
      if (sum->high() == 254) sum->set_high(anything());
      sum->set_low(input_.number(8));
    }
  }

  std::string country() {
    static const std::array<std::string, 6> kCountries{"SG", "US", "MY", "", "ZZ", "other"};
    const auto choice = static_cast<std::size_t>(input_.pick(0, 7));
    if (choice < kCountries.size()) return kCountries[choice];
    // One that is hostile, or long.
    if (choice == 6) return input_.text();
    return std::string(static_cast<std::size_t>(input_.pick(0, 4'200)), 'x');
  }

  Bytes& input_;
  std::int64_t offset_ = 0;
  std::map<SourceId, Writer> writers_;
};

}  // namespace surgewatch::fuzz

// Builds journal records for tests.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/measures.h"
#include "base/source.h"
#include "base/time.h"
#include "config/config.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::test {

inline constexpr std::uint64_t kDefinition = 0xABCD;
// Two sources.
inline constexpr SourceId kA{Topic::kInvoices, 0};
inline constexpr SourceId kB{Topic::kInvoices, 1};

// One series of days, by bill-to.
inline std::shared_ptr<config::Config> one_series() {
  auto config = std::make_shared<config::Config>();
  config->event_time.out_of_orderness = 0;
  config->event_time.allowed_lateness = 2 * kMicrosPerDay;
  config::Series series;
  series.name = "billed";
  series.group_by = {config::Dimension::kBillTo};
  series.definition = kDefinition;
  config->series = {series};
  return config;
}

inline v1::JournalRecord of(SourceId source) {
  v1::JournalRecord record;
  record.mutable_source()->set_topic(std::string(topic_name(source.topic)));
  record.mutable_source()->set_partition(source.partition);
  return record;
}

inline v1::JournalRecord progress(SourceId source, std::int64_t next_offset,
                                  std::optional<Micros> watermark, bool ended = false,
                                  std::optional<Micros> first_watermark = std::nullopt) {
  v1::JournalRecord record = of(source);
  record.mutable_progress()->set_next_offset(next_offset);
  if (watermark.has_value()) record.mutable_progress()->set_watermark_micros(*watermark);
  if (first_watermark) record.mutable_progress()->set_first_watermark_micros(*first_watermark);
  record.mutable_progress()->set_ended(ended);
  return record;
}

inline v1::JournalRecord idle(SourceId source, bool is_idle) {
  v1::JournalRecord record = of(source);
  record.mutable_idle()->set_idle(is_idle);
  return record;
}

// Somebody begins to read the source.
inline v1::JournalRecord ownership(SourceId source, const std::string& generation,
                                   std::uint64_t definition = kDefinition) {
  v1::JournalRecord record = of(source);
  v1::Ownership* ownership = record.mutable_ownership();
  ownership->set_generation(generation);
  ownership->set_reference_data_version("rd-" + generation);
  for (const char* name : {"billed", "shipped"}) {
    v1::SeriesRef* series = ownership->add_series();
    series->set_name(name);
    series->set_definition(definition);
  }
  return record;
}
// The same record, said by the owner whose ownership record has this offset.
inline v1::JournalRecord by(std::int64_t epoch, v1::JournalRecord record) {
  record.set_epoch(epoch);
  return record;
}

inline v1::JournalRecord topology(int invoices, int shipments) {
  v1::JournalRecord record;
  for (const auto& [name, partitions] :
       {std::pair{"invoices", invoices}, std::pair{"shipments", shipments}}) {
    v1::Topology::Topic* topic = record.mutable_topology()->add_topics();
    topic->set_name(name);
    topic->set_partitions(partitions);
  }
  return record;
}

// One pane update or correction: revenue in micros, as many units, and documents.
struct Value {
  std::vector<std::string> key;
  PaneIndex pane = 0;
  std::int64_t revenue = 0;
  std::int64_t documents = 0;
};

class Batch {
 public:
  Batch(SourceId source, std::int64_t next_offset, std::string series,
        std::uint64_t definition = kDefinition)
      : record_(of(source)) {
    record_.mutable_panes()->set_next_offset(next_offset);
    v1::SeriesRef* ref = record_.mutable_panes()->add_series();
    ref->set_name(std::move(series));
    ref->set_definition(definition);
  }

  Batch& update(const Value& value) {
    fill(value, record_.mutable_panes()->add_updates());
    return *this;
  }
  Batch& correct(const Value& value, std::int64_t offset, std::uint32_t part = 0) {
    v1::PaneCorrection* correction = record_.mutable_panes()->add_corrections();
    fill(value, correction);
    correction->set_offset(offset);
    correction->set_part(part);
    return *this;
  }
  v1::JournalRecord& record() { return record_; }
  operator const v1::JournalRecord&() const { return record_; }  // NOLINT: reads as the record

 private:
  template <typename Record>
  static void fill(const Value& value, Record* record) {
    for (const std::string& part : value.key) record->add_key(part);
    record->set_pane_index(value.pane);
    record->mutable_measures()->set_revenue_usd_micros(value.revenue);
    record->mutable_measures()->set_units(value.revenue);
    record->mutable_measures()->set_documents(value.documents);
  }

  v1::JournalRecord record_;
};

}  // namespace surgewatch::test

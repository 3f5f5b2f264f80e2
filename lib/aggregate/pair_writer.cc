#include "aggregate/pair_writer.h"

#include <string>

#include "aggregate/journal_writer.h"
#include "aggregate/measures_wire.h"

namespace surgewatch::aggregate {
namespace {

// Beside the texts of an entry: its tags, numbers and sums.
constexpr std::size_t kEntryBytes = 256;
constexpr std::size_t kTextBytes = 6;

}  // namespace

// Opens a new record when one is full, or is of the other kind. Each names the series it uses.
class PairWriter::Batches {
 public:
  Batches(const PairWriter& writer, std::int64_t stamp, std::vector<v1::JournalRecord>* out)
      : writer_(writer), stamp_(stamp), out_(*out) {}

  void add(const orders::FindingPane& pane) {
    v1::PaneBatch* batch = open(&v1::JournalRecord::has_panes, &v1::JournalRecord::mutable_panes);
    v1::PaneUpdate* update = batch->add_updates();
    update->set_series(series_in(batch, pane.series));
    for (const std::string& value : pane.key) add_text(value, update->add_key());
    update->set_pane_index(pane.pane);
    set_measures(pane.values, update->mutable_measures());
  }

  void add(const orders::NamedFinding& finding) {
    v1::FindingBatch* batch =
        open(&v1::JournalRecord::has_findings, &v1::JournalRecord::mutable_findings);
    v1::OrderFinding* named = batch->add_findings();
    named->set_series(series_in(batch, writer_.config_.rules[finding.name.rule].series));
    add_text(finding.name.order_id, named->mutable_order_id());
    for (const std::string& value : finding.key) add_text(value, named->add_key());
    named->set_kind(finding.name.kind);
    named->set_first_time_micros(finding.name.first_time);
    named->set_holds(finding.holds);
    if (!finding.holds) return;
    named->set_units(finding.units);
    named->set_chips(finding.chips);
    for (const std::string& id : finding.documents) add_text(id, named->add_documents());
  }

 private:
  template <typename Batch>
  Batch* open(bool (v1::JournalRecord::*has)() const, Batch* (v1::JournalRecord::*get)()) {
    const bool fits = is_open_ && entries_ < JournalWriter::kBatchEntries &&
                      bytes_ < JournalWriter::kBatchBytes && (out_.back().*has)();
    if (!fits) {
      out_.push_back(writer_.record());
      (out_.back().*get)()->set_next_offset(stamp_);
      is_open_ = true;
      entries_ = 0;
      bytes_ = 0;
    }
    ++entries_;
    bytes_ += kEntryBytes;
    return (out_.back().*get)();
  }

  template <typename Batch>
  std::uint32_t series_in(Batch* batch, std::size_t series) {
    const config::Series& definition = writer_.config_.series[series];
    for (int i = 0; i < batch->series_size(); ++i) {
      if (batch->series(i).name() == definition.name) return static_cast<std::uint32_t>(i);
    }
    v1::SeriesRef* ref = batch->add_series();
    ref->set_name(definition.name);
    ref->set_definition(definition.definition);
    return static_cast<std::uint32_t>(batch->series_size() - 1);
  }

  void add_text(const std::string& text, std::string* field) {
    *field = text;
    bytes_ += kTextBytes + text.size();
  }

  const PairWriter& writer_;
  const std::int64_t stamp_;
  std::vector<v1::JournalRecord>& out_;
  bool is_open_ = false;
  int entries_ = 0;
  std::size_t bytes_ = 0;
};

v1::JournalRecord PairWriter::record() const {
  v1::JournalRecord record;
  record.mutable_source()->set_topic(std::string(topic_name(Topic::kOrders)));
  record.mutable_source()->set_partition(partition_);
  return record;
}

void PairWriter::append(const orders::Pair::Collected& collected, const Offsets& reached,
                        std::vector<v1::JournalRecord>* out) {
  const bool moved = reached.invoices != said_.invoices || reached.shipments != said_.shipments;
  if (!moved && collected.panes.empty() && collected.findings.empty()) return;
  said_ = reached;
  const std::int64_t stamp = reached.invoices + reached.shipments;
  Batches batches(*this, stamp, out);
  for (const orders::FindingPane& pane : collected.panes) batches.add(pane);
  for (const orders::NamedFinding& finding : collected.findings) batches.add(finding);
  v1::JournalRecord last = record();
  last.mutable_progress()->set_next_offset(stamp);
  last.mutable_progress()->mutable_pair()->set_invoices_next_offset(reached.invoices);
  last.mutable_progress()->mutable_pair()->set_shipments_next_offset(reached.shipments);
  out->push_back(std::move(last));
}

}  // namespace surgewatch::aggregate

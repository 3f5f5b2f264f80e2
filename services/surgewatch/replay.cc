#include <algorithm>
#include <chrono>
#include <cstdio>
#include <tuple>
#include <vector>

#include "aggregate/source.h"
#include "base/proto_json.h"
#include "base/status.h"
#include "common/event_file.h"
#include "common/progress.h"
#include "config/config.h"
#include "detect/detector.h"
#include "surgewatch/commands.h"
#include "surgewatch/text_output.h"
#include "surgewatch/v1/journal.pb.h"

// The pipeline without Kafka: a file's invoices are one source, its shipments another. There is no
// clock: whenever an event moves its source's watermark past the end of a pane, that source is
// flushed, so that the same file always gives the same journal and the same alerts.

namespace surgewatch::services {
namespace {

constexpr std::uint64_t kStopCheckEvery = 1'024;

class Replay {
 public:
  Replay(const ReplayOptions& options, std::shared_ptr<const config::Config> config,
         TextOutput alerts, std::optional<TextOutput> rejects)
      : config_(config),
        invoices_({Topic::kInvoices, 0}, config),
        shipments_({Topic::kShipments, 0}, config),
        detector_(config, {.keep_all_panes = !options.series.empty()}),
        alerts_(std::move(alerts)),
        rejects_(std::move(rejects)),
        progress_("replay", "events",
                  options.quiet ? Progress::Style::kQuiet : Progress::Style::kAutomatic) {}

  absl::Status run(EventReader* reader, const Stop& stop);
  absl::Status write_series(const std::string& path) const;
  absl::Status close();
  std::uint64_t rejected() const { return rejected_; }
  std::string summary() const;

 private:
  aggregate::Source& source(Topic topic) {
    return topic == Topic::kInvoices ? invoices_ : shipments_;
  }
  absl::Status take(const EventRecord& record, std::int64_t offset);
  absl::Status reject(const EventRecord& record, std::int64_t offset, v1::RejectReason reason,
                      const std::string& detail);
  absl::Status apply();

  std::shared_ptr<const config::Config> config_;
  aggregate::Source invoices_, shipments_;
  detect::Detector detector_;
  TextOutput alerts_;
  std::optional<TextOutput> rejects_;
  Progress progress_;
  std::vector<v1::JournalRecord> journal_;
  detect::Emissions emissions_;
  std::uint64_t events_ = 0, rejected_ = 0, revisions_ = 0;
};

absl::Status Replay::run(EventReader* reader, const Stop& stop) {
  v1::JournalRecord topology;
  for (const Topic topic : {Topic::kInvoices, Topic::kShipments}) {
    auto* entry = topology.mutable_topology()->add_topics();
    entry->set_name(std::string(topic_name(topic)));
    entry->set_partitions(1);
  }
  journal_.push_back(topology);
  SW_RETURN_IF_ERROR(apply());
  EventRecord record;
  while (true) {
    SW_ASSIGN_OR_RETURN(const bool more, reader->next(&record));
    if (!more) break;
    SW_RETURN_IF_ERROR(take(record, static_cast<std::int64_t>(events_++)));
    if (events_ % kStopCheckEvery == 0) {
      if (stop.requested()) return absl::CancelledError("stopped before the end of the events");
      const auto total = reader->bytes_total();
      const auto done = static_cast<double>(reader->bytes_read());
      progress_.update(total ? done / static_cast<double>(*total) : -1, events_, "");
    }
  }
  invoices_.finish(&journal_);
  shipments_.finish(&journal_);
  return apply();
}

absl::Status Replay::take(const EventRecord& record, std::int64_t offset) {
  if (!record.topic) return reject(record, offset, record.reason, record.error);
  aggregate::Source& source = this->source(*record.topic);
  const auto time = aggregate::peek_event_time(*record.topic, record.payload);
  const bool closes = time && source.would_close_pane(*time);
  aggregate::Record input;
  input.offset = offset;
  input.payload = record.payload;
  const aggregate::Outcome outcome = source.process(input);
  if (outcome.disposition == aggregate::Disposition::kRejected) {
    return reject(record, offset, outcome.reason, outcome.detail);
  }
  if (!closes || !outcome.watermark_advanced) return absl::OkStatus();
  source.flush(&journal_);
  return apply();
}

absl::Status Replay::reject(const EventRecord& record, std::int64_t offset, v1::RejectReason reason,
                            const std::string& detail) {
  ++rejected_;
  if (!rejects_) return absl::OkStatus();
  v1::Reject reject;
  reject.set_reason(reason);
  reject.set_detail(detail);
  reject.set_offset(offset);
  bool decoded = false;
  if (record.topic) {
    reject.set_topic(std::string(topic_name(*record.topic)));
    const int size = static_cast<int>(record.payload.size());
    v1::Event* event = reject.mutable_event();
    decoded = *record.topic == Topic::kInvoices
                  ? event->mutable_invoice()->ParseFromArray(record.payload.data(), size)
                  : event->mutable_shipment()->ParseFromArray(record.payload.data(), size);
    // JSON has no form for a time outside of years 1 to 9999.
    decoded = decoded && reason != v1::REJECT_REASON_INVALID_TIME;
  }
  if (!decoded) {
    reject.clear_event();
    reject.set_raw(std::string(record.payload));
  }
  return rejects_->line(to_json(reject));
}

absl::Status Replay::apply() {
  for (const v1::JournalRecord& record : journal_) detector_.apply(record, &emissions_);
  journal_.clear();
  for (const v1::Alert& alert : emissions_.alerts) {
    ++revisions_;
    SW_RETURN_IF_ERROR(alerts_.line(to_json(alert)));
  }
  emissions_.alerts.clear();
  emissions_.points.clear();
  return absl::OkStatus();
}

std::string rendered_key(const config::Series& series, const std::vector<std::string>& values) {
  std::string key;
  for (std::size_t i = 0; i < values.size(); ++i) {
    key += fmt::format("{}{}={}", i == 0 ? "" : ";", config::dimension_name(series.group_by[i]),
                       values[i]);
  }
  return key;
}

// RFC 4180.
std::string csv_field(std::string text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  for (std::size_t i = text.find('"'); i != std::string::npos; i = text.find('"', i + 2)) {
    text.insert(i, 1, '"');
  }
  return '"' + text + '"';
}

absl::Status Replay::write_series(const std::string& path) const {
  SW_ASSIGN_OR_RETURN(TextOutput output, TextOutput::open(path));
  SW_RETURN_IF_ERROR(output.line("series,pane_start,key,measure,value"));
  // Rows are sorted as text, so that any tool's sort agrees; panes come in order already.
  using Row = std::tuple<std::string, std::string_view, std::int64_t>;  // key, measure, value
  std::vector<Row> rows;
  std::pair<std::size_t, PaneIndex> current{};
  absl::Status status;
  const auto write_rows = [&] {
    const auto& [series_index, pane] = current;
    const config::Series& series = config_->series[series_index];
    std::sort(rows.begin(), rows.end());
    for (const auto& [key, measure, value] : rows) {
      if (!status.ok()) return;
      status = output.line(fmt::format("{},{},{},{},{}", series.name,
                                       format_time(pane * series.pane_length), csv_field(key),
                                       measure, value));
    }
    rows.clear();
  };
  detector_.for_each_pane([&](const detect::ClosedPane& pane) {
    if (const std::pair here(pane.series, pane.pane); here != current) {
      if (!rows.empty()) write_rows();
      current = here;
    }
    const config::Series& series = config_->series[pane.series];
    for (const Measure measure : series.measures) {
      if (pane.values[measure] == 0) continue;
      rows.emplace_back(rendered_key(series, pane.key), measure_name(measure),
                        pane.values[measure]);
    }
  });
  if (!rows.empty()) write_rows();
  SW_RETURN_IF_ERROR(status);
  return output.close();
}

absl::Status Replay::close() {
  progress_.clear();
  SW_RETURN_IF_ERROR(alerts_.close());
  return rejects_ ? rejects_->close() : absl::OkStatus();
}

std::string Replay::summary() const {
  std::string text = fmt::format("replay: {} events, {} rejected", events_, rejected_);
  const aggregate::SourceStats a = invoices_.stats();
  const aggregate::SourceStats b = shipments_.stats();
  text += fmt::format(", {} duplicate, {} late, {} corrections; {} alert revisions",
                      a.duplicate + b.duplicate, a.late + b.late, a.corrections + b.corrections,
                      revisions_);
  return text;
}

}  // namespace

absl::Status replay(const ReplayOptions& options, const Stop& stop) {
  SW_ASSIGN_OR_RETURN(auto config, config::load(options.config));
  SW_ASSIGN_OR_RETURN(
      const auto reader,
      EventReader::open(options.events, options.format.value_or(format_of(options.events))));
  SW_ASSIGN_OR_RETURN(TextOutput alerts, TextOutput::open(options.alerts));
  std::optional<TextOutput> rejects;
  if (!options.rejects.empty()) {
    SW_ASSIGN_OR_RETURN(rejects, TextOutput::open(options.rejects));
  }
  const auto start = std::chrono::steady_clock::now();
  Replay replay(options, std::move(config), std::move(alerts), std::move(rejects));
  SW_RETURN_IF_ERROR(replay.run(reader.get(), stop));
  if (!options.series.empty()) SW_RETURN_IF_ERROR(replay.write_series(options.series));
  SW_RETURN_IF_ERROR(replay.close());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (!options.quiet) fmt::print(stderr, "{} in {:.2f} s\n", replay.summary(), took.count());
  if (options.strict && replay.rejected() > 0) {
    return invalid_argument("{} events were rejected; --rejects FILE shows which and why",
                            replay.rejected());
  }
  return absl::OkStatus();
}

}  // namespace surgewatch::services

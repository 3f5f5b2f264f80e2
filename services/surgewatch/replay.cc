#include <chrono>
#include <cstdio>
#include <vector>

#include "base/proto_json.h"
#include "base/status.h"
#include "common/progress.h"
#include "config/config.h"
#include "detect/detector.h"
#include "files/event_file.h"
#include "files/finding_list.h"
#include "files/pane_csv.h"
#include "files/text_output.h"
#include "footprint/footprint.h"
#include "surgewatch/commands.h"
#include "surgewatch/replay_pipeline.h"
#include "surgewatch/v1/journal.pb.h"

// The pipeline without Kafka: a file's invoices are one source, its shipments another. There is no
// clock: whenever an event moves its source's watermark past the end of a pane, that source is
// flushed, so that the same file always gives the same journal and the same alerts.

namespace surgewatch::services {
namespace {

// Emissions taken from the detector at a time: where windows of years close at once, there are
// more than would fit.
constexpr std::size_t kSaidAtOnce = detect::Detector::kSaidAtOnce;

class Replay {
 public:
  Replay(const ReplayOptions& options, std::unique_ptr<files::EventReader> reader,
         std::shared_ptr<const config::Config> config, files::TextOutput alerts,
         std::optional<files::TextOutput> rejects)
      : config_(config),
        bytes_total_(reader->bytes_total()),
        pipeline_(std::move(reader), config,
                  {.one_thread = options.one_thread, .keep_rejects = rejects.has_value()}),
        detector_(config, {.keep_all_panes = !options.series.empty()}),
        findings_(config),
        alerts_(std::move(alerts)),
        rejects_(std::move(rejects)),
        progress_("replay", "events",
                  options.quiet ? Progress::Style::kQuiet : Progress::Style::kAutomatic) {}

  absl::Status run(const Stop& stop);
  absl::Status write_series(const std::string& path, bool zeros) const;
  absl::Status write_findings(const std::string& path) const;
  absl::Status close();
  std::uint64_t rejected() const;
  std::string summary() const;

 private:
  absl::Status apply(const std::vector<v1::JournalRecord>& journal);

  std::shared_ptr<const config::Config> config_;
  const std::optional<std::uint64_t> bytes_total_;
  ReplayPipeline pipeline_;
  detect::Detector detector_;
  files::FindingList findings_;
  files::TextOutput alerts_;
  std::optional<files::TextOutput> rejects_;
  Progress progress_;
  detect::Emissions said_;
  std::int64_t journal_offset_ = 0;
  std::uint64_t events_ = 0, revisions_ = 0;
};

absl::Status Replay::run(const Stop& stop) {
  v1::JournalRecord topology;
  for (const Topic topic : kInputTopics) {
    auto* entry = topology.mutable_topology()->add_topics();
    entry->set_name(std::string(topic_name(topic)));
    entry->set_partitions(1);
  }
  SW_RETURN_IF_ERROR(apply({topology}));
  ReplayPipeline::Stretch stretch;
  while (true) {
    SW_ASSIGN_OR_RETURN(const bool more, pipeline_.next(&stretch));
    if (!more) break;
    for (const ReplayPipeline::Step& step : stretch.steps) {
      SW_RETURN_IF_ERROR(step.reject.empty() ? apply(step.journal) : rejects_->line(step.reject));
    }
    for (const orders::NamedFinding& finding : stretch.findings) findings_.take(finding);
    events_ = stretch.events;
    if (stop.requested()) return absl::CancelledError("stopped before the end of the events");
    const auto done = static_cast<double>(stretch.bytes_read);
    progress_.update(bytes_total_ ? done / static_cast<double>(*bytes_total_) : -1, events_, "");
  }
  std::vector<v1::JournalRecord> last;
  std::vector<orders::NamedFinding> last_findings;
  pipeline_.finish(&last, &last_findings);
  for (const orders::NamedFinding& finding : last_findings) findings_.take(finding);
  return apply(last);
}

absl::Status Replay::apply(const std::vector<v1::JournalRecord>& journal) {
  for (const v1::JournalRecord& record : journal) {
    detector_.take(record, journal_offset_++);
    for (bool more = true; more;) {
      more = detector_.say(kSaidAtOnce, &said_);
      for (const v1::Alert& alert : said_.alerts) {
        ++revisions_;
        SW_RETURN_IF_ERROR(alerts_.line(to_json(alert)));
      }
      said_.alerts.clear();
      said_.points.clear();
    }
  }
  return absl::OkStatus();
}

absl::Status Replay::write_series(const std::string& path, bool zeros) const {
  SW_ASSIGN_OR_RETURN(files::TextOutput output, files::TextOutput::open(path));
  SW_RETURN_IF_ERROR(files::write_panes(*config_, detector_, zeros, &output));
  return output.close();
}

absl::Status Replay::write_findings(const std::string& path) const {
  SW_ASSIGN_OR_RETURN(files::TextOutput output, files::TextOutput::open(path));
  SW_RETURN_IF_ERROR(findings_.write(&output));
  return output.close();
}

absl::Status Replay::close() {
  progress_.clear();
  SW_RETURN_IF_ERROR(alerts_.close());
  return rejects_ ? rejects_->close() : absl::OkStatus();
}

std::uint64_t Replay::rejected() const {
  return pipeline_.unreadable() + pipeline_.stats(Topic::kInvoices).rejected +
         pipeline_.stats(Topic::kShipments).rejected;
}

std::string Replay::summary() const {
  std::string text = fmt::format("replay: {} events, {} rejected", events_, rejected());
  const aggregate::SourceStats a = pipeline_.stats(Topic::kInvoices);
  const aggregate::SourceStats b = pipeline_.stats(Topic::kShipments);
  text += fmt::format(", {} duplicate, {} late, {} corrections; {} alert revisions",
                      a.duplicate + b.duplicate, a.late + b.late, a.corrections + b.corrections,
                      revisions_);
  return text;
}

}  // namespace

absl::Status replay(const ReplayOptions& options, const Stop& stop) {
  SW_ASSIGN_OR_RETURN(auto config, footprint::load(options.config));
  SW_ASSIGN_OR_RETURN(
      auto reader, files::EventReader::open(
                       options.events, options.format.value_or(files::format_of(options.events))));
  SW_ASSIGN_OR_RETURN(files::TextOutput alerts, files::TextOutput::open(options.alerts));
  std::optional<files::TextOutput> rejects;
  if (!options.rejects.empty()) {
    SW_ASSIGN_OR_RETURN(rejects, files::TextOutput::open(options.rejects));
  }
  const auto start = std::chrono::steady_clock::now();
  Replay replay(options, std::move(reader), std::move(config), std::move(alerts),
                std::move(rejects));
  SW_RETURN_IF_ERROR(replay.run(stop));
  if (!options.series.empty()) {
    SW_RETURN_IF_ERROR(replay.write_series(options.series, options.zeros));
  }
  if (!options.findings.empty()) SW_RETURN_IF_ERROR(replay.write_findings(options.findings));
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

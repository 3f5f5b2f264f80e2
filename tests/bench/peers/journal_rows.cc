// Reads back what the aggregator has appended to the journal, from an offset on, and writes every
// job's answer from it: the newest value of each source's pane plus its corrections, panes added
// up to windows. Fails unless the journal reflects every record of the topic.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "invoices.h"
#include "kafka/client.h"
#include "pane_windows.h"
#include "rows.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::peers {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWait{10'000};

struct Arguments {
  std::string brokers, directory;
  std::int64_t from = 0;
  bool print_end = false;
};

const kafka::TopicPartition& journal() {
  static const kafka::TopicPartition kJournal{"surgewatch.journal", 0};
  return kJournal;
}

Sums sums_of(const v1::Measures& measures) {
  return {measures.documents(), measures.units(), measures.revenue_usd_micros()};
}

class Journal {
 public:
  explicit Journal(const std::string& directory) {
    for (const Job& job : kJobs) {
      rows_.push_back(std::make_unique<RowWriter>(fmt::format("{}/{}.rows", directory, job.name)));
      windows_.push_back(std::make_unique<PaneWindows>(job, kPartitions, rows_.back().get()));
    }
  }

  absl::Status apply(std::string_view payload) {
    if (!record_.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
      return invalid_argument("a record of the journal can't be decoded");
    }
    if (record_.source().topic() != kTopic) return absl::OkStatus();
    const auto source = static_cast<std::size_t>(record_.source().partition());
    if (record_.has_progress()) next_offsets_[source] = record_.progress().next_offset();
    if (!record_.has_panes()) return absl::OkStatus();
    for (const std::unique_ptr<PaneWindows>& windows : windows_) {
      for (const v1::PaneUpdate& update : record_.panes().updates()) {
        windows->set(source, windows->key(update.key(0), update.key(1)), update.pane_index(),
                     sums_of(update.measures()));
      }
    }
    corrections_ += static_cast<std::uint64_t>(record_.panes().corrections_size());
    return absl::OkStatus();
  }

  absl::Status finish(const std::array<std::int64_t, kPartitions>& ends) {
    if (next_offsets_ != ends) {
      return failed_precondition("the journal reflects up to {}, the topic ends at {}",
                                 fmt::join(next_offsets_, ", "), fmt::join(ends, ", "));
    }
    // Nothing is late and nothing is corrected here.
    if (corrections_ != 0) return failed_precondition("{} corrections", corrections_);
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      windows_[i]->finish();
      if (!rows_[i]->close()) return unavailable("rows could not be written");
    }
    return absl::OkStatus();
  }

 private:
  std::vector<std::unique_ptr<RowWriter>> rows_;
  std::vector<std::unique_ptr<PaneWindows>> windows_;
  std::array<std::int64_t, kPartitions> next_offsets_{};
  std::uint64_t corrections_ = 0;
  v1::JournalRecord record_;
};

absl::Status run(const Arguments& arguments) {
  SW_ASSIGN_OR_RETURN(const auto admin, kafka::Admin::create({.brokers = arguments.brokers}));
  SW_ASSIGN_OR_RETURN(const auto journal_ends, admin->watermarks(journal(), kWait));
  if (arguments.print_end) {
    fmt::print("{}\n", journal_ends.second);
    return absl::OkStatus();
  }
  std::array<std::int64_t, kPartitions> ends{};
  for (std::int32_t i = 0; i < kPartitions; ++i) {
    SW_ASSIGN_OR_RETURN(const auto range, admin->watermarks({std::string(kTopic), i}, kWait));
    ends[static_cast<std::size_t>(i)] = range.second;
  }
  SW_ASSIGN_OR_RETURN(const auto consumer,
                      kafka::Consumer::create({.client = {.brokers = arguments.brokers}}));
  SW_RETURN_IF_ERROR(consumer->assign({{journal(), arguments.from}}));
  Journal journal(arguments.directory);
  absl::Status status;
  while (!consumer->at_end()) {
    SW_ASSIGN_OR_RETURN(const std::size_t visited,
                        consumer->poll(kWait, 10'000, [&](const kafka::Message& message) {
                          status.Update(journal.apply(message.payload));
                        }));
    SW_RETURN_IF_ERROR(status);
    static_cast<void>(visited);
  }
  return journal.finish(ends);
}

}  // namespace
}  // namespace surgewatch::peers

int main(int argc, char** argv) {
  using namespace surgewatch;
  peers::Arguments arguments;
  CLI::App app("Writes the answers that the journal holds to DIRECTORY/JOB.rows.",
               "peers_journal_rows");
  app.add_option("--brokers", arguments.brokers)->required();
  app.add_option("--directory", arguments.directory);
  app.add_option("--from", arguments.from, "the journal's offset to start at");
  app.add_flag("--end", arguments.print_end, "print the journal's end and do nothing else");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = peers::run(arguments);
  if (!status.ok()) fmt::print(stderr, "peers_journal_rows: {}\n", message_of(status));
  return status.ok() ? 0 : 1;
}

// From a file of events to the journal's records, in an order that is a function of the file alone.
//
//            ┌─ batch ─► invoices:  Source::process, flush ─┐
//   reader ──┤                                              ├─► next(): the steps of both in the
//            └─ batch ─► shipments: Source::process, flush ─┘           order of their offsets
//
// Where a rule looks into orders, what each source's documents mean for them is written down and
// played to the pair by the caller of next(), in the order of the file; its panes come before those
// of a flush.
//
// A source is flushed behind each event that closes one of its panes, so what it says, and at which
// offset of the file, depends on its own records only. The reader deals each batch of the file to
// both sources, and next() waits for what both have made of it: sorted by offset that is what one
// thread would have made of it.
//
// Threads: the pipeline belongs to one thread, the caller of next(). It has three more: the reader
// and one for each source; or none, with Options::one_thread. At most kBatchesInFlight batches are
// between them.
// Errors: next() returns the reader's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregate/order_log.h"
#include "aggregate/pair_writer.h"
#include "aggregate/source.h"
#include "config/config.h"
#include "files/event_file.h"
#include "observe/reference_index.h"
#include "orders/pair.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::services {

class ReplayPipeline {
 public:
  static constexpr std::size_t kBatchesInFlight = 8;

  struct Options {
    bool one_thread = false;
    bool keep_rejects = false;  // Step::reject is wanted
  };

  // One event that had consequences.
  struct Step {
    std::int64_t offset = 0;
    std::vector<v1::JournalRecord> journal;  // a flush,
    std::string reject;                      // or v1::Reject as JSON
  };
  struct Stretch {
    std::vector<Step> steps;
    std::vector<orders::NamedFinding> findings;  // what orders say anew, in order
    std::uint64_t events = 0;                    // of the file, up to here
    std::uint64_t bytes_read = 0;                // likewise
  };

  ReplayPipeline(std::unique_ptr<files::EventReader> reader,
                 std::shared_ptr<const config::Config> config, Options options);
  // Stops what runs, wherever it is.
  ~ReplayPipeline();

  // The next stretch of the file; false at its end.
  absl::StatusOr<bool> next(Stretch* stretch);

  // After the end: the last records and findings, then what was counted.
  void finish(std::vector<v1::JournalRecord>* journal, std::vector<orders::NamedFinding>* findings);
  aggregate::SourceStats stats(Topic topic) const;
  std::uint64_t unreadable() const { return unreadable_; }

 private:
  struct Batch;
  class Threads;

  absl::StatusOr<bool> read(Batch* batch);
  void process(Topic topic, Batch* batch);
  void merge(Batch* batch, Stretch* stretch);
  void play_orders(Batch* batch, Stretch* stretch);
  void flush_pair(std::vector<v1::JournalRecord>* journal,
                  std::vector<orders::NamedFinding>* findings);

  const std::unique_ptr<files::EventReader> reader_;
  const Options options_;
  // Where a rule looks into orders: what each source writes down, and the pair that it is played to
  // by the caller's thread, in the order of the file.
  struct Orders {
    explicit Orders(const std::shared_ptr<const config::Config>& config);
    observe::ReferenceIndex index;
    orders::Pair pair;
    std::array<aggregate::OrderLog, 2> logs;
    aggregate::PairWriter writer;
    orders::Pair::Collected collected;  // reused
    std::int64_t next_offset = 0;       // of the file
  };
  const std::unique_ptr<Orders> orders_;  // null where none does
  std::array<aggregate::Source, 2> sources_;
  std::array<std::vector<aggregate::Aside>, 2> asides_;  // reused
  std::uint64_t unreadable_ = 0;
  std::unique_ptr<Batch> batch_;      // with one_thread
  std::unique_ptr<Threads> threads_;  // without; last, so that it ends first
};

}  // namespace surgewatch::services

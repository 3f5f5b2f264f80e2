// One source, from bytes to journal: decode → validate → enrich → duplicates and corrections →
// panes → pane updates and watermark. What it holds is a pure function of the prefix of records
// that it was given; no clock, no I/O, no Kafka.
//
// Its series are those of its topic; what its documents say together with the partner's is a pair's
// (orders/pair.h), to which it hands them on.
//
// Threads: one writer calls process(); one flusher (the same thread or another) calls flush(); any
// thread calls stats(). process() takes no lock and never waits for the others.
//
// Corrections, lateness and duplicates are as CONTRACT says; docs/architecture.md has the rules in
// full.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/source.h"
#include "base/time.h"
#include "config/config.h"
#include "surgewatch/v1/events.pb.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::observe {
struct Observation;
}
namespace surgewatch::window {
class Reads;
}

namespace surgewatch::aggregate {

struct Record {
  std::int64_t offset = 0;        // strictly growing within the source
  std::string_view payload = {};  // Invoice or Shipment, plain or in the Confluent wire format
  std::string_view key = {};
  bool has_key = false;  // files have none
  // Kafka's; absent for files: then future_bound is off.
  std::optional<Micros> record_timestamp = std::nullopt;
};

enum class Disposition : std::uint8_t {
  kCounted,     // contributed (or took a contribution out)
  kDuplicate,   // same id and revision again
  kSuperseded,  // changes nothing: a lower revision, or a document already cancelled
  kLate,        // for the late topic
  kRejected,    // for the dead-letter topic
};

struct Outcome {
  Disposition disposition = Disposition::kCounted;
  v1::RejectReason reason = v1::REJECT_REASON_UNSPECIFIED;  // with kRejected
  std::string detail;                                       // with kRejected
};

// One of several records that goes elsewhere: late or rejected.
struct Aside {
  std::size_t index = 0;  // among the records given
  Outcome outcome;
};

// Who is told of each document that counts, in the order of the source: the pair's orders.
class DocumentSink {
 public:
  virtual ~DocumentSink() = default;
  // It counts: as a new document, or in place of its former revision. One that the source has
  // forgotten is new again, and what was forgotten stands.
  virtual void put(const observe::Observation& event, bool is_new, std::int64_t offset) = 0;
  // It counts no more.
  virtual void take_out(std::string_view document_id, std::int64_t offset) = 0;
  // Once the event at the offset has been told of.
  virtual void advance(Micros watermark, std::int64_t offset) = 0;
  // The event may be put soon, in so many steps: whoever keeps much may ask for the memory that it
  // will want. Changes nothing.
  enum class Ahead : std::uint8_t { kFar, kNear, kNext };
  virtual void look_ahead(const observe::Observation&, Ahead) const {}
};

struct SourceOptions {
  // False: nothing is known of former documents, so that every valid event counts, duplicates and
  // corrections like any other, and a cancellation takes nothing out. For sources that have
  // neither.
  bool remembers_documents = true;
  // Whether each record should bear its order_id as key: Kafka's, not those of files.
  bool is_keyed = false;
  // Called by the writer's thread; null for nobody. Outlives the source.
  DocumentSink* documents = nullptr;
};

// Totals since construction. Conservation: consumed = counted + duplicate + superseded + late +
// rejected.
struct SourceStats {
  std::uint64_t consumed = 0, counted = 0, duplicate = 0, superseded = 0, late = 0, rejected = 0;
  std::uint64_t miskeyed = 0;           // by another key or none; among those not rejected
  std::uint64_t corrections = 0;        // revisions that replaced, cancellations that took out
  std::uint64_t unverifiable = 0;       // corrections of a document beyond the correction horizon
  std::uint64_t unknown_sku_lines = 0;  // counted under family `unknown`
  std::uint64_t overflows = 0;          // sums that saturated
  std::uint64_t over_key_limit = 0;     // contributions counted under `other`
  std::vector<std::uint64_t> rejected_by_reason;  // indexed by v1::RejectReason
  std::optional<Micros> watermark;
  std::int64_t next_offset = 0;  // processed prefix
  std::uint64_t keys = 0;        // over all series
  std::uint64_t documents_known = 0;
  std::uint64_t documents_forgotten = 0;  // for want of limits.document_memory
  // With event_time.outliers: records, of those whose times the watermark does not follow, that are
  // an hour further ahead of it than the out-of-orderness; and which is the furthest.
  struct Outlier {
    std::int64_t offset = 0;
    Micros time = 0;
  };
  std::uint64_t outliers = 0;
  std::optional<Outlier> furthest_outlier;
};

class Source {
 public:
  Source(SourceId id, std::shared_ptr<const config::Config> config, SourceOptions options = {});
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  SourceId id() const;

  // How many records are decoded ahead of those that are counted: enough for memory to answer, few
  // enough to stay in the first cache.
  static constexpr std::size_t kRecordsAhead = 8;

  // Writer only: one record after another, however they are cut into batches: later ones are
  // decoded, and the memory that they will want is fetched, while earlier ones are counted;
  // progress is published once for kRecordsPerPublication of them. Appends to `aside` those that
  // are late or rejected, in order.
  static constexpr std::size_t kRecordsPerPublication = 256;
  void process(std::span<const Record> records, std::vector<Aside>* aside);

  // Writer only: as process(), but stops behind a record that moves the watermark to or
  // past the end of a pane of any of this source's series. That is where a replay flushes.
  struct Stretch {
    std::size_t count = 0;  // records processed: all of them, unless a pane was closed
    bool closed_pane = false;
  };
  Stretch process_to_pane_end(std::span<const Record> records, std::vector<Aside>* aside);

  // Writer only: `count` records up to before `next_offset` can't be read, by anyone. They count as
  // consumed and rejected (UNREADABLE).
  void pass_over(std::uint64_t count, std::int64_t next_offset);

  // Flusher only: appends the panes that changed since the last flush, the corrections behind the
  // ring in offset order, and a progress record. Appends nothing if nothing has happened.
  void flush(std::vector<v1::JournalRecord>* out);

  // Flusher only: takes back records that flush() gave and nobody needs any more (they were sent),
  // and empties the vector. Saves the next flush most of its work, which is the allocator's.
  void recycle(std::vector<v1::JournalRecord>* records);

  // Flusher only, after the writer is done: as flush(), with Progress.ended.
  void finish(std::vector<v1::JournalRecord>* out);

  // Any thread.
  SourceStats stats() const;
  // The panes, to read. Series are the configuration's of this source's topic, in that order.
  const window::Reads& panes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};
}  // namespace surgewatch::aggregate

#include "surgewatch/replay_pipeline.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <thread>
#include <utility>

#include "base/proto_json.h"
#include "base/status.h"
#include "common/bounded_queue.h"

namespace surgewatch::services {
namespace {

constexpr std::array<Topic, 2> kTopics{Topic::kInvoices, Topic::kShipments};

std::size_t index(Topic topic) { return static_cast<std::size_t>(topic); }

std::string reject_line(std::optional<Topic> topic, std::int64_t offset, std::string_view payload,
                        v1::RejectReason reason, const std::string& detail) {
  v1::Reject reject;
  reject.set_reason(reason);
  reject.set_detail(detail);
  reject.set_offset(offset);
  bool decoded = false;
  if (topic) {
    reject.set_topic(std::string(topic_name(*topic)));
    v1::Event* event = reject.mutable_event();
    decoded = *topic == Topic::kInvoices ? parse_printable(payload, event->mutable_invoice())
                                         : parse_printable(payload, event->mutable_shipment());
  }
  if (!decoded) {
    reject.clear_event();
    reject.set_raw(std::string(payload));
  }
  return to_json(reject);
}

}  // namespace

// A stretch of the file, with what the sources made of it.
struct ReplayPipeline::Batch {
  files::EventBatch events;
  std::array<std::vector<Step>, 2> steps;  // each written by its source's thread
};

// Batches go round: free → reader → both sources → next() → free. They are so few that none of the
// queues but `free` ever makes anyone wait for room.
class ReplayPipeline::Threads {
 public:
  explicit Threads(ReplayPipeline* pipeline);
  ~Threads();

  // A batch that both sources are done with; null at the end, or where the reader failed.
  Batch* next();
  void give_back(Batch* batch) { free_.push(batch); }
  absl::Status reader_status() const { return reader_status_; }

 private:
  using Queue = BoundedQueue<Batch*>;

  void read();
  void process(Topic topic);

  ReplayPipeline& pipeline_;
  std::array<Batch, kBatchesInFlight> batches_;
  Queue free_{kBatchesInFlight};
  std::array<Queue, 2> waiting_{Queue(kBatchesInFlight), Queue(kBatchesInFlight)};
  std::array<Queue, 2> done_{Queue(kBatchesInFlight), Queue(kBatchesInFlight)};
  absl::Status reader_status_;  // the reader's until both of done_ are closed
  std::vector<std::thread> threads_;
};

ReplayPipeline::Threads::Threads(ReplayPipeline* pipeline) : pipeline_(*pipeline) {
  for (Batch& batch : batches_) free_.push(&batch);
  threads_.emplace_back([this] { read(); });
  for (const Topic topic : kTopics) threads_.emplace_back([this, topic] { process(topic); });
}

ReplayPipeline::Threads::~Threads() {
  free_.close();
  for (std::thread& thread : threads_) thread.join();
}

void ReplayPipeline::Threads::read() {
  while (const auto batch = free_.pop()) {
    const absl::StatusOr<bool> more = pipeline_.read(*batch);
    reader_status_ = more.status();
    if (!more.ok() || !*more) break;
    for (Queue& queue : waiting_) queue.push(*batch);
  }
  for (Queue& queue : waiting_) queue.close();
}

void ReplayPipeline::Threads::process(Topic topic) {
  while (const auto batch = waiting_[index(topic)].pop()) {
    pipeline_.process(topic, *batch);
    done_[index(topic)].push(*batch);
  }
  done_[index(topic)].close();
}

ReplayPipeline::Batch* ReplayPipeline::Threads::next() {
  Batch* batch = nullptr;
  for (Queue& queue : done_) batch = queue.pop().value_or(nullptr);
  return batch;
}

ReplayPipeline::ReplayPipeline(std::unique_ptr<files::EventReader> reader,
                               std::shared_ptr<const config::Config> config, Options options)
    : reader_(std::move(reader)),
      options_(options),
      sources_{aggregate::Source({Topic::kInvoices, 0}, config),
               aggregate::Source({Topic::kShipments, 0}, config)} {
  if (options_.one_thread) {
    batch_ = std::make_unique<Batch>();
  } else {
    threads_ = std::make_unique<Threads>(this);
  }
}

ReplayPipeline::~ReplayPipeline() = default;

absl::StatusOr<bool> ReplayPipeline::read(Batch* batch) { return reader_->next(&batch->events); }

void ReplayPipeline::process(Topic topic, Batch* batch) {
  aggregate::Source& source = sources_[index(topic)];
  std::vector<aggregate::Aside>& asides = asides_[index(topic)];
  std::vector<Step>& steps = batch->steps[index(topic)];
  steps.clear();
  std::span<const aggregate::Record> rest = batch->events.of(topic);
  while (!rest.empty()) {
    asides.clear();
    const aggregate::Source::Stretch taken = source.process_to_pane_end(rest, &asides);
    for (const aggregate::Aside& aside : asides) {
      const aggregate::Outcome& outcome = aside.outcome;
      if (!options_.keep_rejects || outcome.disposition != aggregate::Disposition::kRejected) {
        continue;
      }
      const aggregate::Record& record = rest[aside.index];
      steps.push_back({.offset = record.offset,
                       .journal = {},
                       .reject = reject_line(topic, record.offset, record.payload, outcome.reason,
                                             outcome.detail)});
    }
    if (taken.closed_pane) {
      Step& step = steps.emplace_back();
      step.offset = rest[taken.count - 1].offset;
      source.flush(&step.journal);
    }
    rest = rest.subspan(taken.count);
  }
}

void ReplayPipeline::merge(Batch* batch, Stretch* stretch) {
  stretch->steps.clear();
  for (std::vector<Step>& steps : batch->steps) {
    std::ranges::move(steps, std::back_inserter(stretch->steps));
  }
  unreadable_ += batch->events.unreadable.size();
  for (const files::EventBatch::Unreadable& one : batch->events.unreadable) {
    if (!options_.keep_rejects) break;
    stretch->steps.push_back(
        {.offset = one.offset,
         .journal = {},
         .reject = reject_line(std::nullopt, one.offset, one.bytes, one.reason, one.detail)});
  }
  std::ranges::sort(stretch->steps, {}, &Step::offset);
  stretch->events = batch->events.end;
  stretch->bytes_read = batch->events.bytes_read;
}

absl::StatusOr<bool> ReplayPipeline::next(Stretch* stretch) {
  if (threads_ == nullptr) {
    SW_ASSIGN_OR_RETURN(const bool more, read(batch_.get()));
    if (!more) return false;
    for (const Topic topic : kTopics) process(topic, batch_.get());
    merge(batch_.get(), stretch);
    return true;
  }
  Batch* batch = threads_->next();
  if (batch == nullptr) {
    SW_RETURN_IF_ERROR(threads_->reader_status());
    return false;
  }
  merge(batch, stretch);
  threads_->give_back(batch);
  return true;
}

void ReplayPipeline::finish(std::vector<v1::JournalRecord>* journal) {
  for (aggregate::Source& source : sources_) source.finish(journal);
}

aggregate::SourceStats ReplayPipeline::stats(Topic topic) const {
  return sources_[index(topic)].stats();
}

}  // namespace surgewatch::services

#include "surgewatch/replay_pipeline.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <thread>
#include <utility>

#include "base/proto_json.h"
#include "base/status.h"
#include "common/bounded_queue.h"
#include "journal/watermarks.h"

namespace surgewatch::services {
namespace {

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
  // Each written by its source's thread.
  std::array<std::vector<Step>, 2> steps;
  std::array<std::vector<aggregate::OrderLog::Entry>, 2> orders;
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
  for (const Topic topic : kInputTopics) threads_.emplace_back([this, topic] { process(topic); });
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

ReplayPipeline::Orders::Orders(const std::shared_ptr<const config::Config>& config)
    : index(config->reference.get()),
      pair(config),
      logs{aggregate::OrderLog(Topic::kInvoices, &index, pair.serials()),
           aggregate::OrderLog(Topic::kShipments, &index, pair.serials())},
      writer(config.get(), 0) {}

ReplayPipeline::ReplayPipeline(std::unique_ptr<files::EventReader> reader,
                               std::shared_ptr<const config::Config> config, Options options)
    : reader_(std::move(reader)),
      options_(options),
      orders_(orders::Pair::is_needed(*config) ? std::make_unique<Orders>(config) : nullptr),
      sources_{aggregate::Source({Topic::kInvoices, 0}, config,
                                 {.documents = orders_ ? &orders_->logs[0] : nullptr}),
               aggregate::Source({Topic::kShipments, 0}, config,
                                 {.documents = orders_ ? &orders_->logs[1] : nullptr})} {
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
  if (orders_ != nullptr) batch->orders[index(topic)] = orders_->logs[index(topic)].take();
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
  stretch->findings.clear();
  if (orders_ != nullptr) play_orders(batch, stretch);
  stretch->events = batch->events.end;
  stretch->bytes_read = batch->events.bytes_read;
}

// Up to each flush what happened before it, and then the pair's own, in front of what the source
// says.
void ReplayPipeline::play_orders(Batch* batch, Stretch* stretch) {
  std::array<std::size_t, 2> next{};
  const auto play_to = [&](std::int64_t offset) {
    while (true) {
      std::optional<std::size_t> first;
      for (std::size_t i = 0; i < next.size(); ++i) {
        const auto& log = batch->orders[i];
        if (next[i] == log.size() || log[next[i]].offset > offset) continue;
        if (!first || log[next[i]].offset < batch->orders[*first][next[*first]].offset) first = i;
      }
      if (!first) return;
      orders_->logs[*first].play(batch->orders[*first][next[*first]++], &orders_->pair);
    }
  };
  for (Step& step : stretch->steps) {
    if (step.journal.empty()) continue;
    play_to(step.offset);
    orders_->next_offset = step.offset + 1;
    std::vector<v1::JournalRecord> journal;
    flush_pair(&journal, &stretch->findings);
    std::ranges::move(step.journal, std::back_inserter(journal));
    step.journal = std::move(journal);
  }
  play_to(INT64_MAX);
  orders_->next_offset = static_cast<std::int64_t>(batch->events.end);
}

void ReplayPipeline::flush_pair(std::vector<v1::JournalRecord>* journal,
                                std::vector<orders::NamedFinding>* findings) {
  orders_->pair.collect(&orders_->collected);
  const std::int64_t offset = orders_->next_offset;
  orders_->writer.append(orders_->collected, {.invoices = offset, .shipments = offset}, journal);
  std::ranges::move(orders_->collected.findings, std::back_inserter(*findings));
}

absl::StatusOr<bool> ReplayPipeline::next(Stretch* stretch) {
  if (threads_ == nullptr) {
    SW_ASSIGN_OR_RETURN(const bool more, read(batch_.get()));
    if (!more) return false;
    for (const Topic topic : kInputTopics) process(topic, batch_.get());
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

void ReplayPipeline::finish(std::vector<v1::JournalRecord>* journal,
                            std::vector<orders::NamedFinding>* findings) {
  if (orders_ != nullptr) {
    for (const Topic topic : kInputTopics) orders_->pair.advance(topic, journal::kEndOfInput);
    flush_pair(journal, findings);
  }
  for (aggregate::Source& source : sources_) source.finish(journal);
}

aggregate::SourceStats ReplayPipeline::stats(Topic topic) const {
  return sources_[index(topic)].stats();
}

}  // namespace surgewatch::services

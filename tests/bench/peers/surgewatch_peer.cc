// The peers' work done with the product's libraries: kafka::Consumer in batches, observe::decode,
// a window::Window of one-minute panes for each partition, a collector that looks at what changed
// every 100 ms as the product's flusher does, and the job's windows from those panes.
//
// Threads: --workers of them, each with a consumer and partitions of its own; one collector.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "aggregate/source.h"
#include "base/affinity.h"
#include "base/check.h"
#include "base/status.h"
#include "config/reference.h"
#include "invoices.h"
#include "kafka/client.h"
#include "observe/decode.h"
#include "observe/money.h"
#include "observe/reference_index.h"
#include "pane_windows.h"
#include "rows.h"
#include "samples.h"
#include "window/window.h"

namespace surgewatch::peers {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPollWait{50};
constexpr std::size_t kPollBatch = 1'024;
constexpr milliseconds kCollectEvery{100};
constexpr std::int64_t kDollarE9 = 1'000'000'000;

struct Arguments {
  std::string brokers, rows, samples, job, catalogue;
  std::size_t workers = 1;
  std::vector<int> cpus;  // one for each worker, or none
};

// One partition.
class Source {
 public:
  explicit Source(const observe::ReferenceIndex* index)
      : index_(*index),
        window_({{.pane_length = kMinute, .dimensions = 2, .max_keys = 100'000}},
                {.allowed_lateness = kMinute, .out_of_orderness = kDisorder}) {
    window::Dictionary& dictionary = window_.dictionary();
    for (observe::CountryCode code = 1; code < observe::kCountryCodes; ++code) {
      if (!index_.is_known(code)) continue;
      country_values_[code] = dictionary.intern(observe::ReferenceIndex::country_name(code));
    }
    for (const observe::Product& product : index_.products()) {
      sku_values_.push_back(dictionary.intern(product.sku));
    }
  }

  // False if the record is no invoice with a time. What it did is to be seen after publish().
  bool process(const kafka::Message& message) {
    if (unpublished_ == 0) window_.begin_event();
    const bool counted = count(message);
    next_offset_ = message.offset + 1;
    if (++unpublished_ == aggregate::Source::kRecordsPerPublication) publish();
    return counted;
  }
  void publish() {
    if (unpublished_ == 0) return;
    window_.publish(next_offset_);
    unpublished_ = 0;
  }

  window::Window& window() { return window_; }

 private:
  bool count(const kafka::Message& message) {
    const auto bytes = observe::unframe(message.payload);
    if (!bytes || !observe::decode(Topic::kInvoices, *bytes, &document_)) return false;
    const auto time = observe::event_time(document_.seconds, document_.nanos);
    if (!time) return false;
    window_.advance(*time - kDisorder);
    const std::string_view country = document_.party(observe::Role::kBillTo).country;
    for (const observe::LineView& line : document_.lines) {
      const auto amount = observe::usd_micros(line.quantity, line.unit_price.units,
                                              line.unit_price.nanos, kDollarE9);
      if (!amount) return false;
      MeasureValues values;
      values[Measure::kDocuments] = 1;
      values[Measure::kUnits] = line.quantity;
      values[Measure::kRevenueUsd] = *amount;
      const std::array<std::string_view, 2> texts{country, line.sku};
      const window::KeyValues key{country_value(country), sku_value(line.sku, *time)};
      window_.add(window_.slot(0, key, texts).slot, *time, values, message.offset);
    }
    return true;
  }

  // As the product: what the tables know is a number already, and no text is looked at twice.
  window::ValueId country_value(std::string_view country) {
    const observe::CountryCode code = index_.country(country);
    return code != observe::kNoCountry ? country_values_[code] : window_.dictionary().find(country);
  }
  window::ValueId sku_value(std::string_view sku, Micros time) {
    const observe::ProductNumber product = index_.product_number(sku, time);
    return product != observe::kUnknownProduct ? sku_values_[product]
                                               : window_.dictionary().find(sku);
  }

  const observe::ReferenceIndex& index_;
  std::array<window::ValueId, observe::kCountryCodes> country_values_{};
  std::vector<window::ValueId> sku_values_;  // by product number

  window::Window window_;
  observe::Document document_;
  std::size_t unpublished_ = 0;
  std::int64_t next_offset_ = 0;
};

// A thread that reads some of the partitions to their ends.
class Worker {
 public:
  Worker(const std::string& brokers, std::vector<std::int32_t> partitions,
         std::vector<std::unique_ptr<Source>>* sources, std::atomic<std::uint64_t>* count)
      : brokers_(brokers), partitions_(std::move(partitions)), sources_(*sources), count_(*count) {}

  // The consumer's threads, which this one starts, are on the same CPUs.
  void start(std::span<const int> cpus) {
    const OnCpus pinned(cpus);
    thread_ = std::thread([this] { status_ = run(); });
  }
  absl::Status join() {
    thread_.join();
    return status_;
  }

 private:
  absl::Status run() {
    kafka::Consumer::Options options;
    options.client.brokers = brokers_;
    SW_ASSIGN_OR_RETURN(const auto consumer, kafka::Consumer::create(options));
    std::vector<std::pair<kafka::TopicPartition, std::int64_t>> starts;
    for (const std::int32_t partition : partitions_) {
      starts.push_back({{std::string(kTopic), partition}, kafka::kBeginning});
    }
    SW_RETURN_IF_ERROR(consumer->assign(starts));
    std::uint64_t refused = 0;
    while (!consumer->at_end()) {
      SW_ASSIGN_OR_RETURN(const std::size_t visited,
                          consumer->poll(kPollWait, kPollBatch, [&](const kafka::Message& message) {
                            const auto source = static_cast<std::size_t>(message.partition);
                            refused += sources_[source]->process(message) ? 0 : 1;
                          }));
      for (const std::int32_t partition : partitions_) {
        sources_[static_cast<std::size_t>(partition)]->publish();
      }
      count_.fetch_add(visited, std::memory_order_relaxed);
    }
    return refused == 0 ? absl::OkStatus()
                        : invalid_argument("{} records are no invoices", refused);
  }

  const std::string brokers_;
  const std::vector<std::int32_t> partitions_;
  std::vector<std::unique_ptr<Source>>& sources_;
  std::atomic<std::uint64_t>& count_;
  absl::Status status_;
  std::thread thread_;
};

// Takes what changed from every source, adds it up and closes what no source can change any more.
class Collector {
 public:
  Collector(Job job, std::vector<std::unique_ptr<Source>>* sources, RowWriter* rows)
      : sources_(*sources), windows_(job, sources->size(), rows) {}

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  // After the workers are done.
  void finish() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    condition_.notify_one();
    thread_.join();
    collect();
    windows_.finish();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!condition_.wait_for(lock, kCollectEvery, [this] { return done_; })) collect();
  }

  void collect() {
    Micros watermark = INT64_MAX;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      window::Window& window = sources_[i]->window();
      window.collect(&collected_);
      SW_CHECK(collected_.corrections.empty() && collected_.exact.empty());
      for (const window::PaneSnapshot& pane : collected_.panes) {
        const KeyId key =
            windows_.key(window.key_text(pane.slot, 0), window.key_text(pane.slot, 1));
        SW_CHECK(windows_.set(i, key, pane.pane_index,
                              {.documents = pane.values[Measure::kDocuments],
                               .units = pane.values[Measure::kUnits],
                               .amount = pane.values[Measure::kRevenueUsd]}));
      }
      watermark = std::min(watermark, collected_.progress.watermark.value_or(INT64_MIN));
    }
    if (watermark != INT64_MIN) windows_.close_before(pane_of(watermark, kMinute));
  }

  std::vector<std::unique_ptr<Source>>& sources_;
  PaneWindows windows_;
  window::Collected collected_;
  std::mutex mutex_;
  std::condition_variable condition_;
  bool done_ = false;
  std::thread thread_;
};

absl::Status run(const Arguments& arguments) {
  const auto job = job_named(arguments.job);
  if (!job) return invalid_argument("there is no job '{}'", arguments.job);
  RowWriter rows(arguments.rows);
  if (!rows.is_open()) return invalid_argument("{} can't be written", arguments.rows);
  std::vector<std::atomic<std::uint64_t>> counts(arguments.workers);
  const Samples samples(arguments.samples, counts.data(), counts.size());

  std::vector<std::unique_ptr<Source>> sources;
  SW_ASSIGN_OR_RETURN(
      const config::ReferenceTables tables,
      config::load_reference_tables(
          {.catalogue = arguments.catalogue, .countries = "", .country_groups = "", .fx = ""}));
  const observe::ReferenceIndex index(&tables);
  for (std::int32_t i = 0; i < kPartitions; ++i)
    sources.push_back(std::make_unique<Source>(&index));
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::size_t i = 0; i < arguments.workers; ++i) {
    std::vector<std::int32_t> partitions;
    for (auto p = static_cast<std::int32_t>(i); p < kPartitions;
         p += static_cast<std::int32_t>(arguments.workers)) {
      partitions.push_back(p);
    }
    workers.push_back(
        std::make_unique<Worker>(arguments.brokers, std::move(partitions), &sources, &counts[i]));
  }
  Collector collector(*job, &sources, &rows);
  collector.start();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    workers[i]->start(one_of(arguments.cpus, i));
  }
  absl::Status status;
  for (const auto& worker : workers) status.Update(worker->join());
  collector.finish();
  if (!rows.close()) status.Update(unavailable("{} could not be written", arguments.rows));
  return status;
}

}  // namespace
}  // namespace surgewatch::peers

int main(int argc, char** argv) {
  using namespace surgewatch;
  peers::Arguments arguments;
  CLI::App app("Does the peers' jobs with Surgewatch's libraries.", "peers_surgewatch");
  app.add_option("--brokers", arguments.brokers)->required();
  app.add_option("--catalogue", arguments.catalogue)->required();
  app.add_option("--job", arguments.job)->required();
  app.add_option("--rows", arguments.rows)->required();
  app.add_option("--samples", arguments.samples)->required();
  app.add_option("--workers", arguments.workers)->check(CLI::Range(1, peers::kPartitions));
  app.add_option("--cpus", arguments.cpus, "of the workers, in order")->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = peers::run(arguments);
  if (!status.ok()) fmt::print(stderr, "peers_surgewatch: {}\n", message_of(status));
  return status.ok() ? 0 : 1;
}

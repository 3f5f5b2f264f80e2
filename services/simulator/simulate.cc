#include "simulator/simulate.h"

#include "base/status.h"
#include "common/kafka_start.h"
#include "simulate/scenario.h"

namespace surgewatch::services {
namespace {

constexpr std::chrono::milliseconds kDeliveryWait{30'000};

}  // namespace

Micros event_time_of(const v1::Event& event) {
  const auto& time =
      event.has_invoice() ? event.invoice().issue_time() : event.shipment().despatch_time();
  return time.seconds() * kMicrosPerSecond + time.nanos() / 1'000;
}

EventPublisher::EventPublisher(const config::Kafka& kafka,
                               std::unique_ptr<kafka::Producer> producer)
    : topics_(kafka.topic_prefix), producer_(std::move(producer)) {}

absl::StatusOr<std::unique_ptr<EventPublisher>> EventPublisher::create(const config::Kafka& kafka) {
  kafka::Producer::Options options;
  options.client = client_options(kafka);
  SW_ASSIGN_OR_RETURN(auto producer, kafka::Producer::create(options));
  return std::unique_ptr<EventPublisher>(new EventPublisher(kafka, std::move(producer)));
}

absl::Status EventPublisher::publish(const v1::Event& event) {
  const bool invoice = event.has_invoice();
  payload_.clear();
  if (invoice) {
    event.invoice().AppendToString(&payload_);
  } else {
    event.shipment().AppendToString(&payload_);
  }
  const std::string& key = invoice ? event.invoice().order_id() : event.shipment().order_id();
  ++published_;
  return producer_->produce(invoice ? topics_.invoices : topics_.shipments, /*partition=*/-1, key,
                            payload_);
}

bool Pacer::wait(Micros event_time, const Stop& stop) {
  if (speed_ <= 0) return !stop.requested();
  if (!first_event_) {
    first_event_ = event_time;
    start_ = std::chrono::steady_clock::now();
  }
  const auto due = start_ + std::chrono::microseconds(static_cast<std::int64_t>(
                                static_cast<double>(event_time - *first_event_) / speed_));
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(due - std::chrono::steady_clock::now());
  return left.count() > 0 ? !stop.wait_for(left) : !stop.requested();
}

absl::Status simulate(const SimulateOptions& options, const Stop& stop) {
  SW_ASSIGN_OR_RETURN(const auto scenario,
                      simulate::make_scenario(options.scenario, options.events, options.seed));
  std::unique_ptr<files::EventWriter> writer;
  std::unique_ptr<EventPublisher> publisher;
  if (options.brokers.empty()) {
    SW_ASSIGN_OR_RETURN(
        writer, files::EventWriter::open(options.out,
                                         options.format.value_or(files::format_of(options.out))));
  } else {
    config::Kafka kafka;
    kafka.brokers = options.brokers;
    kafka.topic_prefix = options.topic_prefix;
    const kafka::Topics topics(kafka.topic_prefix);
    SW_RETURN_IF_ERROR(
        await_topics(kafka, {topics.invoices, topics.shipments}, /*strict=*/true, stop).status());
    SW_ASSIGN_OR_RETURN(publisher, EventPublisher::create(kafka));
  }
  Progress progress("simulate", "events",
                    options.quiet ? Progress::Style::kQuiet : Progress::Style::kAutomatic);
  Pacer pacer(options.speed);
  const auto total = static_cast<double>(scenario->total());
  v1::Event event;
  for (std::uint64_t sent = 0; scenario->next(&event); ++sent) {
    const Micros time = event_time_of(event);
    if (!pacer.wait(time, stop)) return absl::CancelledError("stopped before the scenario's end");
    SW_RETURN_IF_ERROR(writer != nullptr ? writer->write(event) : publisher->publish(event));
    if (sent % 256 == 0) {
      progress.update(static_cast<double>(sent) / total, sent, format_date(time));
    }
  }
  return writer != nullptr ? writer->close() : publisher->flush(kDeliveryWait);
}

}  // namespace surgewatch::services

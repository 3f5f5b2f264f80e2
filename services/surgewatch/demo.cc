#include <spdlog/cfg/env.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>

#include "base/status.h"
#include "common/alert_line.h"
#include "common/alert_news.h"
#include "common/progress.h"
#include "config/config.h"
#include "footprint/footprint.h"
#include "kafka/client.h"
#include "kafka/topics.h"
#include "simulate/scenario.h"
#include "simulator/simulate.h"
#include "surgewatch/commands.h"
#include "surgewatch/stack.h"

// The story on an embedded broker: a producer that follows the clock, the three services, and the
// alerts in the terminal as they come.

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;

constexpr std::int32_t kPartitions = 2;
// The embedded broker's partitions keep 5 MB: what is produced and not yet read stays far below.
constexpr std::uint64_t kMostUnread = 2'000;
constexpr std::size_t kRevisionsAtOnce = 1'000;
constexpr milliseconds kLook{20};
constexpr milliseconds kSettleWait{60'000};
constexpr milliseconds kDeliveryWait{10'000};
constexpr double kStorySeconds = 728.0 * 86'400;

class Demo {
 public:
  Demo(const DemoOptions& options, const Stop& stop)
      : options_(options),
        stop_(stop),
        colour_(colour_wanted()),
        progress_("story", "events", Progress::Style::kAutomatic) {}

  absl::Status run();

 private:
  absl::Status start();
  absl::Status tell();
  absl::Status settle();
  void print_new_alerts();
  void print_summary() const;
  bool go_on() const { return !stop_.requested() && !stack_->failed(); }

  const DemoOptions& options_;
  const Stop& stop_;
  const bool colour_;
  Progress progress_;
  std::shared_ptr<const config::Config> config_;
  std::unique_ptr<kafka::EmbeddedBroker> broker_;
  std::unique_ptr<Stack> stack_;
  std::unique_ptr<EventPublisher> publisher_;
  serve::AlertStore::Place printed_to_;
  AlertNews news_;
};

absl::Status Demo::run() {
  SW_RETURN_IF_ERROR(start());
  absl::Status status = tell();
  if (status.ok() && go_on()) status = settle();
  progress_.clear();
  if (status.ok() && go_on()) {
    print_summary();
    if (!options_.once) {
      fmt::print("\nThe page stays at http://{}:{}/ until Ctrl-C.\n", config_->server.bind_address,
                 stack_->gateway().http_port());
      std::fflush(stdout);
      return stack_->wait(stop_);
    }
  }
  const absl::Status stopped = stack_->stop();
  return status.ok() ? stopped : status;
}

absl::Status Demo::start() {
  // What the services would log of their work is printed here for a person; SPDLOG_LEVEL shows it.
  spdlog::set_level(spdlog::level::warn);
  spdlog::cfg::load_env_levels();
  const std::string path =
      options_.config.empty() ? shared_file("config/deepseek.yaml") : options_.config;
  SW_ASSIGN_OR_RETURN(const auto loaded, footprint::load(path));
  SW_ASSIGN_OR_RETURN(broker_, kafka::EmbeddedBroker::start());
  auto config = std::make_shared<config::Config>(*loaded);
  config->kafka.brokers = broker_->brokers();
  config->server.gateway_http_port = options_.http_port;
  config->server.gateway_grpc_port = options_.grpc_port;
  config_ = config;
  const kafka::Topics topics(config->kafka.topic_prefix);
  for (const kafka::TopicSpec& topic : topics.specs(kPartitions)) {
    SW_RETURN_IF_ERROR(broker_->create_topic(topic.name, topic.partitions));
  }
  stack_ = std::make_unique<Stack>(config_, /*strict=*/false, /*instance_id=*/"");
  SW_RETURN_IF_ERROR(stack_->start());
  SW_ASSIGN_OR_RETURN(publisher_, EventPublisher::create(config_->kafka));
  const std::string& address = config->server.bind_address;
  const int port = stack_->gateway().http_port();
  fmt::print(
      "NVIDIA's reported sales of fiscal 2024 and 2025, as {} invoices and shipments, in {:.0f} "
      "s.\n"
      "  page      http://{}:{}/\n"
      "  metrics   http://{}:{}/metrics\n"
      "  alerts    http://{}:{}/api/v1/alerts    gRPC {}:{}\n\n",
      options_.events, options_.seconds / options_.speed, address, port, address, port, address,
      port, address, stack_->gateway().grpc_port());
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status Demo::tell() {
  SW_ASSIGN_OR_RETURN(const auto scenario,
                      simulate::make_scenario("deepseek", options_.events, options_.seed));
  Pacer pacer(kStorySeconds / options_.seconds * options_.speed);
  const auto total = static_cast<double>(scenario->total());
  v1::Event event;
  while (go_on() && scenario->next(&event)) {
    const Micros time = event_time_of(event);
    if (!pacer.wait(time, stop_)) break;
    SW_RETURN_IF_ERROR(publisher_->publish(event));
    while (go_on() && publisher_->published() - std::min(stack_->aggregator().progress().processed,
                                                         publisher_->published()) >
                          kMostUnread) {
      stop_.wait_for(kLook);
    }
    print_new_alerts();
    progress_.update(static_cast<double>(publisher_->published()) / total, publisher_->published(),
                     format_date(time));
  }
  return publisher_->flush(kDeliveryWait);
}

// Until everything that was sent has come out at the other end.
absl::Status Demo::settle() {
  kafka::ClientOptions client;
  client.brokers = config_->kafka.brokers;
  SW_ASSIGN_OR_RETURN(const auto admin, kafka::Admin::create(client));
  const kafka::Topics topics(config_->kafka.topic_prefix);
  const auto end_of = [&](const std::string& topic) -> std::int64_t {
    const auto offsets = admin->watermarks({topic, 0}, kDeliveryWait);
    return offsets.ok() ? offsets->second : INT64_MAX;
  };
  const auto deadline = std::chrono::steady_clock::now() + kSettleWait;
  while (go_on()) {
    print_new_alerts();
    if (stack_->aggregator().progress().delivered >= publisher_->published() &&
        stack_->detector().position() >= end_of(topics.journal)) {
      const Gateway::Position read = stack_->gateway().position();
      const auto record_end = [&](const std::string& topic, std::int64_t position) {
        // A transaction's end takes an offset of its own, which no reader sees.
        const std::int64_t end = end_of(topic);
        return end == 0 || position >= end - 1;
      };
      if (record_end(topics.alerts, read.alerts) && record_end(topics.series, read.series)) break;
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return absl::DeadlineExceededError(
          "the story's last events did not come through in a minute");
    }
    stop_.wait_for(kLook);
  }
  print_new_alerts();
  return absl::OkStatus();
}

void Demo::print_new_alerts() {
  const serve::AlertStore& alerts = stack_->gateway().alerts();
  if (const auto now = alerts.place(); now.life != printed_to_.life) {
    printed_to_ = {.life = now.life};
  }
  const auto news = alerts.since(printed_to_, kRevisionsAtOnce);
  if (!news.ok()) return;
  printed_to_ = news->next;
  for (const serve::StoredRevision& revision : news->revisions) {
    const v1::Alert& alert = *revision.alert;
    if (!news_.take(alert)) continue;
    progress_.clear();
    fmt::print("{}\n", alert_line(alert, colour_));
    std::fflush(stdout);
  }
}

void Demo::print_summary() const {
  fmt::print("\nAlerts at their peak:\n");
  for (const v1::Alert& alert : stack_->gateway().alerts().list({})) {
    fmt::print("{}\n", peak_line(alert, colour_));
    if (alert.state() != v1::ALERT_STATE_FIRING) continue;  // it speaks of the window that ended it
    if (const std::string made_of = made_of_line(alert); !made_of.empty()) {
      fmt::print("                  {}\n", made_of);
    }
  }
  std::fflush(stdout);
}

}  // namespace

absl::Status demo(const DemoOptions& options, const Stop& stop) {
  return Demo(options, stop).run();
}

}  // namespace surgewatch::services

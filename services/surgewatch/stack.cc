#include "surgewatch/stack.h"

#include <spdlog/spdlog.h>

#include "aggregator/live_query.h"
#include "base/status.h"
#include "footprint/footprint.h"
#include "surgewatch/commands.h"

namespace surgewatch::services {
namespace {

constexpr std::chrono::milliseconds kLook{100};

}  // namespace

Stack::Stack(std::shared_ptr<const config::Config> config, bool strict,
             const std::string& instance_id)
    : config_(std::move(config)),
      telemetry_("surgewatch", config_->limits.label_sets_per_metric),
      sources_(std::make_shared<OwnedSourceList>()),
      aggregator_({.config = config_,
                   .telemetry = &telemetry_,
                   .strict = strict,
                   .instance_id = instance_id,
                   .sources = sources_}),
      detector_({.config = config_,
                 .telemetry = &telemetry_,
                 .strict = strict,
                 .instance_id = instance_id}),
      gateway_({config_, &telemetry_, strict, live_answers(config_, sources_)}) {}

Stack::~Stack() { (void)stop(); }

absl::Status Stack::start() {
  SW_RETURN_IF_ERROR(gateway_.start());
  run("gateway", [this] { return gateway_.run(stopping_); });
  run("detector", [this] { return detector_.run(stopping_); });
  run("aggregator", [this] { return aggregator_.run(stopping_); });
  return absl::OkStatus();
}

void Stack::run(const char* name, const std::function<absl::Status()>& work) {
  threads_.emplace_back([this, name, work] {
    const absl::Status status = work();
    if (!status.ok()) {
      spdlog::error("the {} has ended: {}", name, message_of(status));
      absl::MutexLock lock(&mutex_);
      status_.Update(status);
    }
    // One alone is of no use: all end.
    stopping_.request();
  });
}

absl::Status Stack::wait(const Stop& stop) {
  while (!stop.wait_for(kLook) && !stopping_.requested()) {
  }
  return this->stop();
}

absl::Status Stack::stop() {
  stopping_.request();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  absl::MutexLock lock(&mutex_);
  return status_;
}

absl::Status run_all(const RunOptions& options, const Stop& stop) {
  SW_ASSIGN_OR_RETURN(auto config, footprint::load(options.config));
  Stack stack(std::move(config), options.strict, options.instance_id);
  SW_RETURN_IF_ERROR(stack.start());
  return stack.wait(stop);
}

}  // namespace surgewatch::services

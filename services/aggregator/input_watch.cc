#include "aggregator/input_watch.h"

#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

#include "base/status.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;

// Short, since a stop waits for it.
constexpr milliseconds kAnswerWait{1'000};

}  // namespace

absl::Status InputWatch::connect() {
  SW_ASSIGN_OR_RETURN(admin_, kafka::Admin::create(client_));
  return absl::OkStatus();
}

void InputWatch::start() {
  thread_ = std::thread([this] { run(); });
}

void InputWatch::stop() {
  stop_.request();
  if (thread_.joinable()) thread_.join();
}

// What can't be looked at now is looked at the next time: that the brokers don't answer is for
// others to say.
void InputWatch::run() {
  for (int looks = 1; !stop_.wait_for(pace_.look); ++looks) {
    look_at_partitions();
    look_at_logs(looks % pace_.looks_a_fingerprint == 0);
  }
}

void InputWatch::look_at_partitions() {
  const auto counts = admin_->partitions({topics_.invoices, topics_.shipments}, kAnswerWait);
  if (counts.ok()) incidents_.partitions_are({(*counts)[0], (*counts)[1]});
}

void InputWatch::look_at_logs(bool at_records_too) {
  const OwnedSources sources = sources_.all();
  if (sources.empty()) return;
  // Before the question: the answer must reach them.
  std::vector<std::int64_t> positions;
  std::vector<kafka::TopicPartition> partitions;
  for (const auto& source : sources) {
    positions.push_back(source->input.position.load(std::memory_order_relaxed));
    partitions.push_back(source->partition);
  }
  const auto ends = admin_->log_ends(partitions, kAnswerWait);
  if (!ends.ok()) return;
  OwnedSources to_look_into;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const kafka::LogEnds& log = (*ends)[i];
    InputState& input = sources[i]->input;
    if (log.next < positions[i]) {
      input.say(Incident::kTopicReplaced,
                fmt::format("the log ends at offset {}, and had been read up to {}", log.next,
                            positions[i]));
      continue;
    }
    if (!input.has_begun.load(std::memory_order_acquire)) continue;
    if (log.first <= input.beginning.first) {
      to_look_into.push_back(sources[i]);
    } else if (!std::exchange(input.was_warned, true)) {
      spdlog::warn(
          "{} [{}]: its log now begins at offset {}, and what was counted at {}: figures are right "
          "as long as this goes on, but after a restart this source can't be counted again and is "
          "held (log_start_moved); keep inputs longer",
          sources[i]->partition.topic, sources[i]->partition.partition, log.first,
          input.beginning.first);
    }
  }
  if (at_records_too && !to_look_into.empty()) look_at_first_records(to_look_into);
}

void InputWatch::look_at_first_records(const OwnedSources& sources) {
  std::vector<std::pair<kafka::TopicPartition, std::int64_t>> starts;
  for (const auto& source : sources) {
    starts.emplace_back(source->partition, source->input.beginning.first);
  }
  const auto records = kafka::first_records(client_, starts, kAnswerWait);
  if (!records.ok()) return;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto& record = (*records)[i];
    const Beginning& beginning = sources[i]->input.beginning;
    // One behind it: the first has just been deleted.
    if (!record || record->offset != beginning.first) continue;
    const std::uint64_t now =
        fingerprint(record->timestamp_ms, record->key, record->has_key, record->payload);
    if (const Incident incident = judge_first(beginning, record->offset, now);
        incident != Incident::kNone) {
      sources[i]->input.say(
          incident, fmt::format("the record at offset {} is another one than was read there",
                                record->offset));
    }
  }
}

}  // namespace surgewatch::services

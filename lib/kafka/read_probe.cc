#include "kafka/read_probe.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status.h"
#include "kafka/consumer.h"
#include "kafka/log_ends.h"

namespace surgewatch::kafka {
namespace {

constexpr const char* kFiguresEveryMs = "100";
// So many answered fetches in a row, without a word, are no chance.
constexpr std::int64_t kAnswersWithoutAWord = 3;
constexpr std::int64_t kFailedAnswers = 2;

struct FreeMessage {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};

}  // namespace

bool is_unreadable(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__BAD_MSG || code == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
         code == RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED || code == RD_KAFKA_RESP_ERR_INVALID_MSG ||
         code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
}

bool is_outside_of_log(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
         code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
}

absl::StatusOr<std::unique_ptr<ReadProbe>> ReadProbe::create(const Consumer::Options& options,
                                                             TopicPartition partition) {
  auto probe =
      std::unique_ptr<ReadProbe>(new ReadProbe(options.read_committed, std::move(partition)));
  Consumer::Options own = options;
  own.client.client_id += "-probe";
  own.client.properties["fetch.message.max.bytes"] = "65536";  // one record is enough
  Settings settings = consumer_settings(own);
  settings.emplace_back("statistics.interval.ms", kFiguresEveryMs);
  SW_ASSIGN_OR_RETURN(probe->native_,
                      Native::create(RD_KAFKA_CONSUMER, own.client, settings,
                                     {.owner = probe.get(), .statistics = &on_statistics}));
  rd_kafka_poll_set_consumer(probe->native_->get());
  probe->queue_.reset(rd_kafka_queue_get_consumer(probe->native_->get()));
  return absl::StatusOr<std::unique_ptr<ReadProbe>>(std::move(probe));
}

absl::StatusOr<LogEnds> ReadProbe::log_ends(std::chrono::milliseconds wait) {
  SW_ASSIGN_OR_RETURN(const auto ends, kafka::log_ends(*native_, {partition_}, wait));
  end_ = ends[0].next;
  return ends[0];
}

absl::Status ReadProbe::read_from(std::int64_t offset) {
  offset_ = offset;
  is_answered_ = false;
  asked_.reset();
  stood_.reset();
  return assign_and_wait(*native_, partition_list({{partition_, offset}}).get(), "probing");
}

std::optional<ReadProbe::Finding> ReadProbe::look() {
  if (is_answered_) return std::nullopt;
  std::optional<Finding> finding;
  const std::unique_ptr<rd_kafka_message_t, FreeMessage> message(
      rd_kafka_consume_queue(queue_.get(), 0));
  if (message != nullptr && is_echo(*message)) {
    // It has stopped reading there.
    if (!read_from(offset_).ok()) finding = Finding{.kind = Kind::kOther};
  } else if (message != nullptr) {
    finding = finding_of(*message);
  } else if (asked_ && now_.failed_answers - asked_->failed_answers >= kFailedAnswers) {
    finding = Finding{.kind = Kind::kUnreadable,
                      .why = "an answer with it is larger than receive.message.max.bytes"};
  } else if (stands_still()) {
    finding = Finding{.kind = Kind::kUnreadable,
                      .is_certain = false,
                      .why = "the client can't tell its records apart"};
  }
  is_answered_ = finding.has_value();
  return finding;
}

// That an offset lies outside of the log which nobody asked for: librdkafka went there from within
// a damaged batch that came before.
bool ReadProbe::is_echo(const rd_kafka_message_t& message) const {
  return is_outside_of_log(message.err) && message.offset != offset_;
}

ReadProbe::Finding ReadProbe::finding_of(const rd_kafka_message_t& message) const {
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR ||
      message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    return {.kind = Kind::kReadable};
  }
  if (!is_unreadable(message.err)) return {.kind = Kind::kOther};
  const char* text = rd_kafka_message_errstr(&message);
  Finding finding{.kind = Kind::kUnreadable,
                  .why = text == nullptr ? rd_kafka_err2str(message.err) : text};
  // A damaged batch may say anything of itself.
  if (message.offset >= 0 && message.offset < end_) finding.batch = message.offset;
  return finding;
}

// In our own call of look(), which serves the queue.
void ReadProbe::on_statistics(void* owner, std::string_view json) {
  auto* self = static_cast<ReadProbe*>(owner);
  const auto all = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!all.is_object()) return;
  Figures now;
  for (const auto& broker : all.value("brokers", nlohmann::json::object())) {
    now.answers += broker.value("rx", std::int64_t{0});
    now.failed_answers += broker.value("rxerrs", std::int64_t{0});
    now.fetches += broker.value("req", nlohmann::json::object()).value("Fetch", std::int64_t{0});
  }
  const nlohmann::json::json_pointer place("/topics/" + self->partition_.topic + "/partitions/" +
                                           std::to_string(self->partition_.partition));
  if (all.contains(place)) {
    const nlohmann::json& partition = all[place];
    now.next_offset = partition.value("next_offset", std::int64_t{-1});
    now.end_offset =
        partition.value(self->read_committed_ ? "ls_offset" : "hi_offset", std::int64_t{-1});
  }
  self->now_ = now;
  if (!self->asked_) self->asked_ = now;
  if (now.next_offset < 0 || now.end_offset <= now.next_offset) {
    self->stood_.reset();
  } else if (!self->stood_ || self->stood_->next_offset != now.next_offset) {
    self->stood_ = now;
  }
}

bool ReadProbe::stands_still() const {
  if (!stood_) return false;
  // The newest fetch may still be under way.
  return std::min(now_.fetches - stood_->fetches - 1, now_.answers - stood_->answers) >=
         kAnswersWithoutAWord;
}

}  // namespace surgewatch::kafka

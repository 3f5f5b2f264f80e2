// Whether a partition can be read from an offset on. It is asked with a client of its own, since
// librdkafka, when it meets a batch that it can't read, may pass over it, stand still in front of
// it, or go on at an offset that never was: whoever reads must not be drawn in.
//
//   what comes first                                          | the offset is
//   a record, or the end of the log                           | readable
//   an error of the batch: checksum, compression, form        | unreadable
//   an answer that is larger than receive.message.max.bytes   | unreadable
//   nothing, though fetches are answered and there is more    | unreadable; librdkafka has no word
//                                                             | for records that it can't tell
//                                                             apart
//   another error, such as an offset outside of the log       | a question for whoever reads
//
// For the .cc files of this folder only. Threads: one. Cost: a client; a fetch or a few for each
// offset.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kafka/client.h"
#include "kafka/native.h"

namespace surgewatch::kafka {

// Whether librdkafka's error is about what a batch holds.
bool is_unreadable(rd_kafka_resp_err_t code);
// Whether it is about an offset that the log doesn't have.
bool is_outside_of_log(rd_kafka_resp_err_t code);

class ReadProbe {
 public:
  enum class Kind : std::uint8_t { kReadable, kUnreadable, kOther };
  struct Finding {
    Kind kind = Kind::kOther;
    bool is_certain = true;  // false: nothing was said, and that may have other reasons
    // The first offset of the batch that can't be read, where it is known.
    std::optional<std::int64_t> batch = std::nullopt;
    std::string why = {};
  };

  static absl::StatusOr<std::unique_ptr<ReadProbe>> create(const Consumer::Options& options,
                                                           TopicPartition partition);

  // Before anything is read: a connection that breaks at every fetch answers nothing else.
  absl::StatusOr<LogEnds> log_ends(std::chrono::milliseconds wait);
  absl::Status read_from(std::int64_t offset);
  // Never waits. The answer, once for each read_from().
  std::optional<Finding> look();

 private:
  // librdkafka's figures, of the broker and of the partition.
  struct Figures {
    std::int64_t fetches = 0, answers = 0, failed_answers = 0;
    std::int64_t next_offset = -1, end_offset = -1;
  };

  ReadProbe(bool read_committed, TopicPartition partition)
      : read_committed_(read_committed), partition_(std::move(partition)) {}
  static void on_statistics(void* owner, std::string_view json);
  bool is_echo(const rd_kafka_message_t& message) const;
  Finding finding_of(const rd_kafka_message_t& message) const;
  bool stands_still() const;

  const bool read_committed_;
  const TopicPartition partition_;
  std::unique_ptr<Native> native_;
  Queue queue_;
  std::int64_t end_ = 0;      // of the log
  std::int64_t offset_ = -1;  // asked for
  bool is_answered_ = true;
  Figures now_;
  std::optional<Figures> asked_;  // the first since it was asked
  std::optional<Figures> stood_;  // the first with the partition where it stands, and more to come
};

}  // namespace surgewatch::kafka

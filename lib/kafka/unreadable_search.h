// Finds the offsets of a partition that can't be read, beside whoever reads it: from where reading
// goes on without them. What turns out to be readable after all is told as such.
//
//            unreadable           found                        as found
//   start ─► again and again ──► the end of it (CorruptBatch) ─► ask once more, at its borders ─►
//   done
//              │ readable                    ▲                          │ otherwise
//              └► done: nothing is wrong     └──────────────────────────┘
//
// It is asked once more only where an answer rested on silence: a broker that answers, and has no
// word of the partition for a moment, is no reason to pass over anything.
//
// Threads: one. For the .cc files of this folder only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "kafka/client.h"
#include "kafka/corrupt_batch.h"
#include "kafka/read_probe.h"

namespace surgewatch::kafka {

class UnreadableSearch {
 public:
  // `position`: of the next record to be read; below 0: the first of the log.
  static absl::StatusOr<std::unique_ptr<UnreadableSearch>> start(const Consumer::Options& options,
                                                                 const TopicPartition& partition,
                                                                 std::int64_t position);

  // [first, next) can't be read; nothing where they are equal. Read on at `next`.
  struct Result {
    std::int64_t first = 0, next = 0;
    std::string why = {};
    bool is_answered = true;  // false: nobody said anything for too long
  };
  const TopicPartition& partition() const { return partition_; }
  // The result, once. Waits for brokers only when it asks for the ends of the log, first of all,
  // for a second at most.
  absl::StatusOr<std::optional<Result>> step();

 private:
  // To be asked once more.
  struct Check {
    std::int64_t offset;
    ReadProbe::Kind expected;
  };

  UnreadableSearch(TopicPartition partition, std::int64_t position)
      : partition_(std::move(partition)), from_(position) {}
  absl::Status ask_for_ends();
  absl::Status ask(std::int64_t offset);
  absl::StatusOr<std::optional<Result>> take(const ReadProbe::Finding& finding);
  absl::StatusOr<std::optional<Result>> check(const ReadProbe::Finding& finding);
  Result nothing(bool is_answered = true) const {
    return {.first = from_, .next = from_, .is_answered = is_answered};
  }

  const TopicPartition partition_;
  std::int64_t from_;
  std::optional<LogEnds> log_;
  std::unique_ptr<ReadProbe> probe_;
  std::int64_t asked_ = -1;
  std::chrono::steady_clock::time_point deadline_;  // of an answer
  CorruptBatch batch_;
  bool is_certain_ = true;
  std::string why_;
  std::optional<Result> found_;
  std::vector<Check> checks_;  // that are left, the next one last
  int times_ = 1;
};

}  // namespace surgewatch::kafka

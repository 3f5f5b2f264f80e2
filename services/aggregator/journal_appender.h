// Appends records to the journal, in order, and knows which of them are there.
//
//   append ──► waiting ──► handed over ──► delivered
//              (here)      (Kafka's queue)  (acknowledged, as are all before it)
//
// What retrying can mend is retried for ever. A record that the brokers refuse, or that they may
// have lost, ends it: nothing behind that record is written, so no progress record promises what is
// not there. So does a journal that was made anew.
// Queues: nothing is dropped, so whoever appends asks has_room() first. Kafka's queue takes 64 MB;
// what doesn't fit, the rest of a flush, waits here.
// Threads: one. Never waits, but in poll() and drain(), so long as they are told.
// Errors: status(): FAILED_PRECONDITION or UNAVAILABLE, for another session; NOT_FOUND if there is
// no journal.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kafka/client.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::services {

class JournalAppender {
 public:
  // Called once the record and all before it are in the journal, with its offset there if that is
  // known. Not called for what was not delivered in this life.
  using Delivered = std::function<void(std::optional<std::int64_t> offset)>;

  static absl::StatusOr<std::unique_ptr<JournalAppender>> create(const kafka::ClientOptions& client,
                                                                 const std::string& topic);

  void append(const v1::JournalRecord& record, Delivered delivered = {});
  // Hands over what waits, and serves deliveries: those that are there, or come within `wait`.
  void poll(std::chrono::milliseconds wait);
  // Until all is delivered; UNAVAILABLE if it is not within `wait`.
  absl::Status drain(std::chrono::milliseconds wait);

  // False while much is under way: what is not said now is merged until it can be.
  bool has_room() const;
  std::size_t undelivered() const { return records_.size(); }
  bool has_delivered() const { return first_number_ > 0; }
  // How long the oldest undelivered record has been under way.
  std::chrono::milliseconds delay() const;
  // Why nothing is appended any more.
  const absl::Status& status() const { return status_; }

 private:
  struct Record {
    std::string key;
    std::string bytes;  // until it is handed over
    std::size_t size = 0;
    Delivered delivered;
    std::chrono::steady_clock::time_point since;
    bool is_there = false;
    std::optional<std::int64_t> offset;
  };

  explicit JournalAppender(std::string topic) : topic_(std::move(topic)) {}
  void hand_over();
  void on_delivery(const kafka::Delivery& delivery);
  void refused(const absl::Status& why);

  const std::string topic_;
  std::unique_ptr<kafka::Producer> producer_;
  std::deque<Record> records_;      // undelivered, in order: handed over, then waiting
  std::size_t handed_over_ = 0;     // of them
  std::uint64_t first_number_ = 0;  // the front's: numbers are the tags
  std::size_t undelivered_bytes_ = 0;
  std::int64_t last_offset_ = -1;  // of what is there
  absl::Status status_;
};

}  // namespace surgewatch::services

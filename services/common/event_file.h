// Files of events: one JSON object a line (ndjson), or varint-length-delimited binary (binpb).
//
// A reader hands out each record as the bytes of an Invoice or a Shipment, the same that Kafka
// carries, so that a replay and the services decode by one path. What it can't read it hands out as
// unreadable, with the reason, and goes on.
//
// Threads: a reader or writer belongs to one thread (an ndjson reader parses ahead on threads of
// its own; the order is that of the file). Errors: NOT_FOUND or PERMISSION_DENIED for a file that
// can't be opened, DATA_LOSS for a read error.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/source.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::services {

enum class EventFormat : std::uint8_t { kNdjson, kBinpb };

// By the file's name: .binpb, .pb and .bin are binary, all else is ndjson.
EventFormat format_of(std::string_view path);

struct EventRecord {
  std::optional<Topic> topic;  // absent for what can't be read
  std::string_view payload;    // valid until the next call
  std::string error;           // why it can't be read
  v1::RejectReason reason = v1::REJECT_REASON_UNSPECIFIED;
};

class EventReader {
 public:
  // "-" is standard input.
  static absl::StatusOr<std::unique_ptr<EventReader>> open(const std::string& path,
                                                           EventFormat format);
  virtual ~EventReader() = default;
  // False at the end. Empty lines are passed over.
  virtual absl::StatusOr<bool> next(EventRecord* record) = 0;
  // Bytes read, and the file's size where it has one.
  virtual std::uint64_t bytes_read() const = 0;
  virtual std::optional<std::uint64_t> bytes_total() const = 0;
};

class EventWriter {
 public:
  // "-" is standard output.
  static absl::StatusOr<std::unique_ptr<EventWriter>> open(const std::string& path,
                                                           EventFormat format);
  ~EventWriter();
  absl::Status write(const v1::Event& event);
  // Must be called to know that all was written.
  absl::Status close();

 private:
  EventWriter(std::FILE* file, std::string path, EventFormat format);
  std::FILE* file_;
  std::string path_, buffer_;
  EventFormat format_;
};

}  // namespace surgewatch::services

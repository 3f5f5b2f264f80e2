// Files of events: one JSON object a line (ndjson), or varint-length-delimited binary (binpb).
//
// A reader deals a file in batches: each record as the bytes of an Invoice or a Shipment, the same
// that Kafka carries, so that a replay and the services decode by one path. What it can't read it
// hands out as unreadable, with the reason, and goes on. Offsets number all of them, from 0. What a
// line may look like is in docs/events.md.
//
// Threads: a reader or writer belongs to one thread (an ndjson reader parses ahead on threads of
// its own; the order is that of the file); a batch is plain data. Errors: NOT_FOUND or
// PERMISSION_DENIED for a file that can't be opened, DATA_LOSS for a read error.
// Limits: a record of 64 MiB; a longer line is rejected and not kept, a longer length ends a binary
// file.
// Cost: a file is read in blocks and not mapped, so that one that is cut off meanwhile is an error
// and not a signal; a record of a binary file is neither copied nor decoded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregate/source.h"
#include "base/source.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::files {

enum class EventFormat : std::uint8_t { kNdjson, kBinpb };

// By the file's name: .binpb, .pb and .bin are binary, all else is ndjson.
EventFormat format_of(std::string_view path);

// A stretch of a file. Everything in it lives as long as it does.
struct EventBatch {
  struct Unreadable {
    std::int64_t offset = 0;
    std::string_view bytes;
    v1::RejectReason reason = v1::REJECT_REASON_UNSPECIFIED;
    std::string detail;
  };

  std::array<std::vector<aggregate::Record>, 2> by_topic;  // each in the order of the file
  std::vector<Unreadable> unreadable;                      // likewise
  std::uint64_t end = 0;                                   // records of the file so far
  std::uint64_t bytes_read = 0;                            // of the file so far

  std::vector<aggregate::Record>& of(Topic topic) {
    return by_topic[static_cast<std::size_t>(topic)];
  }
  void add(Topic topic, std::int64_t offset, std::string_view payload) {
    of(topic).push_back({.offset = offset, .payload = payload});
  }
  bool empty() const { return by_topic[0].empty() && by_topic[1].empty() && unreadable.empty(); }
  // Keeps the memory for the next stretch.
  void clear();

  std::string bytes;               // what the views point into, and
  std::deque<std::string> copies;  // where that doesn't do
};

class EventReader {
 public:
  static constexpr std::size_t kReadBlock = 1 << 20;
  // "-" is standard input. `block`: bytes that are read at a time.
  static absl::StatusOr<std::unique_ptr<EventReader>> open(const std::string& path,
                                                           EventFormat format,
                                                           std::size_t block = kReadBlock);
  virtual ~EventReader() = default;
  // Replaces what is in the batch. False at the end. Empty lines are passed over.
  virtual absl::StatusOr<bool> next(EventBatch* batch) = 0;
  // The file's size where it has one. Any thread.
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

}  // namespace surgewatch::files

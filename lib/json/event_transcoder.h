// A line of JSON of v1::Event to the bytes of the Invoice or Shipment in it: the same that Kafka
// carries, so that whatever comes from a text is decoded by one path with all else.
//
// What is read is RFC 8259's JSON, and protobuf's mapping of it as protobuf 3.21 reads it with
// unknown fields ignored: both spellings of names, integers as number or text (2.0 and 1e3 too, but
// no fraction), enums by name or number, times as RFC 3339, null for what is absent, one value
// where a list is expected. On purpose it differs in these:
// - The document's `type` by a name (or a number as text) that the enum lacks is UNKNOWN_TYPE. In
//   fields that nothing uses, such as address_type, such a name is passed over, as protobuf does.
//   A number that the enum lacks stays that number; the observer rejects it.
// - A field twice, in whichever spelling, a null in a list and a field without a name are
//   UNDECODABLE; protobuf joins, drops and guesses.
// - Nothing that isn't JSON is read: no single quotes, no names without quotes, no commas before an
//   end, no other escapes. Values of unknown fields must be JSON too.
// - Objects and lists nest at most kMaxNesting deep, those of unknown fields included.
//
// Threads: an EventTranscoder belongs to one thread at a time.
// Errors: false with UNKNOWN_TYPE or UNDECODABLE, and a detail that names the field and is UTF-8 of
// at most kMaxDetail bytes. Nothing throws, and nothing is written to stderr.
// Cost: one pass of simdjson over the line and one over its tokens. No allocation for a valid event
// once the buffers have grown; those of a line longer than kUsualLine are given back.
// Source: protobuf.dev/programming-guides/json; Langdale and Lemire, "Parsing gigabytes of JSON per
// second", VLDB Journal 28 (2019); Keiser and Lemire, "On-demand JSON", Software 54 (2024).
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/source.h"
#include "observe/observer.h"

namespace surgewatch::json {

class EventTranscoder {
 public:
  // Bytes that must be readable behind a line; what they are doesn't matter.
  static constexpr std::size_t kPadding = 128;
  static constexpr int kMaxNesting = 100;
  static constexpr std::size_t kMaxDetail = 256;
  static constexpr std::size_t kUsualLine = 1 << 20;

  struct Event {
    Topic topic = Topic::kInvoices;
    std::string_view payload;  // until the next call
  };

  EventTranscoder();
  ~EventTranscoder();

  // Of a line without its end.
  bool transcode(std::string_view line, Event* event, observe::Rejection* rejection);

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace surgewatch::json

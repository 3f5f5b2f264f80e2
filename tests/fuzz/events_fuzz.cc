// A file of events, of either format, whatever its bytes.
//
// Held: every record is handed out once, under the next number, as an event or as unreadable with a
// reason; what comes before a fault is what protobuf's own delimited reader finds there (binpb),
// and each line is what the transcoder says of it alone (ndjson); what was read, written again and
// read again is the same. The first byte chooses the format, and whether the reader's block ends
// inside the input: the second says where.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/proto_json.h"
#include "base/utf8.h"
#include "files/event_file.h"
#include "fuzz/bytes.h"
#include "fuzz/input_file.h"
#include "unit/json/transcode_oracle.h"

namespace surgewatch::files {
namespace {

namespace pb = google::protobuf;
namespace io = google::protobuf::io;

struct Read {
  std::optional<Topic> topic;  // none: unreadable
  std::string bytes;           // the payload, or what is shown of what can't be read
  v1::RejectReason reason = v1::REJECT_REASON_UNSPECIFIED;
};

std::vector<Read> read_all(const std::string& path, EventFormat format, std::size_t block) {
  auto reader = EventReader::open(path, format, block);
  SW_CHECK(reader.ok());
  std::map<std::int64_t, Read> by_offset;
  EventBatch batch;
  std::uint64_t end = 0;
  while (true) {
    const auto more = (*reader)->next(&batch);
    SW_CHECK(more.ok());
    if (!*more) break;
    for (const Topic topic : {Topic::kInvoices, Topic::kShipments}) {
      for (const aggregate::Record& record : batch.of(topic)) {
        const Read read{topic, std::string(record.payload)};
        SW_CHECK(by_offset.try_emplace(record.offset, read).second);
      }
    }
    for (const EventBatch::Unreadable& one : batch.unreadable) {
      SW_CHECK(one.reason != v1::REJECT_REASON_UNSPECIFIED && !one.detail.empty());
      SW_CHECK(is_utf8(one.detail));
      const Read read{std::nullopt, std::string(one.bytes), one.reason};
      SW_CHECK(by_offset.try_emplace(one.offset, read).second);
    }
    SW_CHECK(batch.end >= end && batch.bytes_read <= *(*reader)->bytes_total());
    end = batch.end;
    SW_CHECK(by_offset.size() == end);  // counted = accepted + refused
  }
  SW_CHECK(by_offset.empty() || by_offset.rbegin()->first + 1 == static_cast<std::int64_t>(end));
  std::vector<Read> reads;
  for (auto& [offset, read] : by_offset) reads.push_back(std::move(read));
  return reads;
}

// The inner message as the reader hands it out, parsed; nullopt if it is none.
std::optional<v1::Event> event_of(const Read& read) {
  v1::Event event;
  const bool parsed = *read.topic == Topic::kInvoices
                          ? event.mutable_invoice()->ParseFromString(read.bytes)
                          : event.mutable_shipment()->ParseFromString(read.bytes);
  return parsed ? std::optional(event) : std::nullopt;
}

// Unknown groups may nest to one level more in a message that stands alone.
bool parses(std::string_view record, int levels, v1::Event* event) {
  io::CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(record.data()),
                              static_cast<int>(record.size()));
  stream.SetRecursionLimit(levels);
  return event->ParseFromCodedStream(&stream) && stream.ConsumedEntireMessage();
}

void compare_record(std::string_view record, const Read& read) {
  v1::Event deeper, theirs;
  const bool parsed = parses(record, 100, &theirs);
  if (parsed != parses(record, 101, &deeper)) return;
  if (!read.topic) {
    SW_CHECK(read.bytes == record);
    SW_CHECK(parsed ? theirs.kind_case() == v1::Event::KIND_NOT_SET
                    : read.reason == v1::REJECT_REASON_UNDECODABLE);
    return;
  }
  // The usual event's inner bytes are handed out as they are, to be refused where they are counted.
  const std::optional<v1::Event> ours = event_of(read);
  SW_CHECK(ours.has_value() == parsed);
  if (!ours) return;
  theirs.GetReflection()->MutableUnknownFields(&theirs)->Clear();  // beside the invoice or shipment
  SW_CHECK(pb::util::MessageDifferencer::Equals(*ours, theirs));
}

// The reader against protobuf's, up to where neither can go on.
void compare_binpb(std::string_view bytes, const std::vector<Read>& reads) {
  std::size_t number = 0;
  while (!bytes.empty()) {
    SW_CHECK(number < reads.size());
    const Read& read = reads[number++];
    io::CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                static_cast<int>(bytes.size()));
    std::uint64_t length = 0;
    const bool has_length = stream.ReadVarint64(&length);
    const auto header = static_cast<std::size_t>(stream.CurrentPosition());
    if (!has_length || length > bytes.size() - header) {
      SW_CHECK(!read.topic && read.reason == v1::REJECT_REASON_UNDECODABLE);
      SW_CHECK(bytes.starts_with(read.bytes));
      break;
    }
    compare_record(bytes.substr(header, length), read);
    bytes.remove_prefix(header + length);
  }
  SW_CHECK(number == reads.size());
}

void compare_ndjson(std::string_view text, const std::vector<Read>& reads) {
  std::size_t number = 0;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (line.find_first_not_of(" \t") == line.npos) continue;
    SW_CHECK(number < reads.size());
    const Read& read = reads[number++];
    const json::PaddedLine padded(line);
    json::EventTranscoder transcoder;
    json::EventTranscoder::Event event;
    observe::Rejection rejection;
    if (transcoder.transcode(padded.line(), &event, &rejection)) {
      SW_CHECK(read.topic == event.topic && read.bytes == event.payload);
    } else {
      SW_CHECK(!read.topic && read.bytes == line && read.reason == rejection.reason);
    }
  }
  SW_CHECK(number == reads.size());
}

// Events that were read, written and read again.
void round_trip(const std::vector<Read>& reads, EventFormat format, std::size_t block) {
  const fuzz::InputFile file;
  auto writer = EventWriter::open(file.path(), format);
  SW_CHECK(writer.ok());
  std::vector<v1::Event> written;
  for (const Read& read : reads) {
    std::optional<v1::Event> event = read.topic ? event_of(read) : std::nullopt;
    if (!event || !has_json(*event)) continue;
    if (format == EventFormat::kNdjson) event->DiscardUnknownFields();  // JSON has no form for them
    SW_CHECK((*writer)->write(*event).ok());
    written.push_back(*std::move(event));
  }
  SW_CHECK((*writer)->close().ok());
  const std::vector<Read> again = read_all(file.path(), format, block);
  SW_CHECK(again.size() == written.size());
  for (std::size_t i = 0; i < again.size(); ++i) {
    SW_CHECK(again[i].topic.has_value());
    const std::optional<v1::Event> event = event_of(again[i]);
    SW_CHECK(event && pb::util::MessageDifferencer::Equals(*event, written[i]));
  }
}

void check(fuzz::Bytes input) {
  const EventFormat format = input.number(1) % 2 == 0 ? EventFormat::kNdjson : EventFormat::kBinpb;
  const std::size_t block = 1 + input.number(1);
  fuzz::InputFile file;
  file.append(input.rest());
  const std::vector<Read> reads = read_all(file.path(), format, block);
  if (format == EventFormat::kNdjson) {
    compare_ndjson(input.rest(), reads);
  } else {
    compare_binpb(input.rest(), reads);
  }
  round_trip(reads, EventFormat::kNdjson, block);
  round_trip(reads, EventFormat::kBinpb, block);
}

}  // namespace
}  // namespace surgewatch::files

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // it logs each string that is not UTF-8
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  surgewatch::files::check({data, size});
  return 0;
}

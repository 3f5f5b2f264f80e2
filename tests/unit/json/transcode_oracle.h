// protobuf's own JSON parser as the oracle for EventTranscoder: on every line both refuse, or both
// find the same, save for what the transcoder's header says is different on purpose. Used by the
// unit test, the property test and the fuzzer.
#pragma once

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "json/event_transcoder.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::json {

// A line as a reader holds it, with what may be read behind it.
class PaddedLine {
 public:
  explicit PaddedLine(std::string_view line)
      : bytes_(std::string(line) + std::string(EventTranscoder::kPadding, '}')),
        size_(line.size()) {}
  std::string_view line() const { return std::string_view(bytes_).substr(0, size_); }

 private:
  std::string bytes_;
  std::size_t size_;
};

// The event, as a message; nullopt if it is rejected.
inline std::optional<v1::Event> transcoded(EventTranscoder* transcoder, std::string_view line,
                                           observe::Rejection* rejection) {
  const PaddedLine padded(line);
  EventTranscoder::Event event;
  if (!transcoder->transcode(padded.line(), &event, rejection)) return std::nullopt;
  v1::Event message;
  const std::string payload(event.payload);
  const bool parsed = event.topic == Topic::kInvoices
                          ? message.mutable_invoice()->ParseFromString(payload)
                          : message.mutable_shipment()->ParseFromString(payload);
  if (!parsed) message.Clear();  // equal to nothing that the oracle could say
  return message;
}

// Whether a line that protobuf reads may be UNDECODABLE.
inline bool is_refused_on_purpose(std::string_view line, std::string_view detail) {
  const auto says = [&](std::string_view what) { return detail.find(what) != detail.npos; };
  if (says("there twice") || says("null in a list") || says("a field has no name") ||
      says("nested more than")) {
    return true;
  }
  // protobuf's parser of times ends at a zero byte.
  if (says("is no time") && line.find("\\u0000") != line.npos) return true;
  return !nlohmann::json::accept(line.begin(), line.end());
}

// Empty if both agree.
inline std::string transcode_difference(EventTranscoder* transcoder, std::string_view line) {
  observe::Rejection rejection;
  const std::optional<v1::Event> ours = transcoded(transcoder, line, &rejection);
  v1::Event theirs;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status =
      google::protobuf::util::JsonStringToMessage({line.data(), line.size()}, &theirs, options);
  if (ours) {
    if (!status.ok()) return fmt::format("protobuf refuses it: {}\n", status.ToString());
    if (google::protobuf::util::MessageDifferencer::Equals(*ours, theirs)) return "";
    return fmt::format("ours: {}\ntheirs: {}\n", ours->ShortDebugString(),
                       theirs.ShortDebugString());
  }
  const std::string& detail = rejection.detail;
  if (!is_utf8(detail) || detail.size() > EventTranscoder::kMaxDetail || detail.empty()) {
    return fmt::format("a detail of {} bytes, or one that is not UTF-8\n", detail.size());
  }
  if (rejection.reason == v1::REJECT_REASON_UNKNOWN_TYPE) {
    const bool has_type = theirs.invoice().type() != 0 || theirs.shipment().type() != 0;
    return status.ok() && !has_type ? "" : fmt::format("UNKNOWN_TYPE: {}\n", detail);
  }
  if (rejection.reason != v1::REJECT_REASON_UNDECODABLE) return "another reason\n";
  if (!status.ok() || is_refused_on_purpose(line, detail)) return "";
  return fmt::format("protobuf reads it: {}; refused for: {}\n", theirs.ShortDebugString(), detail);
}

}  // namespace surgewatch::json

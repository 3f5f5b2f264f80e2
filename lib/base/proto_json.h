// protobuf messages as JSON and as delimited binary, the one way that all of Surgewatch writes
// them.
//
// JSON is the proto3 mapping with the proto's own field names, 64-bit integers as strings and full
// enum names. The same message always gives the same bytes: maps are written in the order of keys.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace google::protobuf {
class Message;
}

namespace surgewatch {

// One line, without a newline. The message is one of our own making: it has a JSON form.
std::string to_json(const google::protobuf::Message& message);

// INVALID_ARGUMENT if the message has no JSON form: a time in it is outside of the years 1 to 9999
// or has more than a second of nanoseconds.
absl::StatusOr<std::string> try_to_json(const google::protobuf::Message& message);

// Binary with maps in the order of keys, so that equal messages have equal bytes.
std::string to_bytes(const google::protobuf::Message& message);

}  // namespace surgewatch

// protobuf messages as JSON and as delimited binary, the one way that all of Surgewatch writes
// them.
//
// JSON is the proto3 mapping with the proto's own field names, 64-bit integers as strings and full
// enum names. The same message always gives the same bytes: maps are written in the order of keys.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}

namespace surgewatch {

// One line, without a newline.
std::string to_json(const google::protobuf::Message& message);

// Reads both lowerCamelCase and the proto's own names; passes over unknown fields.
// INVALID_ARGUMENT says what is wrong.
absl::Status from_json(std::string_view json, google::protobuf::Message* message);

// Binary with maps in the order of keys, so that equal messages have equal bytes.
std::string to_bytes(const google::protobuf::Message& message);

}  // namespace surgewatch

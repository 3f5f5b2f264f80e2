// protobuf messages as JSON and as delimited binary, the one way that all of Surgewatch writes
// them.
//
// JSON is the proto3 mapping with the proto's own field names, 64-bit integers as strings and full
// enum names. The same message always gives the same bytes: maps are written in the order of keys.
// Texts are exact; what is_hidden() (base/printable.h) in them is written as \u202e, so that JSON
// on a terminal shows it.
#pragma once

#include <string>
#include <string_view>

namespace google::protobuf {
class Message;
}

namespace surgewatch {

// Whether JSON has a form for the message: not for times outside of years 1 to 9999 or with a
// fraction that is none, which the wire carries well. To be asked of whatever a peer wrote.
bool has_json(const google::protobuf::Message& message);

// Parses what a peer wrote; false if it is not of this type or JSON has no form for it.
bool parse_printable(std::string_view bytes, google::protobuf::Message* message);

// One line, without a newline, of a message of which has_json() holds.
std::string to_json(const google::protobuf::Message& message);

// Binary with maps in the order of keys, so that equal messages have equal bytes.
std::string to_bytes(const google::protobuf::Message& message);

}  // namespace surgewatch

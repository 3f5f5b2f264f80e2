// Texts in JSON that stand for other things: integers and times, as protobuf's mapping reads them.
//
// Errors: nullopt for whatever it would refuse. Nothing throws or allocates.
// Source: protobuf.dev/programming-guides/json, and where that leaves it open what protobuf 3.21
// does.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace surgewatch::json {

// Decimal digits, with a sign or without; of the whole text.
std::optional<std::int64_t> integer_of_text(std::string_view text);

// Digits as JSON writes an integer: no plus, no leading zeros.
std::optional<std::int64_t> integer_of_number(std::string_view number);

// For numbers with a fraction or an exponent that are whole nevertheless: 2.0, 1e3.
std::optional<std::int64_t> integer_of_double(double number);

struct Time {
  std::int64_t seconds = 0;  // since 1970-01-01T00:00:00Z
  std::int32_t nanos = 0;
};

// RFC 3339: "2024-01-10T12:00:00.123456789+08:00", or with Z. The date exists in the calendar of
// the years 1 to 9999; the offset may lead out of them. Digits beyond nanoseconds are dropped, and
// a number may lack its leading zeros.
std::optional<Time> time_of_text(std::string_view text);

}  // namespace surgewatch::json

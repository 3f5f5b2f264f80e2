// Query parameters as values, and errors that say what was expected.
//
// Threads: any. Errors: INVALID_ARGUMENT with the parameter's name.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace surgewatch::serve::api {

// Percent-decoded already.
using Params = std::multimap<std::string, std::string>;

struct Target {
  std::string path;
  Params params;
};
// "/a%20b?x=1&y=c+d", or with scheme and authority before it, as a request names what it wants
// (RFC 9112, 3.2; in a query + is a space). A % that no two hexadecimal digits follow is an error.
absl::StatusOr<Target> parse_target(std::string_view target);

// A whole number from 1 to `most`.
absl::StatusOr<std::int64_t> parse_count(const std::string& name, const std::string& text,
                                         std::int64_t most);
// "2024-10-28" (midnight UTC) or RFC 3339; in seconds, what is below a second is cut off.
absl::StatusOr<std::int64_t> parse_instant(const std::string& name, const std::string& text);

absl::Status unknown_param(const std::string& name, std::string_view known);

}  // namespace surgewatch::serve::api

#include "serve/params.h"

#include <google/protobuf/util/time_util.h>

#include <charconv>

#include "base/status.h"
#include "base/time.h"

namespace surgewatch::serve::api {

absl::StatusOr<std::int64_t> parse_count(const std::string& name, const std::string& text,
                                         std::int64_t most) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || value < 1 ||
      value > most) {
    return invalid_argument("{}: '{}' is not a whole number from 1 to {}", name, text, most);
  }
  return value;
}

absl::StatusOr<std::int64_t> parse_instant(const std::string& name, const std::string& text) {
  if (const auto date = parse_date(text); date.ok()) return floor_div(*date, kMicrosPerSecond);
  google::protobuf::Timestamp timestamp;
  if (text.size() > 40 || !google::protobuf::util::TimeUtil::FromString(text, &timestamp)) {
    return invalid_argument(
        "{}: '{}' is neither a date such as 2024-10-28 nor a time such as 2024-10-28T00:00:00Z",
        name, text);
  }
  return timestamp.seconds();
}

absl::Status unknown_param(const std::string& name, std::string_view known) {
  return invalid_argument("unknown parameter '{}'; known: {}", name, known);
}

}  // namespace surgewatch::serve::api

#include "serve/params.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/status.h"
#include "base/time.h"

namespace surgewatch::serve::api {
namespace {

absl::StatusOr<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded.push_back(' ');
    } else if (text[i] != '%') {
      decoded.push_back(text[i]);
    } else {
      const std::string_view digits = text.substr(i + 1, 2);
      unsigned char byte = 0;
      const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
      if (digits.size() != 2 || parsed.ptr != digits.data() + 2) {
        return invalid_argument("two hexadecimal digits must follow a %; write %25 for a %");
      }
      decoded.push_back(static_cast<char>(byte));
      i += 2;
    }
  }
  return decoded;
}

}  // namespace

absl::StatusOr<Target> parse_target(std::string_view target) {
  if (const std::size_t scheme = target.find("://");
      scheme != std::string_view::npos && scheme < target.find_first_of("/?")) {
    target.remove_prefix(scheme + 3);
    target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
  }
  target = target.substr(0, target.find('#'));
  const std::size_t question = std::min(target.find('?'), target.size());
  Target parsed;
  SW_ASSIGN_OR_RETURN(parsed.path, percent_decode(target.substr(0, question), false));
  if (parsed.path.empty()) parsed.path = "/";
  std::string_view query = target.substr(std::min(question + 1, target.size()));
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    SW_ASSIGN_OR_RETURN(std::string name, percent_decode(pair.substr(0, equals), true));
    SW_ASSIGN_OR_RETURN(std::string value,
                        percent_decode(pair.substr(std::min(equals + 1, pair.size())), true));
    parsed.params.emplace(std::move(name), std::move(value));
  }
  return parsed;
}

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

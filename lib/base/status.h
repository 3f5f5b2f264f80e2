// Errors as values: short ways to make an absl::Status and to pass one on.
//
// A message says what is wrong, where, and what to do; texts of others are in it as they came, and
// whoever shows it asks lines_of(). Formatting is fmt's, since Debian's absl::string_view is not
// std::string_view.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace surgewatch {

// The caller's input is wrong and will stay so until the caller changes it.
template <typename... Args>
absl::Status invalid_argument(fmt::format_string<Args...> format, Args&&... args) {
  return absl::InvalidArgumentError(fmt::format(format, std::forward<Args>(args)...));
}

// Something that was named is not there.
template <typename... Args>
absl::Status not_found(fmt::format_string<Args...> format, Args&&... args) {
  return absl::NotFoundError(fmt::format(format, std::forward<Args>(args)...));
}

// The system is not in the state that the call needs; changing the state helps, repeating doesn't.
template <typename... Args>
absl::Status failed_precondition(fmt::format_string<Args...> format, Args&&... args) {
  return absl::FailedPreconditionError(fmt::format(format, std::forward<Args>(args)...));
}

// Not now; trying again later may help.
template <typename... Args>
absl::Status unavailable(fmt::format_string<Args...> format, Args&&... args) {
  return absl::UnavailableError(fmt::format(format, std::forward<Args>(args)...));
}

// A value left its range.
template <typename... Args>
absl::Status out_of_range(fmt::format_string<Args...> format, Args&&... args) {
  return absl::OutOfRangeError(fmt::format(format, std::forward<Args>(args)...));
}

// The message as std::string (absl's own accessor gives absl::string_view).
inline std::string message_of(const absl::Status& status) { return std::string(status.message()); }

// INVALID_ARGUMENT with several problems, a line each. In any other status a newline is part of
// what somebody wrote.
absl::Status status_of_lines(const std::vector<std::string>& lines);

// The message as a person may read it (base/printable.h): one line, but for status_of_lines().
std::vector<std::string> lines_of(const absl::Status& status);

}  // namespace surgewatch

#define SW_CONCAT_INNER(a, b) a##b
#define SW_CONCAT(a, b) SW_CONCAT_INNER(a, b)

// Leaves the function with the status unless it is OK.
#define SW_RETURN_IF_ERROR(expression)                                            \
  do {                                                                            \
    if (absl::Status sw_status = (expression); !sw_status.ok()) return sw_status; \
  } while (false)

// Declares or assigns `target` from a StatusOr, or leaves the function with its status.
#define SW_ASSIGN_OR_RETURN(target, expression)                 \
  auto SW_CONCAT(sw_result_, __LINE__) = (expression);          \
  if (!SW_CONCAT(sw_result_, __LINE__).ok())                    \
    return std::move(SW_CONCAT(sw_result_, __LINE__)).status(); \
  target = *std::move(SW_CONCAT(sw_result_, __LINE__))

// Small readers of text that configuration and tables share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/suggestion.h"
#include "config/problems.h"

namespace surgewatch::config {

// The whole file. NOT_FOUND if it can't be read, or is longer than `limit` bytes. A table must be a
// regular file: reading a pipe or a device could wait for ever.
enum class FileKind : std::uint8_t { kAny, kRegular };
absl::StatusOr<std::string> read_file(const std::string& path, std::size_t limit, FileKind kind);

// Where the text stops being UTF-8, or holds a zero byte; nullopt if it is sound.
std::optional<Position> first_invalid_utf8(std::string_view text);

inline constexpr std::int64_t kE9 = 1'000'000'000;
// A decimal of at most 9 places and below 10^9, times 10^9; an error says what is wrong with it.
absl::StatusOr<std::int64_t> parse_fixed_e9(std::string_view text);

// The whole text as a decimal integer.
std::optional<std::int64_t> parse_int64(std::string_view text);

// A, B, … of ISO 3166-1 alpha-2's or ISO 4217's shape: `length` capital letters.
bool is_capitals(std::string_view text, std::size_t length);

// Of ASCII letters, digits and the `extra` characters alone.
bool consists_of(std::string_view text, std::string_view extra);

}  // namespace surgewatch::config

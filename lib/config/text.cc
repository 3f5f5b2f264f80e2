#include "config/text.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/status.h"
#include "base/utf8.h"

namespace surgewatch::config {
namespace {

constexpr std::size_t kPlaces = 9;

}  // namespace

absl::StatusOr<std::string> read_file(const std::string& path, std::size_t limit, FileKind kind) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return not_found("cannot read {}: {}", path, std::strerror(errno));
  if (S_ISDIR(info.st_mode)) return not_found("cannot read {}: it is a directory", path);
  if (kind == FileKind::kRegular && !S_ISREG(info.st_mode)) {
    return not_found("cannot read {}: it is not a regular file", path);
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  if (file == nullptr) return not_found("cannot read {}: {}", path, std::strerror(errno));
  std::string text;
  std::string block(std::size_t{1} << 16, '\0');
  while (const std::size_t count = std::fread(block.data(), 1, block.size(), file.get())) {
    text.append(block, 0, count);
    if (text.size() > limit)
      return not_found("cannot read {}: it is longer than {} bytes", path, limit);
  }
  if (std::ferror(file.get()) != 0)
    return not_found("cannot read {}: {}", path, std::strerror(errno));
  return text;
}

std::optional<Position> first_invalid_utf8(std::string_view text) {
  Position at;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || text.front() == '\0') return at;
    at.column += static_cast<int>(length);
    if (text.front() == '\n') at = {at.line + 1, 1};
    text.remove_prefix(length);
  }
  return std::nullopt;
}

absl::StatusOr<std::int64_t> parse_fixed_e9(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  constexpr std::string_view kDigits = "0123456789";
  if (whole.empty() || whole.find_first_not_of(kDigits) != std::string_view::npos ||
      fraction.find_first_not_of(kDigits) != std::string_view::npos ||
      (point != std::string_view::npos && fraction.empty())) {
    return invalid_argument("'{}' is not a decimal number such as 1.0854", text);
  }
  if (fraction.size() > kPlaces) {
    return invalid_argument("'{}' has {} decimal places; at most {} are allowed", text,
                            fraction.size(), kPlaces);
  }
  const auto units = parse_int64(whole);
  if (!units || *units >= kE9) return invalid_argument("'{}' is not below 1000000000", text);
  std::int64_t nanos = fraction.empty() ? 0 : *parse_int64(fraction);
  for (std::size_t i = fraction.size(); i < kPlaces; ++i) nanos *= 10;
  return *units * kE9 + nanos;
}

std::optional<std::int64_t> parse_int64(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return value;
}

bool is_capitals(std::string_view text, std::size_t length) {
  return text.size() == length &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool consists_of(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [extra](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           extra.find(c) != std::string_view::npos;
  });
}

}  // namespace surgewatch::config

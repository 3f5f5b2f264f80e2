#include "base/status.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/cord.h"
#include "base/printable.h"

namespace surgewatch {
namespace {

constexpr char kIsOfLines[] = "surgewatch/lines";

}  // namespace

absl::Status status_of_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    if (!text.empty()) text += '\n';
    text += printable_line(line);
  }
  absl::Status status = absl::InvalidArgumentError(text);
  status.SetPayload(kIsOfLines, absl::Cord());
  return status;
}

std::vector<std::string> lines_of(const absl::Status& status) {
  const std::string text = message_of(status);
  if (!status.GetPayload(kIsOfLines)) return {printable_line(text)};
  std::vector<std::string> lines;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return lines;
}

}  // namespace surgewatch

#include "config/problems.h"

#include <algorithm>
#include <tuple>

#include "base/printable.h"
#include "base/status.h"

namespace surgewatch::config {

void Problems::keep(std::string_view file, Position at, std::string message) {
  const auto known = std::find(files_.begin(), files_.end(), file);
  const auto index = static_cast<std::size_t>(known - files_.begin());
  if (known == files_.end()) files_.emplace_back(file);
  problems_.push_back({index, at, std::move(message)});
}

absl::Status Problems::status() const {
  if (empty()) return absl::OkStatus();
  std::vector<const Problem*> sorted;
  for (const Problem& problem : problems_) sorted.push_back(&problem);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Problem* a, const Problem* b) {
    return std::tie(a->file, a->at.line, a->at.column) <
           std::tie(b->file, b->at.line, b->at.column);
  });
  std::vector<std::string> lines;
  for (const Problem* problem : sorted) {
    lines.push_back(fmt::format("{}:{}:{}: {}", printable(files_[problem->file]), problem->at.line,
                                problem->at.column, printable(problem->message, kLongestLine)));
  }
  if (count_ > problems_.size()) {
    lines.push_back(fmt::format("… and {} more", count_ - problems_.size()));
  }
  return status_of_lines(lines);
}

}  // namespace surgewatch::config

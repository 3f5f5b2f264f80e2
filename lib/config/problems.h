// Collects what is wrong with a configuration and its tables, so that a person mends all of it in
// one go.
//
// Threads: one. Limits: keeps the first kMaxProblems; the rest are counted.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "config/position.h"

namespace surgewatch::config {

class Problems {
 public:
  static constexpr std::size_t kMaxProblems = 200;

  template <typename... Args>
  void add(std::string_view file, Position at, fmt::format_string<Args...> format, Args&&... args) {
    ++count_;
    if (problems_.size() < kMaxProblems)
      keep(file, at, fmt::format(format, std::forward<Args>(args)...));
  }

  std::size_t count() const { return count_; }
  bool empty() const { return count_ == 0; }

  // OK, or status_of_lines() with one for each problem, in which texts of the file are printable():
  // files in the order in which they first had one, within a file by position.
  absl::Status status() const;

 private:
  struct Problem {
    std::size_t file;
    Position at;
    std::string message;
  };
  void keep(std::string_view file, Position at, std::string message);

  std::vector<std::string> files_;
  std::vector<Problem> problems_;
  std::size_t count_ = 0;
};

}  // namespace surgewatch::config

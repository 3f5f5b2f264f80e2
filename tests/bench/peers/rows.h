// What the jobs are, and the one text form of their answers: a line
//   window_start country sku documents units amount
// for every window and key with a document in it; the start in seconds since 1970, the amount in
// millionths of a US dollar. Lines come in any order; peers.py sorts before it compares.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "invoices.h"

namespace surgewatch::peers {

struct Job {
  std::string_view name;
  std::int64_t minutes;  // the window's length; it advances by one
};
inline constexpr std::array<Job, 3> kJobs{
    {{"tumbling-1m", 1}, {"sliding-10m-1m", 10}, {"sliding-1h-1m", 60}}};

inline std::optional<Job> job_named(std::string_view name) {
  for (const Job& job : kJobs) {
    if (job.name == name) return job;
  }
  return std::nullopt;
}

struct Sums {
  std::int64_t documents = 0;
  std::int64_t units = 0;
  std::int64_t amount = 0;

  Sums& operator+=(const Sums& other) {
    documents += other.documents;
    units += other.units;
    amount += other.amount;
    return *this;
  }
  Sums& operator-=(const Sums& other) {
    documents -= other.documents;
    units -= other.units;
    amount -= other.amount;
    return *this;
  }
};

class RowWriter {
 public:
  explicit RowWriter(const std::string& path) : file_(std::fopen(path.c_str(), "w")) {}

  bool is_open() const { return file_ != nullptr; }

  // `first`: number of the window's first minute.
  void write(PaneIndex first, std::string_view country, std::string_view sku, const Sums& sums) {
    line_.clear();
    fmt::format_to(std::back_inserter(line_), "{} {} {} {} {} {}\n", first * 60, country, sku,
                   sums.documents, sums.units, sums.amount);
    failed_ |= std::fwrite(line_.data(), 1, line_.size(), file_.get()) != line_.size();
  }

  // Whether everything reached the file.
  bool close() {
    failed_ |= std::fflush(file_.get()) != 0;
    file_.reset();
    return !failed_;
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  fmt::memory_buffer line_;
  bool failed_ = false;
};

}  // namespace surgewatch::peers

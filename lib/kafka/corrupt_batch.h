// Finds the way past a record batch that can't be read (a bad checksum, a decompression bomb). Asks
// nobody: it says where to read from next, and is told what came of it.
//
// A batch doesn't tell its length when it can't be read, so its end is searched for: double the
// step until something readable comes, then bisect between the last offset that is bad and the
// first that is good. No readable record is passed over, and a batch of n records costs about
// 2 log2(n) fetches.
//
// Threads: one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace surgewatch::kafka {

class CorruptBatch {
 public:
  // So often the same offset must fail before it counts as broken and not as a broken fetch.
  static constexpr int kPatience = 5;

  bool quiet() const { return failures_ == 0; }

  // Nothing can be read from `position`. `reported`: the first offset of the batch that is why, if
  // that is known; it may lie before the position. `end`: the partition's high watermark. Returns
  // where to read from, if elsewhere.
  std::optional<std::int64_t> failed(std::optional<std::int64_t> reported, std::int64_t position,
                                     std::int64_t end) {
    if (!searching_) {
      const std::int64_t at = std::max(reported.value_or(position), position);
      failures_ = at == first_ ? failures_ + 1 : 1;
      first_ = at;
      if (failures_ < kPatience) return std::nullopt;
      searching_ = true;
      bad_ = first_;
      good_.reset();
      step_ = 1;
    } else if (reported && *reported > bad_) {
      good_ = *reported;  // another bad batch: this one has ended before it
    } else {
      bad_ = probe_;
      step_ *= 2;
    }
    end_ = end;
    return next();
  }

  // Something readable came, or the end was reached, from where it was to be read. Returns where to
  // read from next; nothing where the search is over.
  std::optional<std::int64_t> succeeded() {
    if (!searching_) {
      failures_ = 0;
      return std::nullopt;
    }
    good_ = probe_;
    const std::int64_t to = next();
    return to == *good_ ? std::nullopt : std::optional(to);
  }

  // [first, next) was passed over; once for each batch.
  std::optional<std::pair<std::int64_t, std::int64_t>> take_skipped() {
    return std::exchange(skipped_, std::nullopt);
  }

 private:
  std::int64_t next() {
    if (good_.has_value() && *good_ - bad_ <= 1) {
      searching_ = false;
      failures_ = 0;
      skipped_ = {first_, *good_};
      return *good_;
    }
    // Never past the end of the log: that would be an error of its own. At the end nothing is bad.
    probe_ = good_.has_value() ? bad_ + (*good_ - bad_) / 2
                               : std::max(bad_ + 1, std::min(bad_ + step_, end_));
    return probe_;
  }

  bool searching_ = false;
  int failures_ = 0;
  std::int64_t first_ = -1;           // of the bad batch, or where reading it began
  std::int64_t bad_ = -1;             // the greatest offset that is known to be bad
  std::optional<std::int64_t> good_;  // the smallest that is known to be good
  std::int64_t probe_ = -1;           // where we are reading
  std::int64_t step_ = 1;
  std::int64_t end_ = -1;
  std::optional<std::pair<std::int64_t, std::int64_t>> skipped_;
};

}  // namespace surgewatch::kafka

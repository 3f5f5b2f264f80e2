// Which revision of an alert is its newest, in a topic that others can write to as well.
//
// Who publishes an alert counts its revisions 1, 2, 3, … Compaction takes some out, so that a jump
// has to be believed. But if later the revision comes that was due before the jump, it was somebody
// else who jumped, and that one is the newest:
//
//   4  5  ──► 900 (a jump: believed)  ──► 6 (was due: the newest)  ──► 7
//
// So whoever writes a huge revision by mistake mutes nobody. Threads: one.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace surgewatch {

class RevisionChain {
 public:
  // Nobody gets here by counting, and what is next to it can be counted still.
  static constexpr std::int32_t kMost = 1 << 30;

  // Of the next record in the log: whether its revision is the newest now. The same revision again
  // is not.
  bool takes(std::int32_t revision) {
    if (revision == newest_ + 1) {
      newest_ = revision;
      return true;
    }
    if (revision < 1 || revision > kMost) return false;
    if (revision > newest_) {
      due_[jumps_++ % due_.size()] = newest_ + 1;
    } else {
      const auto found = std::ranges::find(due_, revision);
      if (found == due_.end()) return false;
      *found = 0;
    }
    newest_ = revision;
    return true;
  }
  std::int32_t newest() const { return newest_; }

 private:
  std::int32_t newest_ = 0;
  std::array<std::int32_t, 4> due_{};  // before the last jumps; 0: none
  std::uint32_t jumps_ = 0;
};

}  // namespace surgewatch

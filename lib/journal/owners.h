// Who may speak of a source.
//
//   claim (an ownership record) ──the first record under it──► owner ──one under a newer claim──►
//   former
//
// An ownership record alone moves nothing. Whoever writes one and means it learns its offset, the
// epoch, and says the rest under that; who copies records from another journal does not, and takes
// nobody's place. Of several claims the newest under which something is said counts; those before
// it are void.
//
// Records without an epoch (of files, or of journals that are older than ownership) are of one who
// came before all others. Once some source has an owner nobody else can begin so.
//
// Threads: one. Cost: a hash look-up a record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/source.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::journal {

class Owners {
 public:
  // Of a source, that wait for a word; of more the oldest goes.
  static constexpr std::size_t kMaxClaims = 8;

  enum class Standing : std::uint8_t {
    kOwner,
    kNewOwner,  // this is his first word
    kFormer,    // he has been followed
    kStranger,  // he has never owned it
    kNoOwner,   // nobody does
  };

  void claim(SourceId source, const v1::JournalRecord& record, std::int64_t offset);
  // Of a record that is no ownership record. A first word makes its claim count.
  Standing hear(SourceId source, const v1::JournalRecord& record);

  // What the owner said when he began; null if nobody owns the source, or one who gave none.
  const v1::Ownership* owner(SourceId source) const;

 private:
  // Epoch and token. Absent epoch: he gives none.
  using Name = std::pair<std::optional<std::int64_t>, std::uint64_t>;
  struct Claim {
    Name name;
    v1::Ownership ownership;
  };
  struct Source {
    std::optional<Claim> owner;
    std::deque<Claim> claims;  // newer than the owner's, oldest first
    std::deque<Name> former;   // of the owner before, and those whose claims are void
  };
  static void make_former(Name name, Source* source);

  absl::flat_hash_map<SourceId, Source> sources_;
  bool anybody_owns_ = false;
};

}  // namespace surgewatch::journal

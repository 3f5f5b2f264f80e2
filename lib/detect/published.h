// What has been published of each alert: the newest revision is state, and what is said next
// follows it. So a change of rules, of reference data or of this program can neither lose an alert
// nor leave one behind that fires for ever.
//
//   what a rule says ──► the same as published? ── yes ─► nothing
//                                             └─── no ──► the next revision
//
// Two revisions are the same if they agree in state, timing, severity, mode, window and figures:
// nothing else makes a revision, least of all other words.
//
// Threads: one. Cost: some 100 bytes an alert, and the whole of those that fire and that no rule of
// this life has spoken of yet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "config/config.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {

class Published {
 public:
  // The newest revision of each alert as others have published it.
  void load(const std::vector<v1::Alert>& alerts);

  // Gives the alert the revision that follows; false if it says what has been said, or the end of
  // what nobody has heard of.
  bool take(v1::Alert* alert);

  // Alerts that fire and were loaded, and that nobody has taken since: resolved, with the reason.
  std::vector<v1::Alert> withdraw(const config::Config& config);

 private:
  struct Newest {
    std::int32_t revision = 0;
    std::uint64_t digest = 0;
  };
  static std::uint64_t digest_of(const v1::Alert& alert);

  absl::flat_hash_map<std::string, Newest> newest_;    // by alert_id
  absl::btree_map<std::string, v1::Alert> unclaimed_;  // likewise
};

}  // namespace surgewatch::detect

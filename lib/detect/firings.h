// The series of a typology: in which panes the rules that it weighs have found something, by the
// typology's subject and by rule. One for each window of the rule at whose end an alert on the
// subject is in force, in the pane in which that window ends.
//
// Written by the runners of those rules, as their windows close and are amended; read by the
// typology's own, as the changes of a series like any other. So late data and corrections reach a
// typology as they reach the rules that it weighs.
//
// Threads: one.
// Cost: O(log windows) a window that fires; 8 bytes for it, and 24 for the pane that it ends in.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "base/saturating.h"
#include "config/config.h"
#include "detect/subject_name.h"
#include "journal/generation.h"

namespace surgewatch::detect {

class Firings {
 public:
  Firings(const config::Config& config, std::size_t rule);

  // A window of this subject ends at `end`, and an alert is in force. `finding`: an index into
  // Typology::findings. Of a subject that has no value for the typology's own nothing is kept.
  void add(std::size_t finding, const SubjectName& subject, Micros end);
  // Of its windows that end behind `behind`, exactly those are such that end at `ends`; ascending.
  void replace(std::size_t finding, const SubjectName& subject, Micros behind,
               std::span<const Micros> ends);

  // What has changed since the last call, in the order of keys and panes.
  std::vector<journal::Change> take_changes();
  // Values of the series' dimensions, in the order of group_by.
  const std::vector<std::string>& key(journal::KeyId id) const { return keys_[id].values; }

  // Panes before `pane` are no longer needed. Calls `released(key)` for each key of which nothing
  // is left. What has changed has been taken.
  template <typename Released>
  void forget_before(PaneIndex pane, Released&& released) {
    for (const journal::KeyId id : forget(pane)) released(id);
  }

  // Bytes at the most, of so many subjects of the rules that it weighs, of so many keys, and of so
  // many panes of each.
  static Saturating at_most(Saturating subjects, Saturating keys, Saturating panes,
                            std::size_t name_bytes);

 private:
  // Of one subject of a rule: the ends of its windows with an alert in force, ascending.
  struct Windows {
    journal::KeyId key = 0;
    std::vector<Micros> ends;
  };
  struct Key {
    std::vector<std::string> values;
    absl::btree_map<PaneIndex, std::int64_t> panes;  // that hold something
  };

  PaneIndex pane_at(Micros end) const { return pane_of(end - 1, pane_length_); }
  Windows* windows_of(std::size_t finding, const SubjectName& subject);
  journal::KeyId key_of(std::vector<std::string> values);
  void count(const Windows& windows, Micros end, std::int64_t delta);
  std::vector<journal::KeyId> forget(PaneIndex pane);

  const config::Typology& typology_;
  const std::uint32_t series_;
  const Micros pane_length_;
  // By finding, then by the subject's name.
  std::vector<absl::flat_hash_map<std::string, Windows>> windows_;
  std::vector<Key> keys_;
  std::vector<journal::KeyId> free_;
  std::map<std::vector<std::string>, journal::KeyId> ids_;
  // What is to be taken: what was there before.
  absl::btree_map<std::pair<journal::KeyId, PaneIndex>, std::int64_t> before_;
  PaneIndex forgotten_before_ = INT64_MIN;
};

}  // namespace surgewatch::detect

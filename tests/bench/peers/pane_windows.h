// Windows from panes of a minute: adds up what the sources say of each pane and, as panes close,
// answers every window that ends there by adding the pane that enters and taking out the one that
// leaves. So a window costs the same whatever its length.
//
// Threads: one.
// Cost: set() a few array accesses; close_before() O(keys) for each pane, however long the window.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "rows.h"

namespace surgewatch::peers {

using KeyId = std::uint32_t;

class PaneWindows {
 public:
  // `rows` must outlive it.
  PaneWindows(Job job, std::size_t sources, RowWriter* rows)
      : job_(job), sources_(sources), rows_(rows) {}

  KeyId key(std::string_view country, std::string_view sku);

  // The source's pane now holds `sums`, whatever it held before. False if the pane has closed.
  bool set(std::size_t source, KeyId key, PaneIndex pane, const Sums& sums);

  // Panes below `pane` change no more.
  void close_before(PaneIndex pane);
  // No pane changes any more.
  void finish();

 private:
  struct Name {
    std::string country;
    std::string sku;
  };
  struct Pane {
    std::vector<Sums> parts;  // key * sources + source
    std::vector<Sums> totals;
  };

  Sums* part(std::size_t source, KeyId key, PaneIndex pane, Sums** total);
  void close_one();

  const Job job_;
  const std::size_t sources_;
  RowWriter* const rows_;
  std::string text_;  // reused
  std::vector<Name> names_;
  absl::flat_hash_map<std::string, KeyId> ids_;
  // Open panes, then; and those that closed but are still within the window.
  std::deque<Pane> open_;
  PaneIndex first_open_ = 0;
  bool any_ = false;
  bool closing_ = false;  // one has closed: earlier ones have too
  std::deque<std::vector<Sums>> closed_;
  std::vector<Sums> running_;  // by key, over the panes in closed_
};

}  // namespace surgewatch::peers

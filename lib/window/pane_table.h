// Where the pane of a key and a time is.
//
// Threads: the writer inserts, erases and finds; any thread reads. See HashIndex, whose entries are
// hints: a reader takes a pane only if its tag, read under its sequence lock, is the one asked for.
#pragma once

#include <cstddef>

#include "base/time.h"
#include "window/hash_table.h"
#include "window/mix.h"
#include "window/pane.h"
#include "window/pane_pool.h"

namespace surgewatch::window {

class PaneTable {
 public:
  explicit PaneTable(const PanePool* pool) : pool_(pool) {}

  // Writer. kNoPane if there is none.
  PaneRef find(SlotId slot, PaneIndex pane_index) const {
    return table_.find(hash_of(slot, pane_index),
                       [&](PaneRef pane) { return (*pool_)[pane].is(slot, pane_index); });
  }
  // Writer. Asks memory for what erase() will look at.
  void prefetch(PaneRef pane) const {
    const Pane& tagged = (*pool_)[pane];
    table_.prefetch(hash_of(tagged.slot(), tagged.pane_index()));
  }
  // Writer. Requires that the pane has been assigned its tag, and that none has it here.
  void insert(PaneRef pane) {
    const Pane& tagged = (*pool_)[pane];
    table_.insert(hash_of(tagged.slot(), tagged.pane_index()), pane);
  }
  // Writer. Requires that the pane is here, under its tag.
  void erase(PaneRef pane) {
    const Pane& tagged = (*pool_)[pane];
    table_.erase(hash_of(tagged.slot(), tagged.pane_index()), pane);
  }

  // Any thread. True if there is such a pane.
  bool read(SlotId slot, PaneIndex pane_index, PaneSnapshot* snapshot,
            WideMeasures* exact = nullptr) const {
    return table_.read(hash_of(slot, pane_index), [&](PaneRef pane) {
      pool_->read(pane, snapshot, exact);
      return snapshot->slot == slot && snapshot->pane_index == pane_index;
    });
  }

  std::size_t size() const { return table_.size(); }    // writer
  std::size_t bytes() const { return table_.bytes(); }  // writer

 private:
  static_assert(kNoPane == HashIndex::kNone);
  static std::uint64_t hash_of(SlotId slot, PaneIndex pane_index) {
    return mix(slot, static_cast<std::uint64_t>(pane_index));
  }

  const PanePool* pool_;
  HashIndex table_;
};

}  // namespace surgewatch::window

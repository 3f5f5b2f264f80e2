// Where the pane of a key and a time is: an open-addressing table of atomics with one writer.
//
// Threads: the writer inserts and erases; any thread looks up. The writer never waits; readers are
// lock-free. Invariants and memory orders:
//   - An entry is one 64-bit word: 32 bits of the hash and the pane's number. It is stored with
//     release after the pane has been given its tag, and loaded with acquire. A find is a hint: the
//     reader takes a pane only if its tag, read under its sequence lock, is the one asked for. So a
//     stale entry can cost a miss, never a wrong pane.
//   - A miss counts only if the table was the current one throughout. Tables are replaced (when
//     they fill up) by a new one, built aside and published with release together with a
//     generation; the old one stays, and may be built anew later. A reader that missed loads the
//     generation again, and repeats if it changed. It loads the entries with acquire, so that
//     having seen one of a later building it sees the later generation too.
//   - Probing passes over erased entries; an erased entry before an empty one becomes empty, since
//     no probe goes on beyond it.
// Cost: 8 bytes an entry at a load of at most 3/4; retired tables add at most as much again.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "window/pane.h"
#include "window/pane_pool.h"

namespace surgewatch::window {

class PaneTable {
 public:
  explicit PaneTable(const PanePool* pool);
  PaneTable(const PaneTable&) = delete;
  PaneTable& operator=(const PaneTable&) = delete;

  // Writer. kNoPane if there is none.
  PaneRef find(SlotId slot, PaneIndex pane_index) const;
  // Writer. Requires that the pane has been assigned its tag, and that none has it here.
  void insert(PaneRef pane);
  // Writer. Requires that the pane is here, under its tag.
  void erase(PaneRef pane);

  // Any thread. True if there is such a pane.
  bool read(SlotId slot, PaneIndex pane_index, PaneSnapshot* snapshot) const;

  std::size_t size() const { return live_; }  // writer

 private:
  using Entry = std::uint64_t;
  struct Table {
    explicit Table(std::size_t capacity);
    const std::size_t mask;
    const std::unique_ptr<std::atomic<Entry>[]> entries;
  };

  void rebuild();
  Table* empty_table(std::size_t capacity);

  const PanePool* pool_;
  // Written by the writer alone. `generation_` is stored after `current_`, both with release: see
  // the memory orders above.
  std::atomic<const Table*> current_{nullptr};
  std::atomic<std::uint64_t> generation_{0};

  // The writer's.
  std::vector<std::unique_ptr<Table>> tables_;  // all there ever were
  Table* own_ = nullptr;                        // = current_
  std::size_t live_ = 0;
  std::size_t used_ = 0;  // live and erased
};

}  // namespace surgewatch::window

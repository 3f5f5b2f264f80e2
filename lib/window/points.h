// Named points of the window's threads, where tests/unit/window/progress_test.cc stops one of them
// to see that the others go on. In every other build a point is nothing at all.
//
// Threads: the test's at_point() is called by whoever passes; it may stop the caller.
#pragma once

#ifdef SURGEWATCH_WINDOW_POINTS

#include <array>
#include <string_view>

namespace surgewatch::window {

enum class Point {
  // The writer.
  kAppending,          // a slot, text or pane is being appended to its array
  kAssigning,          // a pane has half of its new tag
  kInserting,          // a pane has its tag and is in no table yet
  kSavingOutcome,      // half of the outcome of a pane's write is there
  kAdding,             // some of a pane's sums are the new ones
  kErasing,            // a pane is about to leave the table
  kEmptyingTable,      // a retired table has some of its pages
  kFillingTable,       // a new table has some of its entries
  kTablePublished,     // … and is the current one, the generation is still the old
  kMarkedDirty,        // a pane has its epoch and is not in the ring
  kPushing,            // … and its element is stored, the tail is not
  kRingFull,           // the ring has refused, the flag is not set
  kLinkingChunk,       // a full chunk of corrections has no next one yet
  kPushingCorrection,  // a correction is stored, the count is not
  kRecycling,          // a settled pane is about to be given back
  kPublishing,         // some words of the progress are the new ones
  // The flusher.
  kFlushProgressRead,  // before the new epoch
  kEpochStarted,       // before popping
  kPopped,             // what is dirty is known, nothing is read
  kFlagCleared,        // every pane is about to be looked at
  kPanesRead,          // before they are declared settled
  kSettled,            // before the corrections
  kHandingBackChunk,   // an emptied chunk is between the threads
  // Readers.
  kReadingProgress,  // some words
  kTableLoaded,      // before the entries of a table that may be retired meanwhile
  kEntryLoaded,      // before the pane, which may be recycled meanwhile
  kReadingPane,      // some of the sums
  kReadingOutcome,   // some of an outcome
  kMissed,           // before the generation is looked at again
  kCount
};

// The test's.
void at_point(Point point);

}  // namespace surgewatch::window

#define SW_WINDOW_POINT(point) ::surgewatch::window::at_point(::surgewatch::window::Point::point)

#else

#define SW_WINDOW_POINT(point) static_cast<void>(0)

#endif

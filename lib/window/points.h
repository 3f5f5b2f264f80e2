// Named points of the window's threads, where tests/unit/window/progress_test.cc stops one of them
// to see that the others go on. In every other build a point is nothing at all.
//
// Threads: the test's at_point() is called by whoever passes; it may stop the caller.
#pragma once

#ifdef SURGEWATCH_WINDOW_POINTS

#include <array>
#include <cstddef>
#include <string_view>

// The points, with what is so when a thread is there.
#define SW_WINDOW_POINTS(POINT)                                                               \
  /* The writer. */                                                                           \
  POINT(kAppending)         /* a slot, text or pane is being appended to its array */         \
  POINT(kAssigning)         /* a pane has half of its new tag */                              \
  POINT(kInserting)         /* a pane has its tag and is in no table yet */                   \
  POINT(kSavingOutcome)     /* half of the outcome of a pane's write is there */              \
  POINT(kAdding)            /* some of a pane's sums are the new ones */                      \
  POINT(kErasing)           /* a pane is about to leave the table */                          \
  POINT(kEmptyingTable)     /* a retired table has some of its pages */                       \
  POINT(kFillingTable)      /* a new table has some of its entries */                         \
  POINT(kTablePublished)    /* … and is the current one, the generation is still the old */ \
  POINT(kMarkedDirty)       /* a pane has its epoch and is not in the ring */                 \
  POINT(kPushing)           /* … and its element is stored, the tail is not */              \
  POINT(kRingFull)          /* the ring has refused, the flag is not set */                   \
  POINT(kLinkingChunk)      /* a full chunk of corrections has no next one yet */             \
  POINT(kPushingCorrection) /* a correction is stored, the count is not */                    \
  POINT(kRecycling)         /* a settled pane is about to be given back */                    \
  POINT(kPublishing)        /* some words of the progress are the new ones */                 \
  /* The flusher. */                                                                          \
  POINT(kFlushProgressRead) /* before the new epoch */                                        \
  POINT(kEpochStarted)      /* before popping */                                              \
  POINT(kPopped)            /* what is dirty is known, nothing is read */                     \
  POINT(kFlagCleared)       /* every pane is about to be looked at */                         \
  POINT(kPanesRead)         /* before they are declared settled */                            \
  POINT(kSettled)           /* before the corrections */                                      \
  POINT(kHandingBackChunk)  /* an emptied chunk is between the threads */                     \
  /* Readers. */                                                                              \
  POINT(kReadingProgress) /* some words */                                                    \
  POINT(kTableLoaded)     /* before the entries of a table that may be retired meanwhile */   \
  POINT(kEntryLoaded)     /* before the pane, which may be recycled meanwhile */              \
  POINT(kReadingPane)     /* some of the sums */                                              \
  POINT(kReadingOutcome)  /* some of an outcome */                                            \
  POINT(kMissed)          /* before the generation is looked at again */

namespace surgewatch::window {

enum class Point {
#define SW_POINT_NAME(name) name,
  SW_WINDOW_POINTS(SW_POINT_NAME)
#undef SW_POINT_NAME
      kCount
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Point::kCount)> kPointNames{
#define SW_POINT_TEXT(name) #name,
    SW_WINDOW_POINTS(SW_POINT_TEXT)
#undef SW_POINT_TEXT
};

// The test's.
void at_point(Point point);

}  // namespace surgewatch::window

#define SW_WINDOW_POINT(point) ::surgewatch::window::at_point(::surgewatch::window::Point::point)

#else

#define SW_WINDOW_POINT(point) static_cast<void>(0)

#endif

/* A pane's largest document beside its sums: lib/window/largest_documents.h, Window::add, LivePanes::find_or_make,
 * HandOver::collect.
 *
 * One pane of a key, recycled for another as soon as its epoch is settled. The writer adds to it; some additions
 * change the word of the largest document (one that is larger comes, the largest is taken out), others do not.
 * The flusher collects, and where the pane has changed loads the word after the sums. Either may stop for ever
 * after any step.
 * Claims
 *   - a word that is loaded with the sums after n additions is what the word was after those, or after later
 *     ones, of the same key: never of fewer additions, never another key's;
 *   - after each collect() that has read offset P, so is what was reported last, for the additions below P.
 * Words are numbered by their additions, so that a word says of itself which it is; 0 is that of no document.
 * Covered: the memory orders (weak_memory.pml). The sums with their tag and sequence are one word here: pane.pml
 * shows that they may be. The ring is not full: flush.pml has that. Stores follow the load before them in one
 * step, as in flush.pml.
 * Mutants: WORD_AFTER_SUMS, WORD_READ_FIRST, NOT_CLEARED, RELAXED_SUMS, RECYCLED_UNSETTLED, NO_WATCHED_LIST. */

#ifndef EVENTS
#define EVENTS 4
#endif
#define KEYS 2

#define LOCATIONS 7
#define DEPTH (2 * EVENTS + 1)
#include "weak_memory.pml"

#define PROGRESS 0 /* 16 times the offset, and the epoch */
#define HANDED 1   /* how often the pane was handed over */
#define DIRTY 2
#define PANE 3 /* 16 times the key, and the count of additions */
#define WORD 4
#define EPOCH 5
#define SETTLED 6

#define W 0
#define F 1

#ifdef RELAXED_SUMS
#define SUMS RELAXED
#else
#define SUMS RELEASE
#endif

/* What there is to claim. */
byte key_of[EVENTS + 1];                 /* the key of the addition of that number */
byte word_after[KEYS * (EVENTS + 1)];    /* by key and count of additions */
byte word_below[KEYS * (EVENTS + 1)];    /* by offset and key */

inline add() {
  count++;
  if
  :: /* the largest is another now */
    word = offset + 1;
    key_of[word] = key;
#ifdef WORD_AFTER_SUMS
    write(W, PANE, 16 * key + count, SUMS);
    write(W, WORD, word, RELEASE)
#else
    write(W, WORD, word, RELEASE);
    write(W, PANE, 16 * key + count, SUMS)
#endif
  :: /* it is the same */
    write(W, PANE, 16 * key + count, SUMS)
  fi;
  word_after[key * (EVENTS + 1) + count] = word;
  if
  :: dirty != epoch ->
    dirty = epoch;
    handed++;
    write(W, DIRTY, dirty, RELAXED);
    write(W, HANDED, handed, RELEASE)
  :: else
  fi
}

proctype writer() {
  byte offset, epoch, dirty, handed, settled, key, count, word;
  do
  :: offset < EVENTS ->
    load(W, EPOCH, ACQUIRE, epoch);
    if
    :: key + 1 < KEYS && dirty > 0 -> /* give the pane to another key, if that may be */
      load(W, SETTLED, ACQUIRE, settled);
#ifdef RECYCLED_UNSETTLED
      settled = 99;
#endif
      if
      :: dirty <= settled ->
        atomic {
          key++;
          count = 0;
#ifndef NOT_CLEARED
          word = 0;
          write(W, WORD, word, RELEASE);
#endif
          write(W, PANE, 16 * key, SUMS)
        }
      :: else
      fi
    :: true
    fi;
    atomic {
      if
      :: add()
      :: true /* an event of other panes */
      fi;
      offset++;
      word_below[offset * KEYS] = word_below[(offset - 1) * KEYS];
      word_below[offset * KEYS + 1] = word_below[(offset - 1) * KEYS + 1];
      word_below[offset * KEYS + key] = word;
      write(W, PROGRESS, 16 * offset + epoch, RELEASE)
    }
  :: break
  od
}

/* Whether a word may stand for what key `k` had when its word was `least`. */
inline check(k, w, least) {
  assert(w >= least);
  assert(w == 0 || key_of[w] == k)
}

proctype flusher() {
  byte progress, collected, epoch = 1, settled, handed, seen, dirty, pane, last, word;
  byte reported[KEYS];
  bool watched, found;
  do
  :: collected < EVENTS ->
    load(F, PROGRESS, ACQUIRE, progress);
    if
    :: progress / 16 == collected -> goto again
    :: else
    fi;
    collected = progress / 16;
    atomic {
      load(F, HANDED, ACQUIRE, handed);
      epoch++;
      write(F, EPOCH, epoch, RELEASE)
    }
    found = watched || handed > seen;
    seen = handed;
    if
    :: found ->
#ifdef WORD_READ_FIRST
      load(F, WORD, ACQUIRE, word);
#endif
      load(F, PANE, ACQUIRE, pane);
      if
      :: !watched || pane != last ->
#ifndef WORD_READ_FIRST
        load(F, WORD, ACQUIRE, word);
#endif
        d_step {
          check(pane / 16, word, word_after[(pane / 16) * (EVENTS + 1) + pane % 16]);
          reported[pane / 16] = word
        }
      :: else
      fi;
      last = pane;
      load(F, DIRTY, RELAXED, dirty);
#ifdef NO_WATCHED_LIST
      watched = false
#else
      watched = dirty >= progress % 16
#endif
    :: else
    fi;
    settled = progress % 16 - 1;
    write(F, SETTLED, settled, RELEASE);
    d_step {
      check(0, reported[0], word_below[collected * KEYS]);
      check(1, reported[1], word_below[collected * KEYS + 1])
    }
again:
    skip
  :: else -> break
  od
}

init {
  atomic {
    initially(PROGRESS, 0);
    initially(HANDED, 0);
    initially(DIRTY, 0);
    initially(PANE, 0);
    initially(WORD, 0);
    initially(EPOCH, 1);
    initially(SETTLED, 0);
    run writer();
    run flusher()
  }
}

/* Look-up beside growth and rebuilding: lib/window/pane_table.cc.
 *
 * One writer inserts, erases and rebuilds in any order, alternating between two tables as it does when
 * the size stays; the first rebuild, into entries that were never used, is what growth is. It may stop
 * for ever after any step. The pane X is there throughout, at any distance from where its probe begins.
 * Claims
 *   - A look-up of X finds it, and one of a key that never was there finds nothing.
 *   - It repeats at most once for each rebuild.
 * Tables are never freed, so that "no freed table is seen" needs no proof; a half-built one that was
 * trusted would show as a miss.
 * Covered: the memory orders (weak_memory.pml); INTERLEAVED as in pane.pml. Not covered: that an entry found
 * names the pane asked for: its tag is read under its sequence lock (pane.pml).
 * Mutants: NO_GENERATION_CHECK, RELAXED_ENTRIES, RELAXED_CURRENT, PUBLISHED_EARLY, GENERATION_FIRST,
 * ERASED_IS_EMPTY. */

#ifndef CHANGES
#define CHANGES 6
#endif
#define SIZE 3
#define LOCATIONS (2 * SIZE + 2)
#define DEPTH (2 * CHANGES + 2)
#include "weak_memory.pml"

#define CURRENT (2 * SIZE)
#define GENERATION (2 * SIZE + 1)

#define EMPTY 0
#define X 1 /* entries, whose probes all begin at 0 */
#define Y 2
#define NEVER_THERE 3
#define ERASED 9

#define W 0
#define R 1

#ifdef RELAXED_ENTRIES
#define ENTRY RELAXED
#else
#define ENTRY RELEASE
#endif
#ifdef RELAXED_CURRENT
#define POINTER RELAXED
#else
#define POINTER RELEASE
#endif

byte rebuilds;
bool writer_is_done;
byte own, other; /* the writer's tables: locations of their first entries */
byte at, from, entry;
bool y_is_there;

inline set_entry(place, value) { write(W, place, value, ENTRY) }

inline insert_y() {
  d_step {
    at = 0;
    do
    :: NEWEST(own + at).value == EMPTY || NEWEST(own + at).value == ERASED -> break
    :: else -> at++
    od
  }
  set_entry(own + at, Y);
  y_is_there = true
}

inline erase_y() {
  d_step {
    at = 0;
    do
    :: NEWEST(own + at).value == Y -> break
    :: else -> at++
    od;
    y_is_there = false
  }
#ifdef ERASED_IS_EMPTY
  set_entry(own + at, EMPTY);
#else
  if
  :: NEWEST(own + (at + 1) % SIZE).value != EMPTY -> set_entry(own + at, ERASED)
  :: else ->
    set_entry(own + at, EMPTY);
    do
    :: at > 0 && NEWEST(own + at - 1).value == ERASED ->
      at--;
      set_entry(own + at, EMPTY)
    :: else -> break
    od
  fi;
#endif
}

inline publish_table() {
#ifdef GENERATION_FIRST
  write(W, GENERATION, rebuilds, RELEASE);
  write(W, CURRENT, other, POINTER);
#else
  write(W, CURRENT, other, POINTER);
  write(W, GENERATION, rebuilds, RELEASE);
#endif
}

inline rebuild() {
  rebuilds++;
#ifdef PUBLISHED_EARLY
  publish_table();
#endif
  at = 0;
  do
  :: at < SIZE ->
    set_entry(other + at, EMPTY);
    at++
  :: else -> break
  od;
  from = 0;
  at = 0;
  do
  :: from < SIZE ->
    entry = NEWEST(own + from).value;
    if
    :: entry == X || entry == Y ->
      set_entry(other + at, entry);
      at++
    :: else
    fi;
    from++
  :: else -> break
  od;
#ifndef PUBLISHED_EARLY
  publish_table();
#endif
  skip; /* no jump into a d_step */
  d_step {
    own = other;
    other = SIZE - other;
    at = 0;
    from = 0;
    entry = 0
  }
}

proctype writer() {
  byte changes;
  do
  :: changes < CHANGES ->
    changes++;
    if
    :: !y_is_there -> insert_y()
    :: y_is_there -> erase_y()
    :: rebuild()
    fi
  :: break
  od;
  writer_is_done = true
}

inline look_up(wanted) {
  do
  :: load(R, GENERATION, ACQUIRE, generation);
    load(R, CURRENT, ACQUIRE, table);
    step = 0;
    found = EMPTY;
    do
    :: step < SIZE ->
      load(R, table + step, ACQUIRE, found);
      if
      :: found == EMPTY || found == wanted -> break
      :: else -> step++
      fi
    :: else -> break
    od;
    if
    :: found == wanted -> break
    :: else
    fi;
#ifdef NO_GENERATION_CHECK
    break;
#endif
    load(R, GENERATION, ACQUIRE, after);
    if
    :: after == generation -> break
    :: else ->
      repeats++;
      assert(repeats <= rebuilds)
    fi
  od
}

proctype reader() {
  byte generation, after, table, step, found, repeats;
#ifndef INTERLEAVED
  writer_is_done;
#endif
  if
  :: look_up(X);
    assert(found == X)
  :: look_up(NEVER_THERE);
    assert(found != NEVER_THERE)
  fi
}

init {
  atomic {
    own = 0;
    other = SIZE;
    initially(1, EMPTY);
    initially(2, EMPTY);
    initially(SIZE, EMPTY);
    initially(SIZE + 1, EMPTY);
    initially(SIZE + 2, EMPTY);
    initially(CURRENT, 0);
    initially(GENERATION, 0);
    if
    :: initially(0, X)
    :: initially(0, Y);
      initially(1, X);
      y_is_there = true
    fi;
    run writer();
    run reader()
  }
}

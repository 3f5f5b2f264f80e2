/* Look-up beside growth and rebuilding: lib/window/hash_table.h.
 *
 * One writer inserts and erases a neighbour, builds another table by and by while it goes on, publishes it,
 * and gives the pages of the retired one back, to build in it again later. It may stop for ever after any
 * step. X is there throughout, at any distance from where its probe begins.
 * Claims
 *   - A look-up of X finds it, and one of what never was there finds nothing; one of the neighbour, by a reader
 *     who knows all that the writer did, finds it if it is there.
 *   - It repeats at most once for each table that was published.
 * Tables are never freed, so that "no freed table is seen" needs no proof; one that was half built, or
 * whose pages have gone, shows as a miss if it is trusted.
 * Covered: the memory orders (weak_memory.pml); INTERLEAVED as in pane.pml. Pages that go count as stores of
 * zero with release: see hash_table.h for why. Not covered: tables of different sizes (the first one
 * built here, of entries never used, is like one); probes around the end; that what an entry names is the
 * thing asked for (its tag is read under its sequence lock: pane.pml).
 * Mutants: NO_GENERATION_CHECK, RELAXED_ENTRIES, RELAXED_CURRENT, PUBLISHED_EARLY, GENERATION_FIRST,
 * ERASED_IS_EMPTY, NOT_TO_BOTH (of what changes while a table is being built). */

#ifndef CHANGES
#define CHANGES 4
#endif
#define SIZE 3
#define LOCATIONS (2 * SIZE + 3)
#define DEPTH (2 * CHANGES + 2)
#include "weak_memory.pml"

#define CURRENT (2 * SIZE)
#define GENERATION (2 * SIZE + 1)
#define DONE (2 * SIZE + 2)

#define EMPTY 0
#define X 1
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
byte own, other;              /* the writer's tables: locations of their first entries */
bool is_building, is_releasing; /* `other`: one of the two, or neither */
byte copied, at, found_at, step_entry;
bool y_is_there;

inline set_entry(place, what) { write(W, place, what, ENTRY) }

/* HashTable::place; all probes begin at 0. */
inline place_entry(table, what) {
  d_step {
    at = 0;
    do
    :: NEWEST(table + at).value == EMPTY || NEWEST(table + at).value == ERASED -> break
    :: else -> at++
    od
  }
  set_entry(table + at, what)
}

/* HashTable::remove: leaves where it was in found_at. */
inline remove_entry(table, what) {
  d_step {
    at = 0;
    do
    :: NEWEST(table + at).value == what -> break
    :: else -> at++
    od;
    found_at = at
  }
#ifdef ERASED_IS_EMPTY
  set_entry(table + at, EMPTY);
#else
  if
  :: at + 1 < SIZE && NEWEST(table + at + 1).value != EMPTY -> set_entry(table + at, ERASED)
  :: at + 1 == SIZE -> set_entry(table + at, ERASED) /* what follows is X's or Y's place 0 */
  :: else ->
    set_entry(table + at, EMPTY);
    do
    :: at > 0 && NEWEST(table + at - 1).value == ERASED ->
      at--;
      set_entry(table + at, EMPTY)
    :: else -> break
    od
  fi;
#endif
}

inline insert_y() {
  place_entry(own, Y);
#ifndef NOT_TO_BOTH
  if
  :: is_building && at < copied -> place_entry(other, Y)
  :: else
  fi;
#endif
  y_is_there = true
}

inline erase_y() {
  remove_entry(own, Y);
#ifndef NOT_TO_BOTH
  if
  :: is_building && found_at < copied -> remove_entry(other, Y)
  :: else
  fi;
#endif
  y_is_there = false
}

/* The system takes the pages of a retired table away; they read as zeros. */
inline release_all() {
  at = 0;
  do
  :: at < SIZE ->
    if
    :: NEWEST(other + at).value != EMPTY -> set_entry(other + at, EMPTY)
    :: else
    fi;
    at++
  :: else -> break
  od;
  is_releasing = false
}

inline publish_table() {
  rebuilds++;
#ifdef GENERATION_FIRST
  write(W, GENERATION, rebuilds, RELEASE);
  write(W, CURRENT, other, POINTER);
#else
  write(W, CURRENT, other, POINTER);
  write(W, GENERATION, rebuilds, RELEASE);
#endif
}

/* Copies some entries, one at least. */
inline work() {
  do
  :: step_entry = NEWEST(own + copied).value;
    if
    :: step_entry == X || step_entry == Y -> place_entry(other, step_entry)
    :: else
    fi;
    copied++;
    if
    :: copied == SIZE -> break
    :: copied < SIZE
    :: copied < SIZE -> break
    fi
  od;
  if
  :: copied == SIZE ->
#ifndef PUBLISHED_EARLY
    publish_table();
#endif
    own = other;
    other = SIZE - other;
    is_building = false;
    is_releasing = true
  :: else
  fi
}

inline begin_building() {
  if
  :: is_releasing -> release_all()
  :: else
  fi;
  copied = 0;
  is_building = true;
#ifdef PUBLISHED_EARLY
  publish_table();
#endif
}

proctype writer() {
  byte changes;
  do
  :: changes < CHANGES ->
    changes++;
    if
    :: !y_is_there -> insert_y()
    :: y_is_there -> erase_y()
    :: !is_building -> begin_building(); work()
    :: is_building -> work()
    :: is_releasing -> release_all()
    fi
  :: break
  od;
  writer_is_done = true;
  write(W, DONE, 1, RELEASE)
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
  :: load(R, DONE, ACQUIRE, after);
    if
    :: after == 1 ->
      look_up(Y);
      assert((found == Y) == y_is_there)
    :: else
    fi
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
    initially(DONE, 0);
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

/* The published progress: lib/window/alternating_words.h.
 *
 * One writer publishes two words by turns in two places, and may stop for ever after any step; a reader
 * reads twice. Claims: a read returns the words of one publication, and not those of an older one than the
 * read before; it repeats at most once for each publication.
 * Covered: the memory orders (weak_memory.pml); INTERLEAVED as in pane.pml. Not covered: wrap-around (the
 * number has 64 bits). Mutants: NO_SECOND_LOOK, RELAXED_WORDS, RELAXED_NUMBER, ONE_PLACE. */

#ifndef WRITES
#define WRITES 8
#endif
#define LOCATIONS 5
#define DEPTH (WRITES + 1)
#include "weak_memory.pml"

#define NUMBER 4 /* 0 to 3: place 0's words, place 1's words */

#define W 0
#define R 1

#ifdef RELAXED_WORDS
#define WORDS RELAXED
#else
#define WORDS RELEASE
#endif
#ifdef RELAXED_NUMBER
#define PUBLISHED RELAXED
#else
#define PUBLISHED RELEASE
#endif
#ifdef ONE_PLACE
#define PLACE(n) 0
#else
#define PLACE(n) (2 * (n % 2))
#endif

byte published;
bool writer_is_done;

proctype writer() {
  byte n;
  do
  :: n < WRITES ->
    n++;
    write(W, PLACE(n), n, WORDS);
    write(W, PLACE(n) + 1, n, WORDS);
    d_step { published = n };
    write(W, NUMBER, n, PUBLISHED)
  :: break
  od;
  writer_is_done = true
}

proctype reader() {
  byte reads, before, after, a, b, repeats, last;
#ifndef INTERLEAVED
  writer_is_done;
#endif
  do
  :: reads < 2 ->
    do
    :: load(R, NUMBER, ACQUIRE, before);
      load(R, PLACE(before), ACQUIRE, a);
      load(R, PLACE(before) + 1, ACQUIRE, b);
#ifdef NO_SECOND_LOOK
      break;
#endif
      load(R, NUMBER, RELAXED, after);
      if
      :: after == before -> break
      :: else ->
        repeats++;
        assert(repeats <= published)
      fi
    od;
    skip;
    d_step {
      assert(a == before && b == before);
      assert(before >= last);
      last = before;
      reads++
    }
  :: else -> break
  od
}

init {
  atomic {
    initially(0, 0);
    initially(1, 0);
    initially(2, 0);
    initially(3, 0);
    initially(NUMBER, 0);
    run writer();
    run reader()
  }
}

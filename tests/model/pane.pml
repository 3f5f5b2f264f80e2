/* A pane's publication: sequence_lock.h, Pane and PaneOutcome of lib/window/pane.h.
 *
 * One writer adds to a pane, recycles it for another tag, and writes another pane (of which only the
 * shared outcome is of interest); it may stop for ever after any step. A reader reads twice.
 * Claims
 *   - What a read returns is what the pane held after exactly the write that its sequence names: all
 *     words, tag included. So a pane that has been recycled is a miss, and nothing is a mixture.
 *   - Reads of one reader do not go back.
 *   - A read repeats at most once for each store of the sequence: it never waits for the writer.
 * A load may return any store that its thread is not bound to know as overwritten. So nothing is lost if the
 * writer has done all its writes before the reader begins: a reader that sees only the first of them is one
 * beside a writer that has stopped there. INTERLEAVED does without that reduction.
 * Covered: the memory orders, one by one (weak_memory.pml). Not covered: wrap-around of the sequence; more
 * words of the same kind (two sums stand for five); plain 64-bit words, which C++ guarantees.
 * Mutants: NO_SECOND_LOOK, RELAXED_WORDS, RELAXED_BEGIN, RELAXED_END, RELAXED_OUTCOME, WAIT_WHILE_ODD,
 * ASSIGNMENT_UNMARKED. */

#ifndef WRITES
#define WRITES 3
#endif
#define LOCATIONS 8
#define DEPTH (2 * WRITES + 2)
#include "weak_memory.pml"

#define SEQUENCE 0
#define SLOT 1
#define INDEX 2
#define SUM_A 3
#define SUM_B 4
#define OUTCOME_A 5
#define OUTCOME_B 6
#define IS_ASSIGNMENT 7

#define W 0
#define R 1
#define NOBODY 99

#ifdef RELAXED_WORDS
#define WORDS RELAXED
#else
#define WORDS RELEASE
#endif
#ifdef RELAXED_OUTCOME
#define OUTCOME RELAXED
#else
#define OUTCOME RELEASE
#endif
#ifdef RELAXED_BEGIN
#define BEGIN RELAXED
#else
#define BEGIN RELEASE
#endif
#ifdef RELAXED_END
#define END RELAXED
#else
#define END RELEASE
#endif

/* What the pane held after its nth write. */
byte tag_after[WRITES + 1];
byte sum_after[WRITES + 1];
bool assigned_by[WRITES + 1];
byte written;
bool writer_is_done;

inline begin() {
  sequence++;
  write(W, SEQUENCE, sequence, BEGIN)
}
inline end() {
  sequence++;
  write(W, SEQUENCE, sequence, END)
}

proctype writer() {
  byte writes, sequence, sum, tag = 1;
  do
  :: writes < WRITES ->
    writes++;
    if
    :: /* add to the pane */
      sum++;
      d_step {
        written++;
        tag_after[written] = tag;
        sum_after[written] = sum
      }
      write(W, OUTCOME_A, sum, OUTCOME);
      write(W, OUTCOME_B, sum, OUTCOME);
      begin();
      write(W, SUM_A, sum, WORDS);
      write(W, SUM_B, sum, WORDS);
      end()
    :: /* give it to another key */
      tag++;
      sum = 0;
      d_step {
        written++;
        tag_after[written] = tag;
        sum_after[written] = 0;
        assigned_by[written] = true
      }
#ifndef ASSIGNMENT_UNMARKED
      write(W, IS_ASSIGNMENT, 1, RELEASE);
#endif
      begin();
      write(W, SLOT, tag, WORDS);
      write(W, INDEX, tag, WORDS);
      write(W, SUM_A, 0, WORDS);
      write(W, SUM_B, 0, WORDS);
      end();
#ifndef ASSIGNMENT_UNMARKED
      write(W, IS_ASSIGNMENT, 0, RELEASE)
#endif
    :: /* add to another pane */
      write(W, OUTCOME_A, 50 + writes, OUTCOME);
      write(W, OUTCOME_B, 50 + writes, OUTCOME)
    fi
  :: break
  od;
  writer_is_done = true
}

inline read_pane() {
  do
  :: load(R, SEQUENCE, ACQUIRE, before);
#ifdef WAIT_WHILE_ODD
    do
    :: before % 2 == 1 ->
      load(R, SEQUENCE, ACQUIRE, before);
      repeats++;
      assert(repeats <= 2 * written)
    :: else -> break
    od;
#endif
    load(R, SLOT, ACQUIRE, slot);
    load(R, INDEX, ACQUIRE, index);
    if
    :: before % 2 == 0 ->
      load(R, SUM_A, ACQUIRE, sum_a);
      load(R, SUM_B, ACQUIRE, sum_b)
    :: else ->
      load(R, OUTCOME_A, ACQUIRE, sum_a);
      load(R, OUTCOME_B, ACQUIRE, sum_b);
      load(R, IS_ASSIGNMENT, ACQUIRE, is_assignment);
      if
      :: is_assignment -> slot = NOBODY
      :: else
      fi
    fi;
#ifdef NO_SECOND_LOOK
    break;
#endif
    load(R, SEQUENCE, RELAXED, after);
    if
    :: after == before -> break
    :: else ->
      repeats++;
      assert(repeats <= 2 * written)
    fi
  od
}

proctype reader() {
  byte reads, before, after, slot, index, sum_a, sum_b, is_assignment, repeats, number, last;
#ifndef INTERLEAVED
  writer_is_done;
#endif
  do
  :: reads < 2 ->
    read_pane();
    skip;
    d_step {
      number = (before + before % 2) / 2;
      assert(number <= written);
      assert(number >= last);
      if
      :: slot == NOBODY -> assert(assigned_by[number])
      :: else ->
        assert(slot == tag_after[number] && index == tag_after[number]);
        assert(sum_a == sum_after[number] && sum_b == sum_after[number])
      fi;
      last = number;
      reads++
    }
  :: else -> break
  od
}

init {
  atomic {
    initially(SEQUENCE, 0);
    initially(SLOT, 1);
    initially(INDEX, 1);
    initially(SUM_A, 0);
    initially(SUM_B, 0);
    initially(OUTCOME_A, 50);
    initially(OUTCOME_B, 50);
    initially(IS_ASSIGNMENT, 0);
    tag_after[0] = 1;
    run writer();
    run reader()
  }
}

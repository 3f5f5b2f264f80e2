/* From the writer to the flusher: dirty ring, epochs, settling, the flag of a full ring, corrections.
 * HandOver::mark, publish, collect and find_dirty of lib/window/hand_over.cc, Epochs, LivePanes::recycle.
 *
 * Two panes, a ring of one place. The writer has EVENTS events, each of up to PARTS parts: an addition to
 * a pane, a correction, the recycling of a pane for another key as soon as its epoch is settled. The flusher
 * collects FLUSHES times. Either may stop for ever after any step.
 * Claims, after each collect() that has read offset P
 *   - every addition below P is in what this or an earlier flush read of that pane (recycled or not);
 *   - the corrections taken are those below P: none is missing, and none of a later event is there;
 *   and: a pane that is recycled is on no list of the flusher's.
 * Covered: the memory orders (weak_memory.pml), each end's stale copies. A pane and the progress are one word
 * each here: pane.pml and progress.pml show that they may be. A pane's number in the ring, and what a
 * correction holds, are plain data, and the model refutes that a race over them is possible.
 * Not covered: wrap-around of 32-bit epochs (a flush each 100 ms for 13 years).
 * Stores follow the load before them in one step: a load may ignore a store that is there already, so that
 * nothing is lost by making it early. Only the flag, which an exchange reads as it is now, has a step of its own.
 * Mutants: NO_WATCHED_LIST, WATCHED_TOO_SHORT, FLAG_CLEARED_AFTER, FLAG_IGNORED, SETTLED_TOO_SOON,
 * RECYCLED_UNSETTLED, PROGRESS_READ_LAST, RELAXED_PROGRESS, RELAXED_FLAG, RELAXED_TAIL, RELAXED_HEAD,
 * CORRECTIONS_AT_ONCE. */

#ifndef EVENTS
#define EVENTS 3
#endif
#ifndef PARTS
#define PARTS 1
#endif
#ifndef FLUSHES
#define FLUSHES 3
#endif
#define KEYS 4 /* each pane belongs to one key, then to another */

#define LOCATIONS 12
#define DEPTH (EVENTS * PARTS + FLUSHES + 1)
#include "weak_memory.pml"

#define PROGRESS 0 /* 16 times the offset, and the epoch */
#define PANE 1     /* two; 16 times the key, and the count */
#define DIRTY 3    /* two */
#define TAIL 5
#define ELEMENT 6
#define FLAG 7
#define CORRECTIONS 8
#define HEAD 9
#define EPOCH 10
#define SETTLED 11

#define W 0
#define F 1

#ifdef RELAXED_PROGRESS
#define PROGRESS_ORDER RELAXED
#else
#define PROGRESS_ORDER RELEASE
#endif
#ifdef RELAXED_FLAG
#define FLAG_ORDER RELAXED
#else
#define FLAG_ORDER RELEASE
#endif
#ifdef RELAXED_TAIL
#define TAIL_ORDER RELAXED
#else
#define TAIL_ORDER RELEASE
#endif
#ifdef RELAXED_HEAD
#define HEAD_ORDER RELAXED
#else
#define HEAD_ORDER RELEASE
#endif

/* What there is to claim: counts of each key, and of corrections, below each offset. */
byte below[(EVENTS + 1) * KEYS];
byte corrections_below[EVENTS + 1];
byte correction_offset[EVENTS * PARTS]; /* plain data of the queue */

/* The flusher's lists. */
bool watched[2], found[2];

inline push() {
  atomic {
    write_plain(W, ELEMENT, pane);
    tail++;
    write(W, TAIL, tail, TAIL_ORDER)
  }
}

proctype writer() {
  byte offset, parts, epoch, pane, tail, head_seen, settled, corrections;
  bool must_look;
  byte key[2], count[2], dirty[2];
  key[1] = 2;
  do
  :: offset < EVENTS ->
    load(W, EPOCH, ACQUIRE, epoch);
    parts = 0;
    do
    :: parts < PARTS ->
      parts++;
      if
      :: pane = 0
      :: pane = 1
      fi;
      if
      :: /* add */
        atomic {
          count[pane]++;
          write(W, PANE + pane, 16 * key[pane] + count[pane], RELEASE);
          if
          :: dirty[pane] != epoch ->
            dirty[pane] = epoch;
            write(W, DIRTY + pane, epoch, RELAXED);
            if
            :: tail == head_seen -> push()
            :: else -> must_look = true
            fi
          :: else
          fi
        }
        if
        :: must_look ->
          load(W, HEAD, ACQUIRE, head_seen);
          if
          :: tail == head_seen -> push()
          :: else -> write(W, FLAG, 1, FLAG_ORDER)
          fi;
          must_look = false
        :: else
        fi
      :: pane == 0 -> /* a correction */
        atomic {
          correction_offset[corrections] = offset;
          corrections++;
          write(W, CORRECTIONS, corrections, RELEASE)
        }
      :: key[pane] % 2 == 0 && dirty[pane] > 0 -> /* recycle */
        load(W, SETTLED, ACQUIRE, settled);
#ifdef RECYCLED_UNSETTLED
        settled = 99;
#endif
        if
        :: dirty[pane] <= settled ->
          assert(!watched[pane] && !found[pane]);
          key[pane]++;
          count[pane] = 0;
          write(W, PANE + pane, 16 * key[pane], RELEASE)
        :: else
        fi
      fi
    :: break
    od;
    atomic {
      offset++;
      below[offset * KEYS] = below[(offset - 1) * KEYS];
      below[offset * KEYS + 1] = below[(offset - 1) * KEYS + 1];
      below[offset * KEYS + 2] = below[(offset - 1) * KEYS + 2];
      below[offset * KEYS + 3] = below[(offset - 1) * KEYS + 3];
      below[offset * KEYS + key[0]] = count[0];
      below[offset * KEYS + key[1]] = count[1];
      corrections_below[offset] = corrections;
      write(W, PROGRESS, 16 * offset + epoch, PROGRESS_ORDER)
    }
  :: break
  od
}

inline look_at_all() {
  load(F, DIRTY, RELAXED, dirty);
  found[0] = found[0] || dirty > settled;
  load(F, DIRTY + 1, RELAXED, dirty);
  found[1] = found[1] || dirty > settled
}

inline read_if_found(p) {
  if
  :: found[p] ->
    load(F, PANE + p, ACQUIRE, value);
    reported[value / 16] = value % 16;
    load(F, DIRTY + p, RELAXED, dirty);
    d_step {
      found[p] = false;
#ifdef NO_WATCHED_LIST
      watched[p] = false
#else
#ifdef WATCHED_TOO_SHORT
      watched[p] = (dirty > progress % 16)
#else
      watched[p] = (dirty >= progress % 16)
#endif
#endif
    }
  :: else
  fi
}

proctype flusher() {
  byte flushes, progress, collected, tail, head, epoch = 1, settled, dirty, value, flag, i, taken, count;
  byte reported[KEYS];
  do
  :: flushes < FLUSHES ->
    load(F, PROGRESS, ACQUIRE, progress);
    if
    :: progress / 16 == collected -> goto again
    :: else
    fi;
    flushes++;
    collected = progress / 16;
    atomic {
      load(F, TAIL, ACQUIRE, tail);
      epoch++;
      write(F, EPOCH, epoch, RELEASE);
      found[0] = watched[0];
      found[1] = watched[1];
      do
      :: head < tail ->
        load_plain(F, ELEMENT, value);
        found[value] = true;
        head++
      :: else -> break
      od;
      write(F, HEAD, head, HEAD_ORDER)
    }
#ifdef FLAG_CLEARED_AFTER
    load(F, FLAG, ACQUIRE, flag);
    if
    :: flag -> look_at_all(); exchange(F, FLAG, 0, flag)
    :: else
    fi;
#else
    exchange(F, FLAG, 0, flag);
#ifndef FLAG_IGNORED
    if
    :: flag -> look_at_all()
    :: else
    fi;
#endif
#endif
    read_if_found(0);
    read_if_found(1);
#ifdef PROGRESS_READ_LAST
    load(F, PROGRESS, ACQUIRE, progress);
    collected = progress / 16;
#endif
#ifdef SETTLED_TOO_SOON
    settled = epoch - 1;
#else
    settled = progress % 16 - 1;
#endif
    write(F, SETTLED, settled, RELEASE);
    load(F, CORRECTIONS, ACQUIRE, count);
    do
#ifdef CORRECTIONS_AT_ONCE
    :: taken < count -> taken++
#else
    :: taken < count && correction_offset[taken] < collected -> taken++
#endif
    :: else -> break
    od;
    skip;
    d_step {
      i = 0;
      do
      :: i < KEYS ->
        assert(reported[i] >= below[collected * KEYS + i]);
        i++
      :: else -> break
      od;
      i = 0;
      assert(taken == corrections_below[collected])
    }
again:
    skip
  :: else -> break
  od
}

init {
  atomic {
    initially(PROGRESS, 0);
    initially(PANE, 0);
    initially(PANE + 1, 32);
    initially(DIRTY, 0);
    initially(DIRTY + 1, 0);
    initially(TAIL, 0);
    initially(ELEMENT, 0);
    initially(FLAG, 0);
    initially(CORRECTIONS, 0);
    initially(HEAD, 0);
    initially(EPOCH, 1);
    initially(SETTLED, 0);
    run writer();
    run flusher()
  }
}

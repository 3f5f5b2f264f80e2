/* Slots of keys that have left go to other keys: Keys::retire and new_slot of lib/window/keys.cc,
 * HandOver::collect.
 *
 * One slot with one pane. The writer adds to it, leaves corrections of it, then the key leaves and the slot
 * waits until the flusher has released the epoch in which that was; then it is another key's. Whoever calls
 * collect() asks for the keys of what it brought, until the next call.
 * Claim: the key that a slot has then is the one that it had when the pane or the correction was made.
 * Covered: the memory orders (weak_memory.pml). The ring is not full here and the texts go with their slots;
 * flush.pml has the ring. Stores follow the load before them in one step, as in flush.pml.
 * Mutants: REUSED_AT_ONCE, RELEASED_WITH_SETTLED, RELAXED_PROGRESS. */

#ifndef EVENTS
#define EVENTS 4
#endif
#define LOCATIONS 7
#define DEPTH (EVENTS + 5)
#include "weak_memory.pml"

#define PROGRESS 0 /* 16 times the offset, and the epoch */
#define HANDED 1   /* how often the pane was handed over */
#define DIRTY 2
#define CORRECTIONS 3
#define KEY 4
#define EPOCH 5
#define RELEASED 6

#define W 0
#define F 1

#ifdef RELAXED_PROGRESS
#define PROGRESS_ORDER RELAXED
#else
#define PROGRESS_ORDER RELEASE
#endif

byte correction_offset[EVENTS], correction_key[EVENTS]; /* plain data of the queue */

proctype writer() {
  byte offset, epoch, dirty, handed, corrections, span, released, key;
  bool is_retired;
  do
  :: offset < EVENTS ->
    load(W, EPOCH, ACQUIRE, epoch);
    if
    :: key == 0 && !is_retired -> /* add */
      atomic {
        if
        :: dirty != epoch ->
          dirty = epoch;
          handed++;
          write(W, DIRTY, dirty, RELAXED);
          write(W, HANDED, handed, RELEASE)
        :: else
        fi
      }
    :: !is_retired -> /* a correction */
      atomic {
        correction_offset[corrections] = offset;
        correction_key[corrections] = key;
        corrections++;
        write(W, CORRECTIONS, corrections, RELEASE)
      }
    :: key == 0 && !is_retired -> /* the key leaves */
      is_retired = true;
      span = epoch
    :: is_retired -> /* another comes */
      load(W, RELEASED, ACQUIRE, released);
#ifdef REUSED_AT_ONCE
      released = 99;
#endif
      if
      :: span <= released ->
        atomic {
          key = 1;
          is_retired = false;
          write(W, KEY, key, RELEASE)
        }
      :: else
      fi
    fi;
    atomic {
      offset++;
      write(W, PROGRESS, 16 * offset + epoch, PROGRESS_ORDER)
    }
  :: break
  od
}

proctype flusher() {
  byte progress, collected, epoch = 1, settled, handed, seen, dirty, count, taken, key, released;
  bool watched, found;
  do
  :: collected < EVENTS ->
#ifndef RELEASED_WITH_SETTLED
    if
    :: released != settled -> /* the same again would tell nothing new */
      released = settled;
      write(F, RELEASED, released, RELEASE)
    :: else
    fi;
#endif
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
    load(F, DIRTY, RELAXED, dirty);
    watched = found && dirty >= progress % 16;
    settled = progress % 16 - 1;
#ifdef RELEASED_WITH_SETTLED
    write(F, RELEASED, settled, RELEASE);
#endif
    load(F, CORRECTIONS, ACQUIRE, count);
    /* collect() has returned: the caller asks. */
    if
    :: found ->
      load(F, KEY, RELAXED, key);
      assert(key == 0)
    :: else
    fi;
    do
    :: taken < count && correction_offset[taken] < collected ->
      load(F, KEY, RELAXED, key);
      assert(key == correction_key[taken]);
      taken++
    :: else -> break
    od;
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
    initially(CORRECTIONS, 0);
    initially(KEY, 0);
    initially(EPOCH, 1);
    initially(RELEASED, 0);
    run writer();
    run flusher()
  }
}

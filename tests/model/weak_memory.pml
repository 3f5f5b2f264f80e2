/* C++ atomics for Spin, whose own memory is sequentially consistent.
 *
 * A location is not a value but a list of stores: those that its reader may still see. A load may return
 * any of them that the thread is not bound to know as overwritten: not older than what it has read there
 * before, nor than what it has come to know. A release store carries what its thread knew; an acquire load that returns
 * it takes that over. So a load sees old values as long as the C++ rules allow, which no interleaving
 * of plain variables shows.
 *
 * This is RC11 of Lahav, Vafeiadis, Kang, Hur and Dreyer, "Repairing Sequential Consistency in C/C++11",
 * PLDI 2017, as a machine of views (Kang, Hur, Lahav, Vafeiadis, Dreyer, "A Promising Semantics for
 * Relaxed-Memory Concurrency", POPL 2017, without promises), restricted to what we use: relaxed, release,
 * acquire; read-modify-write where stated; stores to one location in the order in which they happen
 * (all but one location have one writer). Not covered: loads that see a store which depends on them
 * ("out of thin air"; no compiler or machine does that).
 *
 * There are two threads, and each location is loaded by one of them. So what that one has read past is
 * dropped, and states that differ only in what nobody can see any more are one.
 * The includer defines LOCATIONS and DEPTH, the longest list. */

#define THREADS 2
#define RELAXED 0
#define RELEASE 1
#define ACQUIRE 1

typedef Store {
  byte value;
  byte by;            /* the thread */
  byte at;            /* its how manieth store */
  byte view[THREADS]; /* what one who acquires it knows: so many stores of each thread */
}
typedef Location { byte count; byte loaded_at; Store store[DEPTH] }
typedef Thread { byte view[THREADS] }

Location location[LOCATIONS];
Thread thread[THREADS];
hidden byte wm_i, wm_low; /* within one step only */
byte wm_choice;           /* 0 between steps */

#define NEWEST(x) location[x].store[location[x].count - 1]

/* What every thread knows from the start. */
inline initially(x, v) {
  location[x].store[0].value = v;
  location[x].count = 1
}

inline write(t, x, v, order) {
  d_step {
    assert(location[x].count < DEPTH);
    wm_i = location[x].count;
    location[x].store[wm_i].value = v;
    location[x].store[wm_i].by = t;
    location[x].store[wm_i].at = thread[t].view[t];
    thread[t].view[t]++;
    if
    :: order == RELEASE ->
      location[x].store[wm_i].view[0] = thread[t].view[0];
      location[x].store[wm_i].view[1] = thread[t].view[1]
    :: else
    fi;
    location[x].count++
  }
}

/* The oldest store that the thread may still see. The first one has no thread: all know it. */
inline oldest(t, x) {
  wm_low = 0;
  wm_i = 1;
  do
  :: wm_i < location[x].count ->
    if
    :: location[x].store[wm_i].at < thread[t].view[location[x].store[wm_i].by] -> wm_low = wm_i
    :: else
    fi;
    wm_i++
  :: else -> break
  od
}

inline acquire(t, x, k) {
  if
  :: location[x].store[k].view[0] > thread[t].view[0] ->
    thread[t].view[0] = location[x].store[k].view[0]
  :: else
  fi;
  if
  :: location[x].store[k].view[1] > thread[t].view[1] ->
    thread[t].view[1] = location[x].store[k].view[1]
  :: else
  fi
}

/* The kth store becomes the first of the list. */
inline forget(x, k) {
  if
  :: k > 0 ->
    wm_i = 0;
    do
    :: wm_i < location[x].count ->
      if
      :: wm_i + k < location[x].count ->
        location[x].store[wm_i].value = location[x].store[wm_i + k].value;
        location[x].store[wm_i].by = location[x].store[wm_i + k].by;
        location[x].store[wm_i].at = location[x].store[wm_i + k].at;
        location[x].store[wm_i].view[0] = location[x].store[wm_i + k].view[0];
        location[x].store[wm_i].view[1] = location[x].store[wm_i + k].view[1]
      :: else ->
        location[x].store[wm_i].value = 0;
        location[x].store[wm_i].by = 0;
        location[x].store[wm_i].at = 0;
        location[x].store[wm_i].view[0] = 0;
        location[x].store[wm_i].view[1] = 0
      fi;
      wm_i++
    :: else -> break
    od;
    location[x].count = location[x].count - k
  :: else
  fi
}

inline load(t, x, order, result) {
  atomic {
    d_step { oldest(t, x); wm_choice = wm_low }
    do
    :: wm_choice + 1 < location[x].count -> wm_choice++
    :: break
    od;
    skip; /* no jump into a d_step */
    d_step {
      result = location[x].store[wm_choice].value;
      if
      :: order == ACQUIRE -> acquire(t, x, wm_choice)
      :: else
      fi;
      forget(x, wm_choice);
      wm_choice = 0
    }
  }
}

/* exchange(memory_order_acq_rel): reads the newest store. */
inline exchange(t, x, v, result) {
  d_step {
    result = NEWEST(x).value;
    wm_low = location[x].count - 1;
    acquire(t, x, wm_low);
    forget(x, wm_low);
    location[x].store[0].value = v;
    location[x].store[0].by = t;
    location[x].store[0].at = thread[t].view[t];
    thread[t].view[t]++;
    location[x].store[0].view[0] = thread[t].view[0];
    location[x].store[0].view[1] = thread[t].view[1]
  }
}

/* Plain data, not atomic: a load must know the newest store, and a store must know the last load; else it
 * is a data race, which the model refutes. For one thread that loads and another that stores. */
inline load_plain(t, x, result) {
  d_step {
    oldest(t, x);
    assert(wm_low == location[x].count - 1);
    result = location[x].store[wm_low].value;
    forget(x, wm_low);
    thread[t].view[t]++;
    location[x].loaded_at = thread[t].view[t]
  }
}
inline write_plain(t, x, v) {
  assert(thread[t].view[1 - t] >= location[x].loaded_at);
  write(t, x, v, RELAXED)
}

/* SPDX-License-Identifier: ISC */
/*
 * A model of the claim of early data, for spin(1): one session, copies of its
 * first flight in several workers of two generations, and everything that may
 * happen to the session meanwhile. What is modelled is store_shm.c, shm_lock.c
 * and shm_move.c, one shard of each store, step by step between two
 * instructions that another process can see.
 *
 *	worker    looks the session up, claims it, accepts its early data
 *	keeper    another process that moves the entry in its ring (a second
 *	          chance) or evicts it
 *	mover     a reload that changes the size: moves the session to the other
 *	          store; and once more, should it have died or failed
 *
 * Any process may die between any two steps, also with the lock. Any lock may
 * not be had in time. Workers of the old generation use store 0 and those of
 * the new one store 1, all the time, whether the session has been moved or not.
 *
 * The property: early data of the session are accepted at most once. It is
 * the assertion in accept(); spin looks at every order of the steps.
 *
 * BROKEN makes it fail on purpose, which tests the model:
 *	1  the claim is looked at and made under two holds of the lock
 *	2  the mover forgets the claim
 *	3  who gets the lock of a dead process trusts a half-changed shard
 *	4  who cannot get the lock in time accepts
 *	5  the mover leaves behind what could be moved, unclaimed, once more
 */
#ifndef BROKEN
#define BROKEN 0
#endif
#ifndef COPIES
#define COPIES 2	/* workers, one copy of the flight each */
#endif

#define STORES 2
#define NOBODY 255

/* An entry can be in two places of the ring while it is being moved. */
typedef place_t {
	bool live;
	bool claimed;
}

typedef store_t {
	byte owner;	/* of the lock */
	bool dead;	/* the owner has died */
	bool odd;	/* seq: the shard is being changed */
	bool retired;
	place_t place[2];
	byte slot;	/* which of them the index names; 2: none */
}

store_t store[STORES];
byte accepted;

/*
 * Death with the lock. One without it is a process that does not go on, which
 * spin tries anyway.
 */
inline die_maybe()
{
	if
	:: true
	:: atomic { store[s].owner == _pid -> store[s].dead = true;
		goto gone }
	fi
}

/* EOWNERDEAD: a shard that is whole stays, one that is not is emptied. */
inline recover()
{
	if
	:: store[s].odd && BROKEN != 3 ->
		d_step {
			store[s].slot = 2;
			store[s].place[0].live = false;
			store[s].place[0].claimed = false;
			store[s].place[1].live = false;
			store[s].place[1].claimed = false
		}
		die_maybe();
		store[s].odd = false
	:: else -> store[s].odd = false
	fi
}

/* got: whether we have it; the recovery comes before the lock is made good. */
inline lock()
{
	got = false;
	if
	:: atomic { store[s].owner == NOBODY -> store[s].owner = _pid;
		got = true }
	:: atomic { store[s].dead -> store[s].owner = _pid;
		store[s].dead = false; got = true }
		recover()
	:: true /* the holder has been stopped: TLSCACHE_E_BUSY */
	fi
}

inline unlock()
{
	atomic { store[s].owner = NOBODY }
}

inline accept()
{
	atomic { accepted++; assert(accepted <= 1) }
}

proctype worker(byte s)
{
	bool got, granted;

	/* get_session_cb: no session, no early data */
	lock();
	die_maybe();
	if
	:: got && !store[s].retired && store[s].slot < 2 -> unlock()
	:: got && (store[s].retired || store[s].slot == 2) -> unlock(); goto gone
	:: !got -> goto gone
	fi;
	/* allow_early_data_cb: the claim */
	granted = false;
	lock();
	die_maybe();
	if
	:: !got -> granted = (BROKEN == 4)
	:: got && (store[s].retired || store[s].slot == 2) -> unlock()
	:: got && !store[s].retired && store[s].slot < 2 ->
		if
		:: store[s].place[store[s].slot].claimed -> skip
		:: else ->
#if BROKEN == 1
			unlock();
			lock();
			if
			:: got && store[s].slot < 2 -> skip
			:: got && store[s].slot == 2 -> unlock(); goto gone
			:: !got -> goto gone
			fi;
#endif
			store[s].place[store[s].slot].claimed = true;
			granted = true
		fi;
		die_maybe();
		unlock()
	fi;
	if
	:: granted -> accept()
	:: else
	fi;
gone:	skip
}

proctype keeper(byte s)
{
	bool got;
	byte from, to;

	lock();
	if
	:: !got -> goto gone
	:: got && (store[s].retired || store[s].slot == 2) -> unlock(); goto gone
	:: got && !store[s].retired && store[s].slot < 2
	fi;
	store[s].odd = true;
	die_maybe();
	from = store[s].slot;
	if
	:: to = 1 - from;	/* a second chance */
		store[s].place[to].live = true;
		die_maybe();
		store[s].slot = to;
		die_maybe();
		store[s].place[to].claimed = store[s].place[from].claimed
	:: to = from;		/* evicted */
		store[s].slot = 2
	fi;
	die_maybe();
	d_step {
		if
		:: to != from || store[s].slot == 2 ->
			store[s].place[from].live = false;
			store[s].place[from].claimed = false
		:: else
		fi
	}
	die_maybe();
	store[s].odd = false;
	die_maybe();
	unlock();
gone:	skip
}

proctype mover()
{
	bool got, had, live, claimed;
	byte s, round = 0;

again:	s = 0;
	/* retire */
	lock();
	had = got;
	die_maybe();
	store[0].retired = true;
	die_maybe();
	if
	:: got -> unlock()
	:: else
	fi;
	/* copy; what could not be locked before is not */
	live = false;
	if
	:: had -> lock();
		if
		:: got && store[0].slot < 2 ->
			live = true;
			claimed = store[0].place[store[0].slot].claimed &&
			    BROKEN != 2;
#if BROKEN != 5
			store[0].place[store[0].slot].claimed = true
#endif
		:: else
		fi;
		if
		:: got && live ->
			/* put_moved(), the lock of store 0 being held */
			s = 1;
			lock();
			if
			:: got && store[1].slot == 2 ->
				store[1].odd = true;
				die_maybe();
				store[1].place[0].live = true;
				store[1].place[0].claimed = claimed;
				die_maybe();
				store[1].slot = 0;
				die_maybe();
				store[1].odd = false;
				unlock()
			:: got && store[1].slot < 2 ->
				store[1].place[store[1].slot].claimed =
				    store[1].place[store[1].slot].claimed ||
				    claimed;
				unlock()
			:: !got
			fi;
			s = 0;
			unlock()
		:: got && !live -> unlock()
		:: !got
		fi
	:: else
	fi;
	/* finish */
	lock();
	if
	:: got ->
		store[0].odd = true;
		die_maybe();
		store[0].slot = 2;
		die_maybe();
		store[0].odd = false;
		unlock()
	:: else
	fi;
gone:
	atomic {
		/* A death in put_moved() leaves both locks behind. */
		if
		:: store[0].owner == _pid -> store[0].dead = true
		:: else
		fi;
		round++;
		if
		:: round < 2 -> goto again
		:: else
		fi
	}
}

init
{
	byte i;

	atomic {
		store[0].owner = NOBODY;
		store[1].owner = NOBODY;
		store[0].slot = 0;
		store[0].place[0].live = true;
		store[1].slot = 2;
		i = 0;
		do
		:: i < COPIES -> if
			:: run worker(0)
			:: run worker(1)
			fi;
			i++
		:: else -> break
		od;
		if
		:: run keeper(0)
		:: run keeper(1)
		fi;
		run mover()
	}
}

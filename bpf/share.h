/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * share.h - what one process may have of the maps.
 *
 * A session that watches strangers (-a, -f) gives none of them a whole map,
 * so that one cannot take the room of all. What a process may have is more
 * than an honest one needs: of loops, as many as --max-loops says, and the
 * map holds LOOPS_SHARES times that; of aborts and flushes a quarter of the
 * map (libjithooks keeps at most 8192 rows of aborts); of run counts, parts for
 * all the loops that it may have, and some that are not full, twice: those that
 * were seen, and those of its end.
 *
 * Handlers count in the map `rows` what they add and remove. What the
 * observer seeds and sweeps out is not counted there; each sweep has read the
 * maps anyway and sets the numbers right. So a share is kept to within what
 * comes in during one sweep.
 */
#ifndef JITSCOPE_BPF_SHARE_H
#define JITSCOPE_BPF_SHARE_H

#define LOOPS_SHARES 4
#define ABORTS_SHARE 16384
#define FLUSHES_SHARE 2048
#define SEEN_RUNS_SHARE(loops) ((loops) / JITSCOPE_RUNS_PART + 256)
#define LAST_RUNS_SHARE(loops) (2 * SEEN_RUNS_SHARE(loops))

/*
 * The rows that a process has in each of these maps. Signed: a row that is
 * counted out may never have been counted in.
 */
struct rows {
	__s32 loops, aborts, flushes, last_runs;
};

#endif

# SPDX-License-Identifier: BSD-2-Clause
"""How often loops and bridges ran: PyPy's own loop_run_times, published.

PyPy counts in code that is compiled while its jitlog is on, and at no other
time can it be made to. The log itself is not wanted and goes to /dev/null.
Counting costs what PyPy's counters cost, up to 1.4 times the time of a small
loop, so it is done only where JITHOOKS_PYPY_RUNS=1 asks for it, and not
because an observer would like to know.

If the first trace after the log was turned on is a segment of one that was
too long, PyPy 7.3 dies of an assertion. So a first trace is made here, of a
loop that cannot be too long; it is one more in the figures.

loop_run_times has three kinds of keys, in the order in which the code was
made: ('e', loop_no) for each entry of a loop, after it ('l', n) for each of
its labels, ('b', bridge_no). A loop's runs are its turns, as everywhere: how
often its labels were passed, but for the first one if there are more, for
that is passed once on the way in.
"""

import os
import time

import pypyjit
from __pypy__ import hidden_applevel

# Figures that nobody may look at are not worth more than this.
_EVERY = 0.5  # seconds from one time to the next


class CannotCount(Exception):
    pass


def wanted():
    return os.environ.get("JITHOOKS_PYPY_RUNS", "0") not in ("", "0")


def _first_loop():
    turns = 0
    for turn in range(5000):
        turns += turn
    return turns


def _start():
    """Has PyPy count from now on."""
    try:
        import _jitlog
    except ImportError:
        raise CannotCount("it has no _jitlog") from None
    log = os.open(os.devnull, os.O_WRONLY)
    try:
        _jitlog.enable(log)  # which keeps the descriptor
    except Exception as error:
        os.close(log)
        raise CannotCount("its jitlog does not start: %s" % error) from None
    _first_loop()
    if (pypyjit.get_stats_asmmemmgr()[0] == 0
            or not pypyjit.get_stats_snapshot().loop_run_times):
        _jitlog.disable()
        raise CannotCount("its JIT is off, or has no small loop compiled")


class Runs:
    def __init__(self, lib):
        _start()
        self.publish = lib.told_runs
        self.loop = lib.types["loop"]
        self.bridge = lib.types["bridge"]
        self.due = 0.0
        # PyPy gives the segments of a trace the number of its first.
        self.numbers = set()
        self.shared = set()

    @hidden_applevel
    def compiled(self, loop_no):
        """A loop or entry bridge of this number."""
        (self.shared if loop_no in self.numbers else self.numbers).add(loop_no)

    @hidden_applevel
    def tell(self, told, counts):
        """counts: loop_run_times as they stand."""
        loops, runs = self.of_loops(counts)
        bridges = [no for kind, no in counts if kind == "b"]
        times = [counts["b", no] for no in bridges]
        self.publish(told, self.loop, loops, runs, len(loops))
        self.publish(told, self.bridge, bridges, times, len(bridges))
        self.due = time.monotonic() + _EVERY

    @hidden_applevel
    def is_due(self):
        return time.monotonic() >= self.due

    @hidden_applevel
    def of_loops(self, counts):
        """The numbers of loops, and the runs of each."""
        numbers, runs, labels = [], [], 0
        for (kind, no), count in counts.items():
            if kind == "e":
                numbers.append(no)
                runs.append(count)
                # What stands behind is of which segment?
                labels = -1 if no in self.shared else 0
            elif kind == "b":
                labels = -1
            elif labels == 0:
                runs[-1] = count
                labels = 1
            elif labels > 0:
                runs[-1] = count if labels == 1 else runs[-1] + count
                labels += 1
        return numbers, runs

# SPDX-License-Identifier: BSD-2-Clause
"""What connects pypyjit's hooks with libjithooks.

pypyjit has one slot per hook. `Watch` takes those for compile, abort and
trace-too-long, and puts functions in the place of pypyjit's setters, so that
the program's own hooks are kept here and called after ours. They behave as
documented: `operations` is honoured, None unregisters, and what they raise
goes on to PyPy, which reports it.

Three facts of PyPy shape the rest:

 - It tells of few of its aborts, and of nothing that is compiled while a hook
   runs, on whatever thread. Its counters are right, though. So each event
   carries all of them, and libjithooks makes good what was not told.
 - The compile hook gets no operations unless PyPy is asked to make a list of
   objects of them. Their number is the growth of a counter.
 - pypyjit.get_stats_snapshot() crashes the process before the first trace.
   Until then the memory manager has no memory, which is safe to ask.

A hook runs seldom, so it is interpreted, on caches that the compiler has just
swept: what it costs is its bytecodes. Frames are hidden from tracebacks,
tracing and profiling, for a hook runs at any point of the program.
"""

import atexit
import os
import sys

import pypyjit
from __pypy__ import hidden_applevel

from . import _interrupt, _runs
from ._lib import NULL, Library
from ._place import greenkey_text


def traced():
    """Has there been a trace, so that get_stats_snapshot() is safe?"""
    return pypyjit.get_stats_asmmemmgr()[0] > 0


class _Slot:
    """What is registered with PyPy: ours, then the program's hook.

    PyPy names the hook in its reports by its repr().
    """

    def __init__(self, watch, tell, setter):
        self.watch = watch
        self.tell = tell
        self.setter = setter
        self.hook = None
        self.options = ()

    def register(self, *options):
        self.options = options
        self.setter(self, *options)

    def register_again(self):
        self.setter(self, *self.options)

    def __repr__(self):
        return repr(self.tell if self.hook is None else self.hook)

    @hidden_applevel
    def __call__(self, *args):
        try:
            self.tell(*args)
        except (RecursionError, MemoryError):
            # The program is at its limit, and this is no place to say so.
            # The next event's counters make good for what was not told.
            pass
        finally:
            hook = self.hook
            if hook is not None:
                self.watch.call(hook, args)


class Watch:
    def __init__(self):
        for name in ("set_compile_hook", "set_abort_hook",
                     "get_stats_snapshot", "get_stats_asmmemmgr"):
            if not hasattr(pypyjit, name):
                raise ImportError("this PyPy has no pypyjit.%s" % name)
        self.lib = lib = Library()
        self.counters = lib.counters
        self.loop = lib.types["loop"]
        self.entry_bridge = lib.types["entry bridge"]
        self.bridge = lib.types["bridge"]
        self.common = None
        self.hook_error = None
        self.runs = self.count_runs()
        if traced():
            state = self.state()
        else:
            state = ([], 0, 0.0, 0.0)
        self.told = lib.told_create(b"pypyjit", *state)
        if not self.told:
            raise MemoryError("no memory for libjithooks")

    def count_runs(self):
        if not _runs.wanted():
            return None
        try:
            return _runs.Runs(self.lib)
        except _runs.CannotCount as why:
            if sys.stderr is not None:
                sys.stderr.write("jithooks: this PyPy cannot count loop runs: "
                                 "%s\n" % why)
            return None

    @hidden_applevel
    def tell_runs(self):
        self.runs.tell(self.told, pypyjit.get_stats_snapshot().loop_run_times)

    @hidden_applevel
    def state(self):
        """PyPy's counters and times as they stand, for the library."""
        snapshot = pypyjit.get_stats_snapshot()
        counters = list(snapshot.counters.values())
        times = snapshot.counter_times
        n = self.common
        if n is None:
            n = self.common = self.in_common(snapshot.counters)
        if len(counters) != n:
            counters = counters[:n]
        return counters, n, times["TRACING"], times["BACKEND"]

    @hidden_applevel
    def in_common(self, counters):
        """How many counters this PyPy has where the library expects them."""
        n = 0
        for ours, theirs in zip(self.counters, counters):
            if ours != theirs:
                break
            n += 1
        return n

    # ---- The slots ----------------------------------------------------------

    def install(self):
        compile_ = _Slot(self, self.compiled, pypyjit.set_compile_hook)
        abort = _Slot(self, self.aborted, pypyjit.set_abort_hook)

        def set_compile_hook(hook, operations=True):
            operations = bool(operations) and hook is not None
            compile_.hook = hook
            # Setting inside a hook makes PyPy forget that it is in one.
            if compile_.options != (operations,):
                compile_.register(operations)

        def set_abort_hook(hook):
            abort.hook = hook

        compile_.register(False)
        abort.register()
        wrappers = [set_compile_hook, set_abort_hook]

        if hasattr(pypyjit, "set_trace_too_long_hook"):
            too_long = _Slot(self, self.too_long,
                             pypyjit.set_trace_too_long_hook)

            def set_trace_too_long_hook(hook):
                too_long.hook = hook

            too_long.register()
            wrappers.append(set_trace_too_long_hook)

        for wrapper in wrappers:
            wrapper.__doc__ = getattr(pypyjit, wrapper.__name__).__doc__
            wrapper.__module__ = "pypyjit"
            setattr(pypyjit, wrapper.__name__, wrapper)

        # If another thread was in a hook when this one forked, the child's
        # PyPy takes itself to be in it for ever. Setting a hook ends that.
        os.register_at_fork(after_in_child=compile_.register_again)
        _interrupt.install(self.is_ours)
        atexit.register(self.sync)
        self.wrap_exit()

    def wrap_exit(self):
        """os._exit() runs no atexit function; workers of multiprocessing and
        of servers that fork leave by it."""
        leave = os._exit

        def _exit(status):
            try:
                self.sync()
            finally:
                leave(status)

        _exit.__doc__ = leave.__doc__
        os._exit = _exit

    @hidden_applevel
    def call(self, hook, args):
        """A hook of the program: its time and its errors are counted."""
        failed = 1
        self.lib.told_hook_start(self.told)
        try:
            hook(*args)
            failed = 0
        except BaseException as error:
            self.hook_error = error
            raise
        finally:
            self.lib.told_hook_end(self.told, failed)

    def is_ours(self, hook, error):
        """Did a hook fail by another error than the program's own?"""
        programs, self.hook_error = self.hook_error, None
        return isinstance(hook, _Slot) and error is not programs

    # ---- What PyPy tells ------------------------------------------------------

    @hidden_applevel
    def sync(self):
        """The last word: counters as they stand."""
        if traced():
            if self.runs is not None:
                self.tell_runs()
            self.lib.told_state(self.told, *self.state())

    @hidden_applevel
    def compiled(self, info):
        counters, n, tracing, backend = self.state()
        kind = info.type
        if kind == "bridge":
            self.lib.told_compiled(
                self.told, counters, n, tracing, backend, self.bridge,
                info.loop_no, info.bridge_no, NULL, info.asmaddr, info.asmlen)
        else:
            self.lib.told_compiled(
                self.told, counters, n, tracing, backend,
                self.loop if kind == "loop" else self.entry_bridge,
                info.loop_no, 0,
                greenkey_text(info.jitdriver_name, info.greenkey),
                info.asmaddr, info.asmlen)
        if self.runs is not None:
            if kind != "bridge":
                self.runs.compiled(info.loop_no)
            if self.runs.is_due():
                self.tell_runs()

    @hidden_applevel
    def aborted(self, jitdriver, greenkey, reason, operations):
        counters, n, tracing, backend = self.state()
        counter = self.counters.get(reason)
        if counter is None:
            counter = self.counters["ABORT_OTHER"]
        self.lib.told_aborted(
            self.told, counters, n, tracing, backend, counter, reason.encode(),
            greenkey_text(jitdriver, greenkey), len(operations))

    @hidden_applevel
    def too_long(self, jitdriver, greenkey):
        """Called after the abort hook or, mostly for bridges, without it. If
        without, the place is the inlined function that PyPy blames; the
        library sees by the counters which it is."""
        self.aborted(jitdriver, greenkey, "ABORT_TOO_LONG", ())

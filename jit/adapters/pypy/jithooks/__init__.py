# SPDX-License-Identifier: BSD-2-Clause
"""JIT hooks for PyPy: the documented `pypyjit` API, watchable from outside.

    import jithooks

    def hook(info):
        print(info.type, info.greenkey, info.asmlen)
    jithooks.set_compile_hook(hook, operations=False)

The functions are those that PyPy documents for `pypyjit`. What this PyPy does
not have raises NotImplementedError, and says so. A hook that cannot be called
is refused with TypeError when it is set, not when it is needed.

`watch()` connects PyPy with libjithooks: from then on the process carries the
USDT provider `jit` and the region that `jitscope` reads, and each loop,
bridge and abort is told. The program's own hooks go on as before, whether set
here or in `pypyjit`; only a setter that the program took out of `pypyjit`
before watch() (`from pypyjit import set_compile_hook`) would turn ours out.
There are three ways to have watch() called before the program starts:

 - `jitscope run -- pypy3 prog.py` does it;
 - the folder of this package in PYTHONPATH: its sitecustomize.py does it,
   and goes on with the next sitecustomize;
 - a file `jithooks.pth` in site-packages with two lines, the folder of this
   package and `import jithooks; jithooks.watch()`.

With JITHOOKS_PYPY_RUNS=1 in the environment of a program that is watched
from its start PyPy counts loop runs, where it has a jitlog, and jitscope shows
them as of the last event. That is PyPy's own counting, and costs what it costs.

The library is found by $JITHOOKS_LIBRARY, then beside this package, then by
the linker.
"""

import sys

try:
    import pypyjit
except ImportError:
    raise ImportError("jithooks needs PyPy: %s has no pypyjit"
                      % sys.implementation.name) from None

from . import _watch

__all__ = ["watch", "set_compile_hook", "set_abort_hook",
           "set_trace_too_long_hook", "set_optimize_hook", "enable_debug",
           "disable_debug", "get_stats_snapshot", "get_stats_asmmemmgr",
           "releaseall", "set_param"]

# Types differ from one PyPy to the next; there is nothing to put in for them.
for _name in ("JitLoopInfo", "JitInfoSnapshot", "ResOperation", "GuardOp",
              "DebugMergePoint", "Box", "PARAMETER_DOCS", "defaults",
              "dont_trace_here", "get_jitcell_at_key", "mark_as_being_traced",
              "not_from_assembler", "residual_call", "trace_next_iteration",
              "trace_next_iteration_hash"):
    if hasattr(pypyjit, _name):
        globals()[_name] = getattr(pypyjit, _name)
        __all__.append(_name)
del _name

_watching = None


def watch():
    """Connects pypyjit with libjithooks. Again does nothing."""
    global _watching
    if _watching is None:
        made = _watch.Watch()
        made.install()
        _watching = made


def _of_pypy(name):
    """pypyjit's function, looked up now: watch() replaces some of them."""
    try:
        return getattr(pypyjit, name)
    except AttributeError:
        raise NotImplementedError(
            "pypyjit.%s does not exist in PyPy %s"
            % (name, ".".join(map(str, sys.pypy_version_info[:3])))) from None


def _set(name, hook, *args):
    setter = _of_pypy(name)
    if hook is not None and not callable(hook):
        raise TypeError("%s: a hook must be callable or None, not %s"
                        % (name, type(hook).__name__))
    setter(hook, *args)


def set_compile_hook(hook, operations=True):
    """hook(JitLoopInfo), after machine code was made and is live."""
    _set("set_compile_hook", hook, operations)


def set_abort_hook(hook):
    """hook(jitdriver_name, greenkey, reason, operations), when a trace is
    given up; PyPy does not call it for most aborts of bridges."""
    _set("set_abort_hook", hook)


def set_trace_too_long_hook(hook):
    """hook(jitdriver_name, greenkey) of the inlined function that made a
    trace too long."""
    _set("set_trace_too_long_hook", hook)


def set_optimize_hook(hook, operations=True):
    """hook(JitLoopInfo), before machine code is made. PyPy 2.6 was the last
    that had it."""
    _set("set_optimize_hook", hook, operations)


def enable_debug():
    """Starts to count loop runs. PyPy 2.6 was the last that had it."""
    _of_pypy("enable_debug")()


def disable_debug():
    """Stops counting loop runs. PyPy 2.6 was the last that had it."""
    _of_pypy("disable_debug")()


class _EmptySnapshot:
    """What get_stats_snapshot() would say before the first trace."""

    def __init__(self):
        self.counters = dict.fromkeys(_PYPY_COUNTERS, 0)
        self.counter_times = {"TRACING": 0.0, "BACKEND": 0.0}
        self.loop_run_times = {}

    def __repr__(self):
        return "<JitInfoSnapshot before the first trace>"


_PYPY_COUNTERS = """
    TRACING BACKEND OPS HEAPCACHED_OPS RECORDED_OPS GUARDS OPT_OPS OPT_GUARDS
    OPT_GUARDS_SHARED OPT_FORCINGS OPT_VECTORIZE_TRY OPT_VECTORIZED
    ABORT_TOO_LONG ABORT_BRIDGE ABORT_BAD_LOOP ABORT_ESCAPE
    ABORT_FORCE_QUASIIMMUT ABORT_SEGMENTED_TRACE FORCE_VIRTUALIZABLES NVIRTUALS
    NVHOLES NVREUSED TOTAL_COMPILED_LOOPS TOTAL_COMPILED_BRIDGES
    TOTAL_FREED_LOOPS TOTAL_FREED_BRIDGES""".split()


def get_stats_snapshot():
    """Counters, times and loop runs as they are now; see JitInfoSnapshot.

    PyPy crashes if asked before the first trace. To run a loop until there is
    one would alter the figures, and would not help where the JIT is off; so
    until then zeros are returned, which is what the figures are.
    """
    if not _watch.traced():
        return _EmptySnapshot()
    return pypyjit.get_stats_snapshot()


def get_stats_asmmemmgr():
    """(bytes allocated, bytes used) for machine code."""
    return _of_pypy("get_stats_asmmemmgr")()


def releaseall():
    """Lets go of all machine code that is not running."""
    _of_pypy("releaseall")()


def set_param(*args, **params):
    """set_param("name=value,...") or set_param(name=value); "off" turns the
    JIT off, "default" restores what it starts with."""
    _of_pypy("set_param")(*args, **params)

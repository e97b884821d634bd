# SPDX-License-Identifier: BSD-2-Clause
"""PyPy: its own figures beside ours, the documented API, and other people's Pythons.

What PyPy itself says comes from the same run: the jit-summary of PYPYLOG, or
pypyjit.get_stats_snapshot() at a moment that the program chose.
"""
import ast
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys

from harness import (BUILD, JITSCOPE, PROGRAMS, Skip, finish, jitscope, need, need_bpf, nonzero,
                     read_line, run, snapshot, start, tempdir, wait_for, watch)

ADAPTER = os.path.join(BUILD, "adapters", "pypy")
WORK = {"words.py": "150000", "nbody.py": "400000", "toolong.py": "12000", "compile_heavy.py": "300"}

# Labels of jit-summary that count what a counter counts; `calls` has none.
SUMMARY = {
    "Tracing": "TRACING", "Backend": "BACKEND", "ops": "OPS", "heapcached ops": "HEAPCACHED_OPS",
    "recorded ops": "RECORDED_OPS", "guards": "GUARDS", "opt ops": "OPT_OPS",
    "opt guards": "OPT_GUARDS", "opt guards shared": "OPT_GUARDS_SHARED",
    "forcings": "OPT_FORCINGS", "vecopt tried": "OPT_VECTORIZE_TRY",
    "vecopt success": "OPT_VECTORIZED", "abort: trace too long": "ABORT_TOO_LONG",
    "abort: compiling": "ABORT_BRIDGE", "abort: bad loop": "ABORT_BAD_LOOP",
    "abort: vable escape": "ABORT_ESCAPE", "abort: force quasi-immut": "ABORT_FORCE_QUASIIMMUT",
    "abort: segmenting trace": "ABORT_SEGMENTED_TRACE",
    "virtualizables forced": "FORCE_VIRTUALIZABLES", "nvirtuals": "NVIRTUALS",
    "nvholes": "NVHOLES", "nvreused": "NVREUSED", "Total # of loops": "TOTAL_COMPILED_LOOPS",
    "Total # of bridges": "TOTAL_COMPILED_BRIDGES", "Freed # of loops": "TOTAL_FREED_LOOPS",
    "Freed # of bridges": "TOTAL_FREED_BRIDGES",
}
ABORTS = tuple(name for name in SUMMARY.values() if name.startswith("ABORT_"))

# Written before the program of a test: keeps the JIT busy and says what PyPy says.
PRELUDE = """
import json, os, sys
def hot(n, steps=3000):
    'Compiles a loop of its own.'
    space = {}
    exec("def f(a):\\n for i in range(%d):\\n  a = (a * 3 + %d) & 255\\n return a" % (steps, n), space)
    return space["f"](n)
def figures():
    import pypyjit
    return dict(pypyjit.get_stats_snapshot().counters)
def say(**what):
    os.write(1, (json.dumps(what) + "\\n").encode())
"""


def pypy(text, *options):
    return ["pypy3", *options, "-c", PRELUDE + text]


def lines(result):
    return [json.loads(line) for line in result.out.splitlines() if line.startswith("{")]


def only_line(result):
    (line,) = lines(result)
    return line


def of_pypy(counters):
    return {name: counters[name] for name in SUMMARY.values()}


def same_counters(ours, theirs):
    differ = {name: (ours[name], theirs[name]) for name in SUMMARY.values()
              if ours[name] != theirs[name]}
    assert not differ, f"(ours, PyPy's): {differ}"


def process_of(snap, pid):
    (found,) = [s for s in [snap, *snap["children"]] if s["pid"] == pid]
    return found


# ---- The figures of real programs ---------------------------------------------------------


def read_summary(path):
    """Counters, and the two times, as PyPy printed them."""
    with open(path) as f:
        text = f.read()
    rows = dict(re.findall(r"^([^:\n]+(?:: [a-z -]+)?): *\t(.*)$", text, re.M))
    counters = {name: int(rows[label].split("\t")[0]) for label, name in SUMMARY.items()}
    times = {label.upper(): float(rows[label].split("\t")[1]) for label in ("Tracing", "Backend")}
    return counters, times


def functions(path):
    """The lines of each function of a source file, by name."""
    found = collections.defaultdict(list)
    with open(path) as f:
        for node in ast.walk(ast.parse(f.read())):
            if isinstance(node, ast.FunctionDef):
                found[node.name].append(range(node.lineno, node.end_lineno + 1))
    return found


def check_loops(snap, path):
    """Places that exist in the source, and bridges whose parents are there."""
    numbers = {x["bridge_no"] or x["loop_no"]: x for x in snap["loops"]}
    assert len(numbers) == len(snap["loops"]) > 3, "numbers are unique"
    known, seen = functions(path), 0
    bridges = [x for x in snap["loops"] if x["type"] == "bridge"]
    assert len(bridges) < 5 or any(x["parent_no"] for x in bridges), bridges
    for no, x in numbers.items():
        assert x["asmaddr"] and x["asmlen"], x
        if x["type"] == "bridge":
            # What was compiled before the watching is not on record.
            if x["parent_no"]:
                root = numbers[x["parent_no"]]
                assert root["type"] != "bridge" and root["loop_no"] == x["loop_no"], (x, root)
                assert x["greenkey"] == root["greenkey"] and x["parent_no"] < no, (x, root)
            continue
        assert x["loop_no"] == no and x["parent_no"] is None and x["greenkey"], x
        place = re.fullmatch(re.escape(path) + r":(\d+) (\w+)", x["greenkey"])
        if place:
            seen += 1
            line, name = int(place[1]), place[2]
            assert any(line in r for r in known[name]), (x["greenkey"], known[name])
    return seen


def each_compile_once(snap):
    """Each is told, or counted as not told. One may have been before the watching: where
    PyPy has to parse the adapter, that makes a loop of its parser hot."""
    told = len(snap["loops"]) + snap["counters"]["HOOKS_SUPPRESSED"]
    return told in (snap["counters"]["BACKEND"], snap["counters"]["BACKEND"] - 1)


def check_aborts(snap):
    by_counter = collections.Counter()
    for a in snap["aborts"]:
        assert a["count"] > 0 and a["greenkey"] and a["reason"] == a["counter"], a
        by_counter[a["counter"]] += a["count"]
    counters = snap["counters"]
    assert by_counter == {n: counters[n] for n in ABORTS if counters[n]}, (by_counter, counters)


def equals_summary(name, *options):
    path = os.path.join(PROGRAMS, name)
    log = os.path.join(tempdir(), "summary")
    snap, result = watch(["pypy3", path, WORK[name]], *options,
                         env={"PYPYLOG": "jit-summary:" + log})
    counters, times = read_summary(log)
    same_counters(snap["counters"], counters)
    assert snap["counters"]["BACKEND"] > 3, snap["counters"]
    for label, seconds in times.items():
        # Printed to the microsecond, from the same clock.
        assert abs(snap["counter_times"][label] - seconds) <= 1e-6, (label, snap, times)
    check_aborts(snap)
    places = check_loops(snap, path)
    assert places or name == "compile_heavy.py", snap["loops"]
    assert each_compile_once(snap), (len(snap["loops"]), snap["counters"])
    assert snap["complete"] is True and snap["jitdriver"] == "pypyjit", snap
    assert snap["stats"]["dropped"] == snap["stats"]["map_full"] == 0, snap["stats"]
    plain = run(["pypy3", path, WORK[name]])
    assert (result.out, result.err) == (plain.out, plain.err), (result, plain)
    return snap


def add_figures_tests():
    """One test for each program and way: they fail one by one."""
    for name in sorted(WORK):
        def kernel(name=name):
            need_bpf()
            need("pypy3")
            snap = equals_summary(name)
            assert snap["source"] == "kernel" and snap["stats"]["hits"] > 3, snap["stats"]

        def region(name=name):
            need("pypy3")
            snap = equals_summary(name, "--no-bpf")
            assert snap["source"] == "region" and snap["stats"]["hits"] == 0, snap["stats"]

        stem = name[:-3]
        globals()[f"test_{stem}_counts_as_its_jit_summary_in_kernel_maps"] = kernel
        globals()[f"test_{stem}_counts_as_its_jit_summary_in_the_region"] = region


add_figures_tests()


def test_aborts_of_both_kinds_are_there_to_count():
    """The programs above are of use only if toolong.py aborts."""
    need("pypy3")
    snap, _ = watch(["pypy3", os.path.join(PROGRAMS, "toolong.py"), WORK["toolong.py"]], "--no-bpf")
    counters = snap["counters"]
    assert counters["ABORT_TOO_LONG"] and counters["ABORT_SEGMENTED_TRACE"] > 5, counters
    assert any(a["greenkey"].startswith("straight.gen:") for a in snap["aborts"]), snap["aborts"]


def test_places_are_told_without_PYPYLOG():
    """PyPy then has no text for the places of its other jitdrivers."""
    need("pypy3")
    path = os.path.join(PROGRAMS, "words.py")
    snap, _ = watch(["pypy3", path, WORK["words.py"]], "--no-bpf", env={"PYPYLOG": None})
    assert check_loops(snap, path) > 3
    places = {x["greenkey"] for x in snap["loops"]}
    assert not any("disabled" in p for p in places), places
    assert any(":" not in p for p in places), "words.py runs hot in a jitdriver of PyPy's own"


def test_a_long_path_is_cut_at_its_start_and_any_bytes_are_a_path():
    need("pypy3")
    for name in (b"deep/" * 40 + b"long.py", b"caf\xe9 \"\n.py"):
        path = os.path.join(os.fsencode(tempdir()), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write("def f(a):\n    for i in range(3000):\n        a += i & 3\n    return a\nf(1)\n")
        snap, _ = watch(["pypy3", os.fsdecode(path)], "--no-bpf")
        (place,) = [x["greenkey"] for x in snap["loops"] if x["greenkey"].endswith(":2 f")]
        if name.startswith(b"deep"):
            assert re.fullmatch(r"\.\.\.[/dep]*/long.py:2 f", place) and len(place) == 127, place
        else:
            assert re.search(r'/caf. "\n\.py:2 f$', place), place


def test_what_is_compiled_while_a_hook_runs_is_counted():
    """PyPy tells of nothing then, on no thread."""
    need("pypy3")
    snap, result = watch(pypy("""
import jithooks
depth = []
def hook(info):
    if not depth:
        depth.append(1)
        for n in range(5): hot(100 + n)
jithooks.set_compile_hook(hook)
hot(1); hot(2)
jithooks.set_compile_hook(None)
say(counters=figures())
"""), "--no-bpf")
    same_counters(snap["counters"], only_line(result)["counters"])
    assert snap["counters"]["HOOKS_SUPPRESSED"] >= 5, snap["counters"]
    assert snap["counter_times"]["HOOKS"] > 0


def test_threads_that_compile_at_once():
    need("pypy3")
    snap, result = watch(pypy("""
import threading
def work(n):
    for i in range(15): hot(1000 * n + i)
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
say(counters=figures())
"""), "--no-bpf")
    same_counters(snap["counters"], only_line(result)["counters"])
    assert snap["counters"]["TOTAL_COMPILED_LOOPS"] >= 60, snap["counters"]
    assert each_compile_once(snap), (len(snap["loops"]), snap["counters"])


# ---- The documented API ---------------------------------------------------------------------


def seen_by(text, *options):
    """What a watched program says, its result, and the snapshot."""
    need("pypy3")
    snap, result = watch(pypy(text, *options), "--no-bpf")
    return only_line(result), result, snap


HOOK = """
import %(module)s as api
seen = []
def hook(info):
    seen.append(dict(kind=info.type, operations=info.operations is not None and len(info.operations),
                     loop=info.loop_no, asm=info.asmaddr > 0 and info.asmlen > 0,
                     driver=info.jitdriver_name, type=type(info).__name__,
                     names=[op.name for op in info.operations or ()],
                     key=str(info.greenkey)))
"""


def test_the_compile_hook_is_called_with_JitLoopInfo():
    for module in ("jithooks", "pypyjit"):
        said, result, snap = seen_by(HOOK % {"module": module} + """
hot(0)
api.set_compile_hook(hook)
hot(1)
with_list, seen = seen, []
api.set_compile_hook(hook, operations=False)
hot(2)
without, seen = seen, []
api.set_compile_hook(hook, True)
hot(3)
api.set_compile_hook(None)
again, seen = seen, []
hot(4)
say(with_list=with_list, without=without, again=again, after=seen, counters=figures())
""")
        mine = {key: [i for i in said[key] if "code object f" in i["key"]]
                for key in ("with_list", "without", "again")}
        for key, found in mine.items():
            assert len(found) == 1, (module, key, said[key])
            info = found[0]
            assert info["kind"] == "loop" and info["type"] == "JitLoopInfo", info
            assert info["driver"] == "pypyjit" and info["asm"] is True, info
        for key in ("with_list", "again"):
            assert mine[key][0]["operations"] > 5, mine[key]
            assert "jump" in mine[key][0]["names"] and "int_mul" in mine[key][0]["names"], mine
        assert mine["without"][0]["operations"] is False, mine["without"]
        assert said["after"] == [], said["after"]
        same_counters(snap["counters"], said["counters"])
        # All four are on record, those without the hook too.
        ours = [x for x in snap["loops"] if x["greenkey"] == "<string>:2 f"]
        assert len(ours) == 5, snap["loops"]
        assert result.err == "", result.err


def test_the_abort_hook_and_the_too_long_hook_are_called():
    text = """
import %s as api
aborts, long = [], []
api.set_abort_hook(lambda driver, key, reason, operations:
                   aborts.append([driver, str(key), reason, len(operations)]))
api.set_trace_too_long_hook(lambda driver, key: long.append([driver, str(key)]))
source = "def many(a):\\n" + " a = (a * 3 + 1) & 255\\n if a & 1: a += 7\\n" * 900 + " return a"
space = {}
exec(source, space)
def inner(a, n):
    return a if n == 0 else inner((a * 3 + n) & 255, n - 1)
a = 1
for i in range(6000):
    a = space["many"](a)
for i in range(3000):
    a += inner(i, 400)
api.set_abort_hook(None)
api.set_trace_too_long_hook(None)
say(aborts=aborts, long=long, counters=figures())
"""
    for module in ("jithooks", "pypyjit"):
        said, _, snap = seen_by(text % module)
        same_counters(snap["counters"], said["counters"])
        assert said["aborts"] and said["long"], said
        reasons = collections.Counter(a[2] for a in said["aborts"])
        for reason, n in reasons.items():
            assert 0 < n <= snap["counters"][reason], (reasons, snap["counters"])
        assert all(a[0] == "pypyjit" for a in said["aborts"]), said["aborts"]
        check_aborts(snap)
        told = [a for a in snap["aborts"] if a["greenkey"] != "(place not told)"]
        assert sum(a["count"] for a in told) >= len(said["aborts"]), (snap["aborts"], said)


def test_what_is_not_callable_is_refused():
    said, result, _ = seen_by("""
import jithooks
refused = {}
for name in ("set_compile_hook", "set_abort_hook", "set_trace_too_long_hook"):
    for bad in (1, "text", [], object()):
        try:
            getattr(jithooks, name)(bad)
        except TypeError as e:
            refused.setdefault(name, []).append(str(e))
    getattr(jithooks, name)(None)
hot(1)
say(refused=refused)
""")
    for name in ("set_compile_hook", "set_abort_hook", "set_trace_too_long_hook"):
        assert len(said["refused"][name]) == 4, said
        assert said["refused"][name][0] == f"{name}: a hook must be callable or None, not int"
    assert result.err == "", "a refused hook was called: " + result.err


def test_what_this_pypy_lacks_says_so():
    said, _, _ = seen_by("""
import jithooks
version = ".".join(map(str, sys.pypy_version_info[:3]))
says = {}
for name, arguments in (("set_optimize_hook", [print]), ("enable_debug", []), ("disable_debug", [])):
    try:
        getattr(jithooks, name)(*arguments)
    except NotImplementedError as e:
        says[name] = str(e)
import pypyjit
say(says=says, version=version, has=[n for n in says if hasattr(pypyjit, n)])
""")
    for name in ("set_optimize_hook", "enable_debug", "disable_debug"):
        assert said["says"].get(name) == \
            f"pypyjit.{name} does not exist in PyPy {said['version']}", said
    assert said["has"] == [], "this PyPy has what its documentation lacks"


COUNTS = """
def turns(n):
    i = 0
    while i < n:
        i += 1
def either(n):
    a = 0
    for i in range(n):
        if i % 3:
            a += i
        else:
            a -= 1
turns(5000)
turns(100000)
either(20000)
import pypyjit
say(runs=[[*key, n] for key, n in pypyjit.get_stats_snapshot().loop_run_times.items()])
"""


def runs_of(rows):
    """(kind, PyPy's number) -> runs: of a loop its turns, the way in (first label) left out."""
    runs, labels, loop = {}, {}, None
    for kind, no, count in rows:
        if kind == "l":
            if loop is not None:
                labels[loop].append(count)
            continue
        runs[kind, no] = count
        loop = no if kind == "e" else None
        if loop is not None:
            labels[loop] = []
    for no, counts in labels.items():
        runs["e", no] = sum(counts[1:] or counts or [runs["e", no]])
    return runs


def test_loop_runs_are_those_that_pypy_counts():
    need("pypy3")
    snap, result = watch(pypy(COUNTS), "--no-bpf", env={"JITHOOKS_PYPY_RUNS": "1"})
    assert result.err == "", result
    rows = only_line(result)["runs"]
    theirs = runs_of(rows)
    ours = {("b" if x["type"] == "bridge" else "e", x["vm_no"]): x["runs"] for x in snap["loops"]}
    assert len(ours) == len(snap["loops"]) >= 3 and any(k == "b" for k, _ in ours), snap["loops"]
    assert ours == {key: theirs[key] for key in ours}, (ours, rows)
    (loop,) = [x for x in snap["loops"] if x["greenkey"].endswith(" turns")]
    # As many as there were, but for those before it was hot.
    assert 105000 - 1100 < loop["runs"] <= 105000 - 1039, loop
    assert snap["runs_complete"] is True and snap["runs_since_ns"] >= snap["start_ns"], snap


def test_loop_runs_are_said_to_be_as_of_an_event():
    """PyPy counts on while nothing more is told."""
    need("pypy3")
    result = jitscope("run", "--no-bpf", "--", *pypy(COUNTS), env={"JITHOOKS_PYPY_RUNS": "1"})
    assert re.search(r"^ Runs of loops: .*; as of its last event\.$", result.err, re.M), result


def test_loop_runs_are_not_counted_unless_asked():
    """It costs PyPy more than others: what makes those count is not enough."""
    need("pypy3")
    snap, result = watch(pypy(COUNTS), "--no-bpf", env={"JITHOOKS_COUNT_RUNS": "1"})
    assert only_line(result)["runs"] == [] and result.err == "", result
    assert snap["loops"] and not any(x["runs"] for x in snap["loops"]), snap["loops"]


def test_counting_survives_a_first_trace_that_is_too_long():
    """PyPy with its jitlog on dies of it."""
    need("pypy3")
    snap, result = watch(pypy("""
import pypyjit
pypyjit.set_param("trace_limit=600")
space = {}
exec("def f(n):\\n s = 0\\n for i in range(n):\\n" + "".join(
    "  s = s + i %% %d + len(str(i))\\n" % (k + 3) for k in range(120)) + " return s\\n", space)
for _ in range(10):
    space["f"](2000)
say(done=True)
"""), "--no-bpf", env={"JITHOOKS_PYPY_RUNS": "1"})
    assert only_line(result)["done"] and result.err == "", result
    assert snap["counters"]["ABORT_SEGMENTED_TRACE"] > 0, snap["counters"]
    assert any(x["runs"] > 1000 for x in snap["loops"]), snap["loops"]


def test_a_pypy_that_cannot_count_says_so():
    need("pypy3")
    _, result = watch(pypy("say(done=True)", "--jit", "off"), "--no-bpf",
                      env={"JITHOOKS_PYPY_RUNS": "1"})
    assert only_line(result)["done"], result
    assert result.err == ("jithooks: this PyPy cannot count loop runs: its JIT is off, or has no "
                          "small loop compiled\n"), result


def test_the_snapshot_before_the_first_trace_is_zeros():
    """Asked of pypyjit, PyPy crashes. The JIT is off at first, so that there is no trace."""
    said, result, snap = seen_by("""
import jithooks
s = jithooks.get_stats_snapshot()
zeros = [dict(s.counters), dict(s.counter_times), dict(s.loop_run_times)]
jithooks.set_param("default")
jithooks.set_param(threshold=500)
hot(1, 700)
s = jithooks.get_stats_snapshot()
allocated, used = jithooks.get_stats_asmmemmgr()
jithooks.releaseall()
say(zeros=zeros, counters=dict(s.counters), times=dict(s.counter_times), kind=type(s).__name__,
    memory=[allocated, used], now=figures())
""", "--jit", "off")
    assert said["zeros"] == [dict.fromkeys(SUMMARY.values(), 0), {"TRACING": 0.0, "BACKEND": 0.0},
                             {}], said["zeros"]
    assert list(said["zeros"][0]) == list(said["counters"]), "in PyPy's order"
    assert said["kind"] == "JitInfoSnapshot" and said["times"]["TRACING"] > 0, said
    assert said["counters"]["TRACING"] > 0, "set_param() set the threshold"
    allocated, used = said["memory"]
    assert allocated >= used > 0, said
    same_counters(snap["counters"], said["now"])
    assert result.err == "", result


def test_a_jit_that_is_off_is_watched_without_harm():
    need("pypy3")
    snap, result = watch(pypy("hot(1); say(done=1)", "--jit", "off"), "--no-bpf")
    assert only_line(result) == {"done": 1} and result.err == "", result
    assert nonzero(snap["counters"]) == {} and snap["loops"] == [], snap
    assert snap["jitdriver"] == "pypyjit", "the provider was there"


def test_errors_in_hooks_are_reported_and_the_program_goes_on():
    for module in ("jithooks", "pypyjit"):
        said, result, snap = seen_by(f"""
import {module} as api
calls = []
def failing(info):
    calls.append(info.type)
    raise [ValueError("no such luck"), SystemExit(3), KeyboardInterrupt("mine")][len(calls) % 3]
api.set_compile_hook(failing)
for n in range(3): hot(n)
api.set_compile_hook(None)
say(calls=len(calls), counters=figures())
""")
        reports = re.findall(r"^Exception ignored in: jit hook .*<function failing at", result.err,
                             re.M)
        assert len(reports) == said["calls"] >= 3, result.err
        for error in ("ValueError: no such luck", "SystemExit: 3", "KeyboardInterrupt: mine"):
            assert error in result.err, (error, result.err)
        assert snap["counters"]["HOOK_ERRORS"] == said["calls"], (snap["counters"], said)
        assert "jithooks" not in result.err, "frames of the adapter show: " + result.err
        same_counters(snap["counters"], said["counters"])


def test_hooks_are_the_same_watched_or_not():
    """The reports of a hook that fails, byte by byte but for addresses."""
    need("pypy3")
    text = """
import pypyjit
def failing(info):
    if "code object f" in str(info.greenkey): raise ValueError(info.type)
pypyjit.set_compile_hook(failing, operations=False)
hot(1); hot(2)
pypyjit.set_compile_hook(None)
"""
    plain = run(pypy(text))
    _, watched = watch(pypy(text), "--no-bpf")
    assert "ValueError: loop" in plain.err
    masked = [re.sub(r"0x[0-9a-f]+", "0x", r.err) for r in (plain, watched)]
    assert masked[0] == masked[1], masked


def test_an_interrupt_is_not_lost_in_a_hook():
    """SIGINT that falls into a hook of ours reaches the program, which compiles all the time."""
    need("pypy3")
    process = start([JITSCOPE, "run", "--no-bpf", "--json", "-o", os.devnull, "--",
                     *pypy("""
say(pid=os.getpid())
n = 0
try:
    while True:
        n += 1
        hot(n, 1100)
except KeyboardInterrupt:
    say(interrupted=1)
""")])
    pid = json.loads(read_line(process, r"^\{.*pid.*").group())["pid"]
    wait_for(lambda: snapshot(pid, "--no-bpf")["counters"]["BACKEND"] > 10, "some traces")
    os.kill(pid, signal.SIGINT)
    read_line(process, r"interrupted")
    assert finish(process).status == 0


# ---- Pythons that are not to be watched -----------------------------------------------------


NOT_SEEN = r"jitscope: no trace of '[^']+' was seen: .*"


def test_cpython_is_not_touched():
    need("pypy3")
    text = ("import sys; print([m for m in sys.modules if 'jithooks' in m or m == 'pypyjit']); "
            "print(sys.argv, __name__); sys.exit(7)")
    command = [sys.executable, "-c", text, "a", "b c"]
    plain = run(command, status=7)
    for options in ([], ["--no-bpf"]):
        watched = jitscope("run", *options, "--", *command, status=7)
        assert watched.out == plain.out == "[]\n['-c', 'a', 'b c'] __main__\n", watched
        notes = [x for x in watched.err.splitlines() if "region" not in x]
        assert len(notes) == 1 and re.fullmatch(NOT_SEEN, notes[0]), watched.err


def test_cpython_that_imports_jithooks_is_told_what_it_needs():
    result = run([sys.executable, "-c", "import jithooks"], env={"PYTHONPATH": ADAPTER}, status=1)
    assert result.err.strip().endswith("ImportError: jithooks needs PyPy: cpython has no pypyjit")


def test_the_sitecustomize_of_the_user_still_runs():
    need("pypy3")
    folder = tempdir()
    with open(os.path.join(folder, "sitecustomize.py"), "w") as f:
        f.write("import sys; sys.was_customized = __file__\n")
    text = ("import sys; print(sys.was_customized, sys.modules['sitecustomize'].__file__, "
            "'jithooks' in sys.modules)")
    mine = os.path.join(folder, "sitecustomize.py")
    for python, watched in ((sys.executable, False), ("pypy3", True)):
        result = jitscope("run", "--no-bpf", "--", python, "-c", text, env={"PYTHONPATH": folder})
        assert result.out == f"{mine} {mine} {watched}\n", result


def test_a_sitecustomize_that_fails_is_reported_as_ever():
    need("pypy3")
    folder = tempdir()
    with open(os.path.join(folder, "sitecustomize.py"), "w") as f:
        f.write("1/0\n")
    env = {"PYTHONPATH": folder}
    plain = run(["pypy3", "-c", "print(1)"], env=env)
    watched = jitscope("run", "--no-bpf", "--", "pypy3", "-c", "print(1)", env=env)
    assert plain.out == watched.out == "1\n"
    assert plain.err.splitlines()[0] in watched.err and "ZeroDivisionError" in watched.err, watched


def test_a_pypy_that_takes_no_adapter_is_fine_and_said_so():
    need("pypy3")
    for option in ("-S", "-I", "-E"):
        result = jitscope("run", "--no-bpf", "--", *pypy("hot(1); say(done=1)", option))
        assert only_line(result) == {"done": 1}, result
        notes = result.err.splitlines()
        assert len(notes) == 1 and re.fullmatch(NOT_SEEN, notes[0]), (option, result.err)


def test_a_library_that_is_missing_is_one_line_and_no_harm():
    need("pypy3")
    result = run(pypy("hot(1); say(done=1)"),
                 env={"PYTHONPATH": ADAPTER, "JITHOOKS_LIBRARY": "/nowhere/libjithooks.so.1"})
    assert only_line(result) == {"done": 1}, result
    assert len(result.err.splitlines()) == 1, result.err
    assert result.err.startswith("jithooks: not watching: cannot load libjithooks.so.1: "), result


# ---- Processes ---------------------------------------------------------------------------------


def all_ways(text, *options):
    """Runs it with BPF if there is, and without; yields the snapshot and what was said."""
    need("pypy3")
    for way in ([], ["--no-bpf"]):
        if not way:
            try:
                need_bpf()
            except Skip:
                continue
        snap, result = watch(pypy(text), *way, *options, status=None)
        yield snap, {line["pid"]: line for line in lines(result)}, result


def check_each(snap, said, n):
    """Each process has the figures that it said."""
    assert len(said) == n, said
    for pid, line in said.items():
        same_counters(process_of(snap, pid)["counters"], line["counters"])
        assert line["counters"]["BACKEND"] > 3, line


def test_forked_children_go_on_counting():
    for snap, said, _ in all_ways("""
for n in range(3): hot(n)
children = []
for c in range(3):
    pid = os.fork()
    if pid == 0:
        for n in range(4 + c): hot(100 * c + n)
        say(pid=os.getpid(), counters=figures())
        sys.exit(0)
    children.append(pid)
for pid in children: os.waitpid(pid, 0)
for n in range(5): hot(1000 + n)
say(pid=os.getpid(), counters=figures())
"""):
        check_each(snap, said, 4)
        loops = sorted(line["counters"]["TOTAL_COMPILED_LOOPS"] for line in said.values())
        assert len(set(loops)) >= 3, loops


def test_a_child_that_was_forked_while_a_hook_ran_tells_its_traces():
    """PyPy's child takes itself to be in that hook for ever."""
    for snap, said, _ in all_ways("""
import pypyjit, threading
inside, go_on = threading.Event(), threading.Event()
def hook(info):
    if threading.current_thread() is worker:
        inside.set()
        go_on.wait()
pypyjit.set_compile_hook(hook, operations=False)
worker = threading.Thread(target=hot, args=(1,))
worker.start()
inside.wait()
pid = os.fork()
if pid == 0:
    for n in range(6): hot(100 + n)
    say(pid=os.getpid(), child=True, counters=figures())
    os._exit(0)
os.waitpid(pid, 0)
go_on.set()
worker.join()
for n in range(4): hot(n)
say(pid=os.getpid(), child=False, counters=figures())
"""):
        check_each(snap, said, 2)
        (pid,) = [pid for pid, line in said.items() if line["child"]]
        child = process_of(snap, pid)
        mine = [x for x in child["loops"] if x["greenkey"] == "<string>:2 f"]
        assert len(mine) >= 6, (child["loops"], child["counters"])


def test_workers_of_multiprocessing():
    for method in ("fork", "spawn"):
        folder = tempdir()
        path = os.path.join(folder, "pool.py")
        with open(path, "w") as f:
            f.write(PRELUDE + f"""
import multiprocessing
from multiprocessing import util
def work(n):
    hot(n)
    return os.getpid()
def begin():
    # Runs last in the worker, before it leaves by os._exit().
    util.Finalize(None, lambda: say(pid=os.getpid(), counters=figures()), exitpriority=-100)
if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    pool = context.Pool(2, begin)
    pids = set(pool.map(work, range(24), chunksize=1))
    pool.close()
    pool.join()
    say(pid=os.getpid(), counters=figures(), workers=len(pids))
""")
        need("pypy3")
        snap, result = watch(["pypy3", path], "--no-bpf")
        said = {line["pid"]: line for line in lines(result)}
        check_each(snap, said, 3)


def test_a_process_that_leaves_by_exit_at_once():
    for snap, said, result in all_ways("""
import pypyjit
for n in range(6): hot(n)
done = []
def hook(info):
    if not done:
        done.append(1)
        hot(100)  # not told, being inside a hook: only the last word has it
pypyjit.set_compile_hook(hook, operations=False)
hot(7)
say(pid=os.getpid(), counters=figures())
os._exit(9)
"""):
        assert result.status == 9 and snap["run"]["exit_status"] == 9, result
        check_each(snap, said, 1)


def test_a_killed_process_has_its_last_figures():
    """Killed in its own hook, just after the event."""
    for snap, said, result in all_ways("""
import pypyjit, signal
told = []
def hook(info):
    told.append(info.loop_no)
    if len(told) == 8:
        say(pid=os.getpid(), counters=figures())
        os.kill(os.getpid(), signal.SIGKILL)
pypyjit.set_compile_hook(hook, operations=False)
for n in range(20): hot(n)
"""):
        assert snap["run"]["signal"] == signal.SIGKILL, snap["run"]
        check_each(snap, said, 1)
        assert len(snap["loops"]) >= 8, snap["loops"]


def test_a_pypy_that_a_script_starts():
    need("pypy3")
    folder = tempdir()
    script = os.path.join(folder, "service")
    with open(os.path.join(folder, "work.py"), "w") as f:
        f.write(PRELUDE + "for n in range(5): hot(n)\nsay(pid=os.getpid(), counters=figures())\n")
    for last in ("pypy3", "exec pypy3"):
        with open(script, "w") as f:
            f.write(f'#!/bin/sh\ncd "{folder}"\npypy3 work.py\n{last} work.py\n')
        os.chmod(script, 0o755)
        for way in (["--no-bpf"], []):
            if not way:
                need_bpf()
            snap, result = watch([script], *way)
            check_each(snap, {line["pid"]: line for line in lines(result)}, 2)


def test_commands_that_a_pypy_starts_are_not_its_children_s_figures():
    """Between fork and exec a child has its parent's figures; they are not counted twice."""
    for snap, said, _ in all_ways("""
import subprocess
for n in range(4): hot(n)
subprocess.run(["true"])
os.system("exit 3")
subprocess.run(["pypy3", "-c", "pass"])
say(pid=os.getpid(), counters=figures())
"""):
        check_each(snap, said, 1)
        assert len(snap["children"]) <= 1, [c["pid"] for c in snap["children"]]
        for child in snap["children"]:
            assert child["counters"]["BACKEND"] < 4, child["counters"]


SERVER = """
for n in range(12): hot(n)
for request in iter(sys.stdin.readline, ""):
    if request == "more\\n":
        hot(1000 + figures()["BACKEND"])
    say(pid=os.getpid(), counters=figures())
"""


def test_attached_late_it_has_the_totals():
    need("pypy3")
    process = start(pypy(SERVER), env={"PYTHONPATH": ADAPTER}, stdin=subprocess.PIPE)

    def ask(what):
        process.stdin.write(what + "\n")
        process.stdin.flush()
        return json.loads(read_line(process, r"^\{.*").group())["counters"]

    before = ask("figures")
    same_counters(snapshot(process.pid, "--no-bpf")["counters"], before)
    need_bpf()
    late = snapshot(process.pid)
    assert late["source"] == "kernel", late["source"]
    same_counters(late["counters"], before)
    assert len(late["loops"]) >= 12
    after = ask("more")
    assert after["BACKEND"] > before["BACKEND"]
    for way in ([], ["--no-bpf"]):
        snap = snapshot(process.pid, *way)
        same_counters(snap["counters"], after)
        check_aborts(snap)
    process.stdin.close()
    assert process.wait() == 0


def test_an_observer_of_a_running_pypy_sees_what_it_compiles():
    need_bpf()
    need("pypy3")
    process = start(pypy(SERVER), env={"PYTHONPATH": ADAPTER}, stdin=subprocess.PIPE)
    process.stdin.write("figures\n")
    process.stdin.flush()
    read_line(process, r"^\{.*")
    observer = start([JITSCOPE, "snapshot", "--json", "-p", str(process.pid), "-i", "0.1"])
    first = json.loads(read_line(observer, r"^\{.*").group())
    process.stdin.write("more\n")
    process.stdin.flush()
    said = json.loads(read_line(process, r"^\{.*").group())["counters"]

    def caught_up():
        seen = json.loads(read_line(observer, r"^\{.*").group())
        return of_pypy(seen["counters"]) == of_pypy(said) and seen

    seen = wait_for(caught_up, "the figures of PyPy in the maps")
    assert len(seen["loops"]) > len(first["loops"]) and seen["stats"]["hits"] > 0, seen["stats"]


# ---- Installed by hand ----------------------------------------------------------------------------


def write_pth(site):
    os.makedirs(site, exist_ok=True)
    with open(os.path.join(site, "jithooks.pth"), "w") as f:
        f.write(f"{ADAPTER}\nimport jithooks; jithooks.watch()\n")


def check_installed(command, env):
    said = "for n in range(5): hot(n)\nsay(pid=os.getpid(), counters=figures())"
    # Found without an adapter of run's; and with it, it is the same figures once.
    for options in (["--no-adapter"], []):
        snap, result = watch([*command, "-c", PRELUDE + said], "--no-bpf", *options, env=env)
        assert result.err == "", result
        check_each(snap, {line["pid"]: line for line in lines(result)}, 1)
        assert each_compile_once(snap), snap["loops"]


def test_a_pth_file_of_the_user():
    need("pypy3")
    env = {"PYTHONUSERBASE": tempdir(), "PYTHONPATH": None}
    site = run(["pypy3", "-m", "site", "--user-site"], env=env, status=None).out.strip()
    assert site.startswith(env["PYTHONUSERBASE"]), site
    write_pth(site)
    check_installed(["pypy3"], env)


def test_a_pth_file_in_a_venv():
    need("pypy3")
    venv = os.path.join(tempdir(), "venv")
    run(["pypy3", "-m", "venv", "--without-pip", venv])
    python = os.path.join(venv, "bin", "pypy3")
    site = run([python, "-c", "import site; print(site.getsitepackages()[0])"]).out.strip()
    assert site.startswith(venv), site
    write_pth(site)
    check_installed([python], {"PYTHONPATH": None})


def test_an_installed_adapter_is_as_the_tree_s():
    """From another place and by another user's rights: read only, library by the environment."""
    need("pypy3")
    folder = tempdir()
    copy = os.path.join(folder, "lib", "jitscope", "adapters", "pypy")
    shutil.copytree(ADAPTER, copy)
    shutil.copy(os.path.join(BUILD, "libjithooks.so.1"), os.path.join(folder, "lib"))
    snap, result = watch(pypy("import jithooks\nhot(1)\n"
                              "say(pid=os.getpid(), counters=figures(), at=jithooks.__file__, "
                              "library=jithooks._watching.lib.path)"),
                         "--no-bpf", "--no-adapter", env={"PYTHONPATH": copy})
    said = only_line(result)
    assert said["at"].startswith(copy), said
    assert os.path.realpath(said["library"]) == os.path.join(folder, "lib", "libjithooks.so.1"), said
    same_counters(snap["counters"], said["counters"])

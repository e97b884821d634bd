# SPDX-License-Identifier: BSD-2-Clause
"""LuaJIT: its own report beside ours, and programs that must not notice us.

`luajit -jv=FILE` writes a line for each trace that is compiled or given up and
for each flush. It is asked in the very run that is watched: how often a place
gets hot differs between two runs of one program, since LuaJIT's hot counters
are hashed by address.
"""
import collections
import json
import os
import re

from harness import (BUILD, JITSCOPE, aborts_of, finish, jitscope, need, need_bpf, program, read_line,
                     run, snapshot, start, tempdir, watch)

WORK = {"aborts.lua": [], "compile_heavy.lua": ["15"], "flush_storm.lua": ["6"],
        "hot_loop.lua": ["2000000"], "orbits.lua": ["50000"], "places.lua": [],
        "words.lua": ["100000"]}

# Reasons that LuaJIT has no event for, and so no line either.
SILENT = ("dropped while being recorded", "flushed while being recorded")
LINE = re.compile(r"\[TRACE +(?P<number>\d+|---) (?:\((?P<parent>\d+)/(?P<exit>\w+)\) )?"
                  r"(?P<rest>.*)\]$")
ABORT = re.compile(r"(?P<place>.*) -- (?P<reason>.*?)(?: at (?P<at>\S.*))?$")
STOP = re.compile(r"(?P<place>.*?) (?P<link>-> \d+(?: [-\w]+)?|stitch .*|(?:-- )?fallback to interpreter|"
                  r"[-\w]+)$")
LOOPS = ("loop", "tail-recursion", "up-recursion", "down-recursion")

Stop = collections.namedtuple("Stop", "number parent exit_no place link")


class Verbose:
    """What `luajit -jv` wrote."""

    def __init__(self, path):
        self.stops, self.aborts = [], collections.Counter()
        self.batches = [0]  # compiled before the first flush, after it, ...
        with open(path, errors="replace") as f:
            for line in f:
                self.take(line.rstrip("\n"))

    def take(self, line):
        if line == "[TRACE flush]":
            self.batches.append(0)
            return
        match = LINE.match(line)
        assert match, f"a line of -jv that is not understood: {line}"
        if match["number"] == "---":
            abort = ABORT.match(match["rest"])
            assert abort, line
            self.aborts[abort["reason"], abort["at"] or abort["place"]] += 1
        else:
            stop = STOP.match(match["rest"])
            assert stop, line
            self.stops.append(Stop(int(match["number"]), match["parent"], match["exit"],
                                   stop["place"], stop["link"]))
            self.batches[-1] += 1

    @property
    def flushes(self):
        return len(self.batches) - 1


def compiled(snap):
    return snap["counters"]["TOTAL_COMPILED_LOOPS"] + snap["counters"]["TOTAL_COMPILED_BRIDGES"]


def abort_table(snap):
    return {(a["reason"], a["greenkey"]): a["count"] for a in snap["aborts"]
            if a["reason"] not in SILENT}


def same_as(verbose, snap):
    silent = sum(a["count"] for a in snap["aborts"] if a["reason"] in SILENT)
    ours, theirs = abort_table(snap), dict(verbose.aborts)
    differ = {key: (ours.get(key, 0), theirs.get(key, 0)) for key in ours.keys() | theirs.keys()
              if ours.get(key) != theirs.get(key)}
    assert not differ, f"(ours, -jv's): {differ}"
    figures = (compiled(snap), aborts_of(snap) - silent, snap["counters"]["FLUSHES"])
    assert figures == (len(verbose.stops), sum(theirs.values()), verbose.flushes), (
        figures, len(verbose.stops), sum(theirs.values()), verbose.flushes)
    assert snap["counters"]["TRACING"] == sum(figures[:2]) + silent, snap["counters"]
    assert snap["complete"] is True, snap["stats"]
    assert snap["jitdriver"] == "luajit"


def luajit(*arguments, options=(), **more):
    """`jitscope run -- luajit -jv ...`: the snapshot, the result, and -jv's account."""
    log = os.path.join(tempdir(), "verbose")
    snap, result = watch(["luajit", "-jv=" + log, *arguments], *options, **more)
    return snap, result, Verbose(log)


def compare_all(*options, source):
    need("luajit")
    reasons = set()
    for name, arguments in WORK.items():
        snap, result, verbose = luajit(program(name), *arguments, options=options)
        assert snap["source"] == source, snap["source"]
        assert verbose.stops, f"{name}: nothing was compiled"
        same_as(verbose, snap)
        alone = run(["luajit", program(name), *arguments])
        assert (result.out, result.err) == (alone.out, alone.err), (name, result, alone)
        reasons.update(reason for reason, _ in verbose.aborts)
    # So that equal tables say something.
    assert len(reasons) >= 8, reasons


def test_starts_stops_aborts_and_flushes_are_those_of_luajit_jv():
    need_bpf()
    compare_all(source="kernel")


def test_without_bpf_the_region_has_what_luajit_jv_says():
    compare_all("--no-bpf", source="region")


def test_every_program_of_the_tests_is_compared():
    folder = os.path.dirname(program("words.lua"))
    skipped = {"handler.lua", "waits.lua", "stubborn.lua"}  # in tests of their own
    assert {n for n in os.listdir(folder) if n.endswith(".lua")} - skipped == set(WORK)


def test_rows_of_live_traces_are_the_lines_of_luajit_jv():
    """With the collector stopped: LuaJIT frees traces with their functions, and tells nobody."""
    need("luajit")
    for options in ([], ["--no-bpf"]):
        snap, result, verbose = luajit(program("words.lua"), "30000", options=options,
                                       env={"LUA_INIT": "collectgarbage('stop')"})
        same_as(verbose, snap)
        assert len(verbose.stops) > 10, verbose.stops
        rows = {row["vm_no"]: row for row in snap["loops"]}
        numbers = {row["bridge_no"] or row["loop_no"]: vm_no for vm_no, row in rows.items()}
        assert len(rows) == len(snap["loops"]) == len(verbose.stops), (len(rows), verbose.stops)
        for stop in verbose.stops:
            row = rows[stop.number]
            assert row["greenkey"] == stop.place, (row, stop)
            assert row["asmaddr"] and row["asmlen"] and row["operations"], row
            if stop.parent and stop.exit_no != "stitch":
                assert row["type"] == "bridge", (row, stop)
                assert numbers[row["parent_no"]] == int(stop.parent), (row, stop)
                assert row["exit_no"] == int(stop.exit_no), (row, stop)
            else:
                kind = "loop" if stop.link in LOOPS else "entry bridge"
                assert row["type"] == kind, (row, stop)


def flush_row(snap):
    (row,) = snap["flushes"]
    return row


def test_a_flush_has_its_cause_and_what_it_dropped():
    need("luajit")
    flushing = ("for n = 1, 3 do for i = 1, 4 do assert(loadstring('for i = 1, 300 do end'))() end "
                "jit.flush() end")
    for arguments, cause in ((["-Omaxtrace=100", program("flush_storm.lua"), "1"],
                              "trace table full (maxtrace)"),
                             (["-Omaxmcode=64", program("flush_storm.lua"), "1"],
                              "machine code memory full (maxmcode)"),
                             (["-e", "collectgarbage('stop') " + flushing], "jit.flush() called")):
        for options in ([], ["--no-bpf"]):
            snap, result, verbose = luajit(*arguments, options=options)
            same_as(verbose, snap)
            row = flush_row(snap)
            assert row["cause"] == cause, (row, arguments)
            assert row["count"] == verbose.flushes >= 3, (row, verbose.flushes)
            assert row["dropped"] == verbose.batches[-2], (row, verbose.batches[-3:])
            assert row["total_dropped"] == sum(verbose.batches[:-1]), (row, verbose.batches)
            assert len(snap["loops"]) == verbose.batches[-1], (len(snap["loops"]), verbose.batches)


def test_a_handler_of_the_program_is_called_as_without_us():
    need("luajit")
    snap, result = watch(["luajit", program("handler.lua"), program("aborts.lua")])
    told = [{k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", line)}
            for line in result.out.splitlines() if line.startswith("told ")]
    assert len(told) == 2 and told[0] == told[1], (told, "told after it was detached")
    told = told[0]
    counters = snap["counters"]
    assert told["start"] == told["stop"] + told["abort"] and told["abort"] > 100, told
    assert counters["FLUSHES"] == told["flush"] == 1, (counters, told)
    # What came after it was detached is ours alone: ten loops, and what they led to.
    starts, stops, aborts = (counters["TRACING"] - told["start"], compiled(snap) - told["stop"],
                             aborts_of(snap) - told["abort"])
    assert starts == stops + aborts and 10 <= stops <= 12 and 0 <= aborts <= 2, (counters, told)


def test_an_error_in_a_handler_of_the_program_ends_nothing():
    need("luajit")
    code = ("jit.attach(function() error('mine') end, 'trace') "
            "for i = 1, 300 do end print('went on')")
    snap, result = watch(["luajit", "-e", code])
    alone = run(["luajit", "-e", code])
    assert (result.out, result.err) == (alone.out, alone.err), (result, alone)
    assert "went on" in result.out and snap["counters"]["TRACING"] >= 1, (snap, result)


def words(text):
    """Without addresses, which differ from run to run, and what jitscope says itself."""
    return [re.sub(r"0x[0-9a-f]+", "0x", line) for line in text.splitlines()
            if not line.startswith("jitscope: ")]


def same_behaviour(arguments, env=None, stdin="", see=None):
    """The command does under jitscope exactly what it does alone; the snapshot."""
    def stdin_of():
        path = os.path.join(tempdir(), "stdin")
        with open(path, "w") as f:
            f.write(stdin)
        return open(path)

    with stdin_of() as f:
        alone = run(["luajit", *arguments], env=env, stdin=f, status=None)
    with stdin_of() as f:
        snap, watched = watch(["luajit", *arguments], env=env, stdin=f, status=None)
    assert (watched.status, words(watched.out), words(watched.err)) == (
        alone.status, words(alone.out), words(alone.err)), (watched, alone)
    if see:
        assert see in alone.out + alone.err, (see, alone)
    return snap


def test_script_errors_keep_their_message_and_status():
    need("luajit")
    broken = os.path.join(tempdir(), "broken.lua")
    with open(broken, "w") as f:
        f.write("local function f() error('deep') end\nlocal x = \nf()\n")
    failing = os.path.join(tempdir(), "failing.lua")
    with open(failing, "w") as f:
        f.write("for i = 1, 300 do end\nlocal function f() error('deep') end\nf()\n")
    same_behaviour([broken], see="broken.lua:3:")
    assert same_behaviour([failing], see="failing.lua:2: deep")["counters"]["TRACING"] == 1
    same_behaviour(["no-such-file.lua"], see="no-such-file.lua")
    same_behaviour(["-e", "error({})"])
    same_behaviour(["-e", "os.exit(7)"])
    same_behaviour(["-e", "os.exit(8, true)"])
    same_behaviour(["-lno_such_module"], see="no_such_module")
    same_behaviour(["-"], stdin="for i = 1, 300 do end print(_VERSION, debug.traceback('here'))",
                   see="here")
    same_behaviour(["-i"], stdin="print(40 + 2)\nerror('typed')\n", see="typed")
    same_behaviour(["-e", "local n = 0 for k in pairs(package.loaded) do n = n + 1 end print(n) "
                          "print(jit.status()) print(collectgarbage('count') < 1000)"])


def test_the_lua_init_of_the_user_is_run():
    need("luajit")
    init = os.path.join(tempdir(), "init.lua")
    with open(init, "w") as f:
        f.write("greeting = 'from a file'\nfor i = 1, 300 do end\n")
    hello = ["-e", "print(greeting) for i = 1, 300 do end"]
    for value, greeting, traces in (("greeting = 'from code'", "from code", 1),
                                    ("@" + init, "from a file", 2)):
        snap = same_behaviour(hello, env={"LUA_INIT": value}, see=greeting)
        assert snap["counters"]["TRACING"] == compiled(snap) == traces, snap["counters"]
    # Not a word of ours in their errors.
    for value, error in (("greeting = = 1", "LUA_INIT:1:"), ("@/no/such/init.lua", "no/such/init.lua"),
                         ("error('mine')", "mine")):
        bare = run(["luajit", *hello], env={"LUA_INIT": value}, status=None)
        snap, watched = watch(["luajit", *hello], env={"LUA_INIT": value}, status=None)
        assert watched.status == bare.status == 1, (watched, bare)
        assert watched.out == bare.out == "", (watched, bare)
        assert error in bare.err.splitlines()[0], bare
        assert bare.err.splitlines()[0] == watched.err.splitlines()[0], (watched, bare)
        assert not any("jithooks" in line for line in words(watched.err)), watched


def test_required_by_hand_it_watches_from_there_on():
    need("luajit")
    cpath = os.path.join(BUILD, "adapters", "luajit", "?.so") + ";;"
    hand = {"LUA_CPATH": cpath}
    log = os.path.join(tempdir(), "verbose")
    snap, result = watch(["luajit", "-e", "require 'jithooks'", "-jv=" + log, program("aborts.lua")],
                         "--no-adapter", env=hand)
    same_as(Verbose(log), snap)
    assert compiled(snap) > 5, snap["counters"]

    # Once is enough: again, and with the adapter there already, it changes nothing.
    for options in (["--no-adapter"], []):
        snap, result = watch(["luajit", "-e", "require 'jithooks' package.loaded.jithooks = nil "
                              "require 'jithooks' for i = 1, 300 do end"], *options, env=hand)
        assert snap["counters"]["TRACING"] == compiled(snap) == 1, snap["counters"]


def test_with_the_jit_off_there_is_nothing_and_no_harm():
    need("luajit")
    loop = "local x = 0 for i = 1, 100000 do x = x + i end print(x)"
    assert not any(same_behaviour(["-joff", "-e", loop], see="5000050000")["counters"].values())
    snap, result = watch(["luajit", "-joff", "-e", loop], "--no-bpf")
    assert snap["jitdriver"] == "luajit" and not any(snap["counters"].values()), snap["counters"]
    assert snap["complete"] is True and snap["loops"] == snap["aborts"] == [], snap
    snap = same_behaviour(["-joff", "-e", loop + " jit.on() " + loop])
    assert snap["counters"]["TRACING"] == compiled(snap) == 1, snap["counters"]


def test_many_short_runs_are_all_seen():
    need("luajit")
    runs = 25
    script = (f"i=0; while [ $i -lt {runs} ]; do i=$((i + 1)); "
              "luajit -e 'for i = 1, 300 do end' || exit 9; done")
    for options in ([], ["--no-bpf"]):
        snap, result = watch(["sh", "-c", script], *options)
        seen = [s for s in [snap, *snap["children"]] if s["jitdriver"] == "luajit"]
        assert len(seen) == runs, (len(seen), options, result)
        for s in seen:
            assert s["counters"]["TRACING"] == compiled(s) == 1, s["counters"]
            assert [row["greenkey"] for row in s["loops"]] in ([], ["(command line):1"]), s["loops"]


def with_libluajit(name):
    """Builds a program that has LuaJIT as a library; its path."""
    cc = os.environ.get("CC", "cc")
    need(cc)
    path = os.path.join(tempdir(), name)
    run([cc, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", path, program(name + ".c"),
         "-l:libluajit-5.1.so.2", "-lpthread"])
    return path


def test_functions_that_c_calls_and_that_end_in_c_do_no_harm():
    """
    Giving up on a trace with no Lua function on the stack crashes LuaJIT before
    September 2023 if there is a handler for trace events, whose it may be.
    """
    calls = with_libluajit("calls")
    log = os.path.join(tempdir(), "verbose")
    ends = ["('x'):rep(total % 9)", "string.format('%d', total)", "tostring({})", "select('#', 1)",
            "setmetatable({}, nil)", "pcall(string.rep, 'x', 3)", "unpack({1, 2})",
            "string.dump(function() end)", "coroutine.wrap(function() end)()"]
    for way in ("call", "pcall", "resume"):
        for end in ends:
            code = f"""
local log = os.getenv("VERBOSE")
if log then require("jit.v").on(log) end
total = 0
local function inner() return {end} end
function request()
	total = total + 1
	for i = 1, 100 do total = total + i % 2 end
	if total % 3 == 0 then return inner() end
	return {end}
end"""
            command = [calls, way, "600", code]
            alone = run(command)
            snap, result = watch(command, "--no-bpf", env={"VERBOSE": log})
            assert result.out == alone.out == f"{600 * 51}\n", (result, alone)
            verbose = Verbose(log)
            same_as(verbose, snap)
            assert verbose.stops, snap["counters"]


def test_several_states_on_threads_are_told_apart():
    states = with_libluajit("states")
    n, loops = 6, 30
    # A state that was closed leaves its last picture.
    for options, close in (([], []), (["--no-bpf"], []), ([], ["close"]), (["--no-bpf"], ["close"])):
        snap, result = watch([states, str(n), str(loops), *close], *options)
        places = collections.defaultdict(set)
        for row in snap["loops"]:
            match = re.match(r"state(\d+) loop(\d+):1$", row["greenkey"])
            if match:
                places[row["vm"]].add((int(match[1]), int(match[2])))
        # Each VM has the loops of one state, and all of them.
        assert sorted(places) == list(range(1, n + 1)), (sorted(places), options, close)
        assert sorted(min(of)[0] for of in places.values()) == list(range(1, n + 1)), places
        for of in places.values():
            assert len(of) == loops and len({state for state, _ in of}) == 1, of
        assert compiled(snap) == len(snap["loops"]) >= n * loops, snap["counters"]
        assert snap["complete"] is True, snap["stats"]


def adapter_env():
    """What `jitscope run` sets, for a service that nobody watches yet."""
    def variables(result):
        return dict(v.split("=", 1) for v in result.out.split("\0") if "=" in v)

    return variables(jitscope("run", "-o", "/dev/null", "--", "env", "-0"))


def same_history(a, b):
    for part in ("counters", "loops", "aborts", "flushes"):
        assert a[part] == b[part], (part, a[part], b[part])


def waiting(command, **more):
    process = start(command, stdin=-1, **more)
    return process, int(read_line(process, r"^pid (\d+)").group(1))


def test_attached_late_everything_since_the_start_is_there():
    need("luajit")
    need_bpf()
    log = os.path.join(tempdir(), "verbose")
    process, pid = waiting(["luajit", "-jv=" + log, program("waits.lua")], env=adapter_env())
    assert pid == process.pid
    verbose = Verbose(log)
    assert verbose.flushes == 1 and len(verbose.stops) > 80 and sum(verbose.aborts.values()) >= 8
    kernel, region = snapshot(pid), snapshot(pid, "--no-bpf")
    assert (kernel["source"], region["source"]) == ("kernel", "region")
    for snap in (kernel, region):
        same_as(verbose, snap)
        assert len(snap["loops"]) == verbose.batches[-1] >= 20, (len(snap["loops"]), verbose.batches)
        assert flush_row(snap)["dropped"] == verbose.batches[0], (flush_row(snap), verbose.batches)
    same_history(kernel, region)
    finish(process)


def test_attached_late_is_equal_to_watched_from_the_start():
    need("luajit")
    need_bpf()
    report = os.path.join(tempdir(), "report.json")
    process, pid = waiting([JITSCOPE, "run", "--json", "-o", report, "--", "luajit",
                            program("waits.lua")])
    late = snapshot(pid)
    region = snapshot(pid, "--no-bpf")
    assert finish(process).status == 0
    with open(report) as f:
        first = json.load(f)
    assert first["pid"] == pid and first["source"] == "kernel"
    assert compiled(first) > 80 and len(first["loops"]) >= 20 and len(first["aborts"]) >= 8
    same_history(first, late)
    same_history(first, region)

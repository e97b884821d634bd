# SPDX-License-Identifier: BSD-2-Clause
"""Counting loop runs: the three ways, their maps, who may have one, and how all that ends."""
import contextlib
import glob
import itertools
import json
import os
import re
import resource
import signal
import subprocess
import time

from harness import (JITSCOPE, TIMEOUT, build_observer, embed, finish, for_others, jitscope, kill, need, need_bpf,
                     pin_dir, read_line, run, start, tempdir, wait_for, watch)
import harness

NOBODY = 65534
JITSCOPE_PINS = "/sys/fs/bpf/jitscope"

_copies = {}


def program(name):
    """
    A copy of a test program, of this test alone: whoever attaches to a file has
    all processes count that use it, those of other tests as well.
    """
    path = _copies.get(name)
    if not path or not os.path.exists(path):
        _copies[name] = path = os.path.join(for_others(harness.program(name)), name)
    return path


def runs_dir():
    """
    The name of a folder for the sockets of this test's observers, and the
    environment by which both sides find it.
    """
    path = f"/run/jitscope-test-{os.getpid()}-{len(harness._made)}"
    harness._made.append(path)
    return path, {"JITSCOPE_RUNS_DIR": path, "JITHOOKS_RUNS_DIR": path}


class Counted:
    """A running tests/programs/runs.c."""
    def __init__(self, *arguments, path=None, **more):
        self.process = start([path or program("runs"), *map(str, arguments)],
                             stdin=subprocess.PIPE, **more)
        self.pid = self.process.pid
        self.said = self.answer()

    def answer(self):
        return json.loads(read_line(self.process, r"^\{.*", timeout=TIMEOUT).group())

    def do(self, *commands):
        for command in commands:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
            self.said = self.answer()
        return self.said

    def send(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def kill(self, command="die"):
        self.send(command)
        assert self.process.wait(TIMEOUT) == -signal.SIGKILL

    def end(self):
        self.process.stdin.close()
        self.process.stdin = None
        assert finish(self.process).status == 0


def tally_of(answer):
    """What the program itself says that it counted, without loops that never ran."""
    return {int(no): n for no, n in answer["tally"].items() if n}


def runs_of(snap):
    return {r["number"]: r["runs"] for r in snap["loop_run_times"]}


def check_counts(snap, told, source):
    assert told["snapshot"] == {str(k): v for k, v in tally_of(told).items()}, told
    assert runs_of(snap) == tally_of(told), (snap["loop_run_times"], told)
    assert {x["bridge_no"] or x["loop_no"]: x["runs"] for x in snap["loops"]} == \
        {int(no): n for no, n in told["tally"].items()}
    assert snap["run_source"] == source and snap["overflow_runs"] == told["overflow"], snap


def observer(env, *options, **more):
    """A session that takes a snapshot every 0.1 s."""
    return start([JITSCOPE, "snapshot", "--json", "-i", "0.1", *map(str, options)],
                 env=env, **more)


def next_snapshot(process, condition=lambda snap: True):
    while True:
        snap = json.loads(read_line(process, r"^\{.*").group())
        if condition(snap):
            return snap


def end_observer(process):
    kill(process, signal.SIGINT)
    return finish(process)


def pinned(path):
    """The counts in a pinned map that are not zero, by slot."""
    rows = json.loads(run(["bpftool", "--json", "map", "dump", "pinned", path]).out)
    return {r["formatted"]["key"]: r["formatted"]["value"]["runs"] for r in rows
            if r["formatted"]["value"]["runs"]}


# ---- The three ways ---------------------------------------------------------------------


def counted_by_run(commands, *options, arguments=()):
    """What `jitscope run` says of a program that has ended, and what that said itself."""
    _, env = runs_dir()
    report = os.path.join(tempdir(), "report.json")
    process = start([JITSCOPE, "run", "--json", "-o", report, *options, "--", program("runs"),
                     *map(str, arguments)], stdin=subprocess.PIPE, env=env)
    out, err = process.communicate("".join(c + "\n" for c in commands), timeout=TIMEOUT)
    assert process.returncode == 0, (out, err)
    with open(report) as f:
        return json.load(f), json.loads(out.splitlines()[-1])


def test_counts_are_exact_in_all_three_ways():
    need_bpf()
    commands = ("wait", "run 100", "compile 2", "run 1000", "free 1", "compile 1", "run 10")
    for options, source in (((), "kernel"), (("--count=probe",), "probe"),
                            (("--no-bpf",), "region")):
        snap, told = counted_by_run(commands, *options, arguments=("--loops", 5))
        assert tally_of(told) == {2: 2220, 3: 3330, 4: 4440, 5: 5550, 6: 6060, 7: 7070, 8: 80}
        check_counts(snap, told, source)
        types = {r["number"]: r["type"] for r in snap["loop_run_times"]}
        assert types == {2: "e", 3: "b", 4: "l", 5: "e", 6: "b", 7: "l", 8: "e"}, types
        assert snap["stats"]["unknown_loop"] == 0, snap["stats"]
        assert snap["runs_complete"] is True and snap["counting"] is None, snap
        assert snap["start_ns"] - 1e6 < snap["runs_since_ns"] < snap["taken_ns"], snap


def test_counts_of_many_loops_in_many_threads_are_exact():
    need_bpf()
    for options, source in (((), "kernel"), (("--no-bpf",), "region")):
        snap, told = counted_by_run(("wait", "run 20", "compile 300", "run 20"), *options,
                                    arguments=("--loops", 700, "--threads", 4))
        assert len(tally_of(told)) == 4000
        check_counts(snap, told, source)


def test_a_process_that_already_runs_is_counted():
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 9, env=env)
    assert counted.do("run 1000")["tally"]["1"] == 0, "nobody wishes it"
    watcher = observer(env, "-p", counted.pid)
    told = counted.do("wait", "run 50")
    check_counts(next_snapshot(watcher, lambda s: runs_of(s) == tally_of(told)), told, "kernel")
    told = counted.do("run 8")
    check_counts(next_snapshot(watcher, lambda s: runs_of(s) == tally_of(told)), told, "kernel")
    end_observer(watcher)
    # What is counted already is shown by who does not count himself.
    once = json.loads(jitscope("snapshot", "--json", "-p", counted.pid, env=env).out)
    assert runs_of(once) == tally_of(told), once
    counted.end()


def test_what_is_not_to_be_counted_is_not():
    need_bpf()
    _, env = runs_dir()
    counted = Counted(env=env)
    watcher = observer(env, "-p", counted.pid, "--count=off")
    next_snapshot(watcher)
    assert counted.do("run 5")["how"] == 0
    snap = next_snapshot(watcher)
    assert snap["run_source"] is None and not snap["loop_run_times"], snap
    assert not glob.glob(env["JITSCOPE_RUNS_DIR"] + "/*")
    end_observer(watcher)
    counted.end()


def test_without_a_socket_the_process_counts_for_itself():
    need_bpf()
    _, env = runs_dir()
    counted = Counted(env={**env, "JITHOOKS_RUNS_DIR": tempdir()})
    watcher = observer(env, "-p", counted.pid)
    told = counted.do("wait", "run 50")
    check_counts(next_snapshot(watcher, lambda s: runs_of(s)), told, "region")
    end_observer(watcher)
    text = jitscope("snapshot", "-p", counted.pid, "-n", 1, env=env).out
    assert re.search(r"^ Runs of loops: .*own memory, .*socket in ", text, re.M), text
    counted.end()


def test_without_a_folder_for_sockets_the_session_goes_on():
    need_bpf()
    _, env = runs_dir()
    counted = Counted(env=env)
    folder = tempdir()
    os.chmod(folder, 0o777)
    result = jitscope("snapshot", "--json", "-p", counted.pid, "-n", 1,
                      env={"JITSCOPE_RUNS_DIR": folder})
    assert json.loads(result.out)["complete"] is True
    lines = result.err.splitlines()
    assert len(lines) == 1 and "each process counts in its own" in lines[0] and folder in lines[0]
    assert re.search(rf"limited\s+runs .*{folder}",
                     jitscope("check", status=None, env={"JITSCOPE_RUNS_DIR": folder}).out)
    counted.end()


def said_of(text):
    """The lines on runs of loops."""
    return re.findall(r"^ Runs of loops: (.*)\.$", text, re.M)


def test_a_jit_that_cannot_count_is_said():
    need_bpf()
    for command, why in (
            (embed("--runs", 0), "not counted: this JIT cannot, or has not noticed yet"),
            (embed("--runs", 0, "--loops", 0, "--bridges", 0),
             "none: there is no compiled code")):
        assert said_of(jitscope("run", "--", *command).err) == [why]
    assert not said_of(jitscope("run", "--count=off", "--", *embed("--runs", 0)).err)
    need("luajit", "pypy3")
    loop = "local n = 0 for i = 1, 1e5 do n = n + i end"
    assert said_of(jitscope("run", "--", "luajit", "-e", loop).err) == \
        ["not counted: LuaJIT cannot"]
    loop = "n = 0\nfor k in range(9):\n  for i in range(9999): n += i"
    (why,) = said_of(jitscope("run", "--", "pypy3", "-c", loop).err)
    assert why.startswith("not counted: PyPy") and "JITHOOKS_PYPY_RUNS=1" in why, why


def test_who_is_not_asked_to_count_is_said():
    need_bpf()
    _, env = runs_dir()
    counted = Counted(env=env)
    for options, why in ((("--count=memory",), "-i counts"),
                         (("--no-bpf", "-n", 1), "without BPF only `jitscope run` can")):
        (said,) = said_of(jitscope("snapshot", *options, "-p", counted.pid, env=env).out)
        assert said.startswith("not counted") and said.endswith(why), said
    counted.end()


def test_since_when_runs_are_counted_is_said():
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 3, env=env)
    assert counted.do("run 1000")["how"] == 0, "nobody wishes it"
    before = time.monotonic_ns()
    watcher = observer(env, "-p", counted.pid)
    counted.do("wait")
    wait_for(lambda: counted.do("run 1")["mapped"], "its map")
    told = counted.do("run 50")
    late = next_snapshot(watcher, lambda s: runs_of(s) == tally_of(told))
    assert before < late["runs_since_ns"] < late["taken_ns"], late
    assert late["runs_complete"] is False and late["counting"] is True and late["complete"], late
    (said,) = said_of(jitscope("snapshot", "-p", counted.pid, env=env).out)
    assert re.search(r"kernel memory, only since \d.* ago$", said), said
    end_observer(watcher)
    wait_for(lambda: counted.do("run 1")["how"] == 0, "the process to notice")
    once = json.loads(jitscope("snapshot", "--json", "-p", counted.pid, env=env).out)
    assert once["counting"] is False and once["runs_since_ns"] == late["runs_since_ns"], once
    for options in ((), ("--no-bpf", "-i", "0.1", "-n", "2")):
        for said in said_of(jitscope("snapshot", *options, "-p", counted.pid, env=env).out):
            assert said.endswith(" and with gaps; not counted now"), said
    counted.end()


def test_since_when_is_known_of_one_that_was_killed():
    """It began to count with the last event that it could tell of."""
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 3, env=env)
    watcher = observer(env, "-p", counted.pid)
    next_snapshot(watcher)
    counted.do("wait")
    wait_for(lambda: counted.do("run 1")["mapped"], "its map")
    counted.send("die")
    counted.process.wait()
    snap = next_snapshot(watcher, lambda s: not s["alive"])
    assert snap["runs_since_ns"] and snap["runs_complete"] is False, snap
    assert snap["counting"] is None, snap
    finish(watcher)


def test_what_the_probe_did_not_count_is_said():
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 3, env=env)
    first = observer(env, "-p", counted.pid)
    counted.do("wait", "run 50")
    watcher = start([JITSCOPE, "snapshot", "-i", "0.1", "--count=probe", "-p", str(counted.pid)],
                    env=env)
    read_line(watcher, "Runs of loops")
    wait_for(lambda: counted.do("run 1")["how"] == 3, "the probe to be heard")
    found = read_line(watcher, r"Runs of loops: .* by probe.*").group()
    assert re.search(r"by the process itself, and by probe loop__run since that is attached, only "
                     r"since \d.* ago\.$", found), found
    end_observer(watcher)
    end_observer(first)
    counted.end()


# ---- For a person --------------------------------------------------------------------------


def test_the_hottest_loops_come_first():
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 20, env=env)
    watcher = start([JITSCOPE, "snapshot", "-i", "0.2", "--top", "3", "-p", str(counted.pid)],
                    env=env)
    read_line(watcher, r"Compiled code")
    counted.do("wait", "run 1000")
    read_line(watcher, r" 20 live, .*; the 3 hottest$")
    assert re.search(r"runs +a second +number", watcher.stdout.readline())
    rows = [watcher.stdout.readline() for _ in range(3)]
    for row, (no, runs) in zip(rows, ((20, "20,000"), (19, "19,000"), (18, "18,000"))):
        found = re.search(rf"^ .* {runs} +(\d+\.\d)  +{no}  .*runs:{no}$", row)
        assert found and float(found[1]) > 0, (row, no)
    end_observer(watcher)
    counted.end()


def test_trace_tells_runs_of_freed_loops_and_at_the_end():
    need_bpf()
    _, env = runs_dir()
    for options in ((), ("--json",)):
        counted = Counted("--loops", 4, env=env)
        trace = start([JITSCOPE, "trace", *options, "-p", str(counted.pid)], env=env)
        told = counted.do("wait", "run 25", "free 1")
        counted.end()
        out = finish(trace).out
        if not options:
            assert re.search(r"free +loop 1  runs:1  25 runs$", out, re.M), out
            found = re.findall(r"runs +(?:loop|entry bridge|bridge) (\d+).*  ([\d,]+) runs$", out,
                               re.M)
            assert found == [("4", "100"), ("3", "75"), ("2", "50")], out
            continue
        events = [json.loads(line) for line in out.splitlines()]
        assert [e["runs"] for e in events if e["event"] == "free"] == [25], events
        assert {e["trace_no"]: e["runs"] for e in events if e["event"] == "runs"} == \
            tally_of(told), events


# ---- The maps --------------------------------------------------------------------------------


def pinning(env, *options):
    folder = pin_dir()
    watcher = observer(env, f"--pin={folder}", *options)
    next_snapshot(watcher)
    return watcher, folder


def pinned_counts(folder, pid):
    """Waits for the pin, and returns the counts by number of the loop."""
    path = f"{folder}/loop_run_times/{pid}"
    wait_for(lambda: os.path.exists(path), path)
    counts = pinned(path)
    rows = json.loads(run(["bpftool", "--json", "map", "dump", "pinned", folder + "/loops"]).out)
    slots = {r["formatted"]["value"]["run_slot"]: r["formatted"]["key"]["no"] for r in rows
             if r["formatted"]["key"]["pid"] == pid}
    return {slots[slot]: n for slot, n in counts.items()}


def test_bpftool_shows_counts_as_they_rise():
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 5, env=env)
    watcher, folder = pinning(env, "-p", counted.pid)
    told = counted.do("wait", "run 10")
    assert pinned_counts(folder, counted.pid) == tally_of(told)
    told = counted.do("run 1")
    assert pinned_counts(folder, counted.pid) == tally_of(told), "no event has told of that"
    ids = json.loads(run(["bpftool", "--json", "map", "dump", "pinned",
                          folder + "/loop_run_times/maps"]).out)
    assert len(ids) == 1, ids
    end_observer(watcher)
    assert not os.path.exists(folder)
    counted.end()


def test_the_readme_tells_how_to_get_from_counts_to_loops():
    need_bpf()
    need("jq", "bpftool")
    with open(os.path.join(harness.TOP, "README.md")) as f:
        recipe = re.search(r"^    P=PID D=/\S+; jq (?:.*\\?\n)*?.*\| head$", f.read(), re.M).group()
    _, env = runs_dir()
    counted = Counted("--loops", 5, env=env)
    watcher, folder = pinning(env, "-p", counted.pid)
    counted.do("wait")
    told = tally_of(counted.do("run 10"))
    pinned_counts(folder, counted.pid)
    line = recipe.replace("P=PID", f"P={counted.pid}").replace(JITSCOPE_PINS, folder)
    out = run(["bash", "-c", line]).out
    assert out == "".join(f"{told[no]}\t{no}\truns:{no}\n" for no in (5, 4, 3, 2, 1)), out
    end_observer(watcher)
    counted.end()


def test_counts_survive_the_kill_of_the_process():
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 5, env=env)
    watcher, folder = pinning(env, "-p", counted.pid)
    told = counted.do("wait", "run 10", "run 3")
    kill(watcher, signal.SIGSTOP)  # nobody reads the process's memory meanwhile
    counted.do("run 4")
    told = counted.said
    counted.send("die")
    assert counted.process.wait() == -signal.SIGKILL
    kill(watcher, signal.SIGCONT)
    check_counts(next_snapshot(watcher, lambda s: not s["alive"]), told, "kernel")
    finish(watcher)
    assert not os.path.exists(folder)


def test_a_killed_observer_loses_nothing_that_was_counted():
    need_bpf()
    sockets, env = runs_dir()
    counted = Counted("--loops", 3, "--threads", 2, env=env)
    first, folder = pinning(env, "-p", counted.pid)
    counted.do("wait", "run 100")
    last_of_first = pinned_counts(folder, counted.pid)
    kill(first, signal.SIGKILL)
    finish(first)
    assert pinned(f"{folder}/loop_run_times/{counted.pid}"), "the pins stay until somebody comes"

    def noticed():
        return counted.do("run 1")["how"] == 0

    wait_for(noticed, "the process to notice")
    before = counted.do("run 1000")
    assert last_of_first.keys() == tally_of(before).keys()
    assert before["snapshot"] == {str(k): v for k, v in tally_of(before).items()}, before
    second = observer(env, "-p", counted.pid, f"--pin={folder}")
    told = counted.do("wait", "run 7")
    assert all(told["tally"][no] >= n + 7 for no, n in before["tally"].items())
    check_counts(next_snapshot(second, lambda s: runs_of(s) == tally_of(told)), told, "kernel")
    assert pinned_counts(folder, counted.pid) == tally_of(told)
    names = os.listdir(sockets)
    assert len(names) == 1 and names[0].startswith(f"{second.pid}."), names
    end_observer(second)
    assert not os.path.exists(folder) and not os.path.exists(sockets)
    counted.end()


def test_two_observers_at_once_are_both_right():
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 3, env=env)
    watchers = [observer(env, "-p", counted.pid) for _ in range(2)]
    for watcher in watchers:
        next_snapshot(watcher)
    told = counted.do("wait", "run 40")
    for watcher in watchers:
        check_counts(next_snapshot(watcher, lambda s: runs_of(s) == tally_of(told)), told,
                     "kernel")
    end_observer(watchers[0])
    told = counted.do("run 1", "run 1")
    check_counts(next_snapshot(watchers[1], lambda s: runs_of(s) == tally_of(told)), told,
                 "kernel")
    end_observer(watchers[1])
    told = counted.do("run 1", "run 1")
    assert told["how"] == 0 and told["snapshot"] == {str(k): v for k, v in
                                                     tally_of(told).items()}
    counted.end()


def test_a_second_observer_is_heard_where_another_is_attached():
    """The kernel counts sites, not who is attached: without its bell it would change nothing."""
    need_bpf()
    sockets, env = runs_dir()
    other, counted = Counted(env=env), Counted("--loops", 3, env=env)
    first = observer(env, "-p", other.pid)
    next_snapshot(first)
    assert counted.do("wait", "run 1")["mapped"] is False, "the first one watches another process"
    second = observer(env, "-p", counted.pid)
    next_snapshot(second)
    told = counted.do("run 5")
    assert told["mapped"] is True, told
    check_counts(next_snapshot(second, lambda s: runs_of(s) == tally_of(told)), told, "kernel")
    assert sorted(os.listdir(sockets)) == sorted([f"{first.pid}.0.sock", f"{second.pid}.1.sock"])
    kill(first, signal.SIGKILL)
    finish(first)
    third = observer(env, "-p", other.pid)
    next_snapshot(third)
    assert sorted(os.listdir(sockets)) == sorted([f"{third.pid}.0.sock", f"{second.pid}.1.sock"])
    for watcher in (second, third):
        end_observer(watcher)
    for process in (counted, other):
        process.end()


def test_a_loop_that_never_ends_hears_a_second_observer():
    need_bpf()
    _, env = runs_dir()
    jitlua = os.path.join(os.path.dirname(JITSCOPE), "jitlua")
    folder = for_others(jitlua)  # of this test alone, as in program()
    both = [start([folder + "/jitlua", "-jon", "-e",
                   "print 'ready' io.flush() local n = 0 while true do n = n + 1 end"], env=env)
            for _ in range(2)]
    for process in both:
        read_line(process, "ready")
    first = observer(env, "-p", both[0].pid)
    next_snapshot(first, lambda s: s["run_source"] == "kernel" and s["loop_run_times"])
    second = observer(env, "-p", both[1].pid, "-n", 200)
    next_snapshot(second, lambda s: s["run_source"] == "kernel" and s["loop_run_times"])
    assert mapped_maps(both[1].pid)
    end_observer(first)
    end_observer(second)


def is_stopped(pid):
    """With all its threads."""
    return all(re.search(r"^State:\s+T", open(path).read(), re.M)
               for path in glob.glob(f"/proc/{pid}/task/*/status"))


def test_who_got_no_answer_in_time_is_rung():
    """A loop that never ends asks once, when it is compiled; the observer is held then."""
    need_bpf()
    _, env = runs_dir()
    jitlua = os.path.join(os.path.dirname(JITSCOPE), "jitlua")
    folder = for_others(jitlua)
    command = [folder + "/jitlua", "-jon", "-e",
               "print 'ready' io.flush() local n = 0 while true do n = n + 1 end"]
    early = start(command, env=env)
    watcher = observer(env, "-f", command[0])
    next_snapshot(watcher, lambda s: s["run_source"] == "kernel")
    os.kill(watcher.pid, signal.SIGSTOP)
    wait_for(lambda: is_stopped(watcher.pid), "the observer to stop")
    late = start(command, env=env)
    read_line(late, "ready")
    time.sleep(0.5)
    assert not mapped_maps(late.pid)
    os.kill(watcher.pid, signal.SIGCONT)
    wait_for(lambda: mapped_maps(late.pid), "its map")
    assert mapped_maps(early.pid)
    end_observer(watcher)


def test_who_leaves_hands_its_process_over():
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 3, "--sleep-us", "200", env=env)
    first, _ = pinning(env, "-p", counted.pid)
    counted.do("wait", "run 10")
    second, folder = pinning(env, "-p", counted.pid)
    counted.do("run 1")
    assert not os.path.exists(f"{folder}/loop_run_times/{counted.pid}"), "the first one's"
    counted.send("run 5000")  # it looks at the wish while the first one lets go of everything
    end_observer(first)
    told = counted.answer()
    assert told["mapped"] is True, told
    assert pinned_counts(folder, counted.pid) == tally_of(told)
    end_observer(second)
    counted.end()


def test_who_is_watched_later_is_told_so():
    """It asks when the session attaches to its file, for the sake of another process."""
    need_bpf()
    _, env = runs_dir()
    many = [Counted("--loops", 3, "--sleep-us", "200", env=env) for _ in range(4)]
    for counted in many:
        counted.send("run 20000")
    watcher = start([build_observer("watch_several"), *(str(c.pid) for c in many)], env=env,
                    stdin=subprocess.PIPE)
    assert watcher.stdout.readline() == "{}\n"
    wait_for(lambda: all(mapped_maps(c.pid) for c in many), "all to count in its maps", timeout=4)
    watcher.stdin.write("\n")
    watcher.stdin.flush()
    told = [json.loads(watcher.stdout.readline()) for _ in many]
    assert {t["run_source"] for t in told} == {"kernel"} and all(t["runs"] for t in told), told
    watcher.stdin.close()
    watcher.stdin = None
    assert finish(watcher).status == 0
    for counted in many:
        counted.answer()
        counted.end()


def test_bells_have_the_semaphore_of_runs():
    notes = run(["readelf", "-n", harness.LIBJITHOOKS]).out
    found = re.findall(r"Name: (runs|bell)\s+Location: \S+, Base: \S+, Semaphore: (\S+)", notes)
    assert [name for name, _ in found].count("bell") == 32, found
    assert len({semaphore for _, semaphore in found}) == 1, found


def test_more_loops_than_slots_run_over():
    need_bpf()
    snap, told = counted_by_run(("wait", "run 10"), "--max-runs=2048",
                                arguments=("--loops", 3000))
    shown = runs_of(snap)
    tally = tally_of(told)
    own = {no: n for no, n in shown.items() if n == tally[no]}
    assert len(own) == 2048 and len(own) == len(shown), (len(own), len(shown))
    assert sum(own.values()) + snap["overflow_runs"] == sum(tally.values())
    (found,) = [x for x in snap["findings"] if x["id"] == "runs-overflow"]
    assert f"{snap['overflow_runs']} runs" in found["what"], found
    most = int(re.search(r"--max-runs=(\d+)", found["advice"]).group(1))
    snap, told = counted_by_run(("wait", "run 10"), f"--max-runs={most}",
                                arguments=("--loops", 3000))
    check_counts(snap, told, "kernel")
    assert not [x for x in snap["findings"] if x["id"] == "runs-overflow"], snap["findings"]
    _, env = runs_dir()
    counted = Counted("--loops", 3000, env=env)
    watcher = observer(env, "--max-runs=2048", "-p", counted.pid)
    next_snapshot(watcher)
    counted.do("wait", "run 1")
    once = jitscope("snapshot", "-p", counted.pid, env=env).out
    assert re.search(r"^ and [\d,]+ runs of loops that have no count of their own$", once, re.M), once
    end_observer(watcher)
    counted.end()


def test_a_process_has_room_for_as_many_loops_as_are_asked_for():
    need_bpf()
    for most in (1, 64, 511, 513, 1500):
        snap, told = counted_by_run(("wait", "run 10"), f"--max-runs={most}",
                                    arguments=("--loops", most))
        check_counts(snap, told, "kernel")
        assert snap["overflow_runs"] == 0, snap["overflow_runs"]


# ---- Processes that change ----------------------------------------------------------------------


def test_a_forked_child_counts_for_itself():
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 4, env=env)
    watcher = observer(env, "-a")
    counted.do("wait", "run 10")
    counted.send("fork 5")
    child = counted.answer()
    assert child["pid"] != counted.pid and child["tally"]["4"] == 60, child
    told = counted.do("run 100")
    for answer in (child, told):
        snap = next_snapshot(watcher, lambda s: s["pid"] == answer["pid"] and
                             runs_of(s) == tally_of(answer))
        check_counts(snap, answer, "kernel")
    end_observer(watcher)


def test_what_the_probe_missed_in_children_is_not_missing():
    """They run what they inherited before anybody has looked at it."""
    need_bpf()
    _, env = runs_dir()
    for children, rounds in ((3, 50), (20, 2)):
        report = os.path.join(tempdir(), "report.json")
        process = start([JITSCOPE, "run", "--count=probe", "--json", "-o", report, "--",
                         program("runs"), "--loops", "30", "--threads", "4"],
                        stdin=subprocess.PIPE, env=env)
        out, err = process.communicate(f"wait\nrun 100\nforks {children} {rounds} 2\n",
                                       timeout=TIMEOUT)
        assert process.returncode == 0, (out, err)
        told = {t["pid"]: tally_of(t) for t in map(json.loads, out.splitlines())}
        with open(report) as f:
            snap = json.load(f)
        found = [snap, *snap["children"]]
        assert len(found) == children + 1, len(found)
        for one in found:
            wrong = set(runs_of(one).items()) ^ set(told[one["pid"]].items())
            assert not wrong, (one["run_source"], one["stats"], sorted(wrong))
            assert one["stats"]["unknown_loop"] == 0 and one["run_source"], one["stats"]


def test_what_the_probe_missed_is_shown_of_whom_it_was():
    """A child that does not count itself: nobody knows which loops of its parent's it ran."""
    need_bpf()
    options = "--loops 20 --places 20 --kind loop__run --events 500 --fork 1"
    snap, _ = watch([program("emit"), *options.split()], "--count=probe")
    (child,) = snap["children"]
    assert child["stats"]["unknown_loop"] > 0, child["stats"]
    for one in (snap, child):
        counted = sum(runs_of(one).values())
        assert counted + one["stats"]["unknown_loop"] == 500, (counted, one["stats"])
    assert snap["stats"]["unknown_loop"] == 0, snap["stats"]


def test_what_a_child_has_freed_is_not_live_after_its_end():
    """It ends before anybody looks at it, and its parent still has these loops."""
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 6, env=env)
    watcher = observer(env, "-f", program("runs"))
    counted.do("wait", "run 10")
    next_snapshot(watcher)
    counted.send("forks 20 1 2")
    left = {child["pid"]: child for child in (counted.answer() for _ in range(20))}
    told = counted.answer()
    while left:
        snap = next_snapshot(watcher, lambda s: s["pid"] in left and not s["alive"])
        child = left.pop(snap["pid"])
        assert {x["bridge_no"] or x["loop_no"] for x in snap["loops"]} == {3, 4, 5, 6}, snap
        assert snap["complete"] is True and len(child["tally"]) == 4, (snap, child)
    snap = next_snapshot(watcher, lambda s: s["pid"] == counted.pid)
    assert len(snap["loops"]) == len(told["tally"]) == 6, snap
    end_observer(watcher)


def test_exec_begins_anew():
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 4, env=env)
    watcher = observer(env, "-p", counted.pid)
    counted.do("wait", "run 10", "exec")
    told = counted.do("compile 1", "wait", "run 3")
    assert told["tally"] == {"1": 3, "2": 6, "3": 9, "4": 12, "5": 15}, told
    check_counts(next_snapshot(watcher, lambda s: runs_of(s) == tally_of(told)), told, "kernel")
    end_observer(watcher)
    counted.end()


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def mapped_maps(pid):
    with open(f"/proc/{pid}/maps") as f:
        return sum("bpf-map" in line for line in f)


def test_two_hundred_processes_at_once_leave_nothing_behind():
    need_bpf()
    _, env = runs_dir()
    counted = Counted("--loops", 3, env=env)
    watcher = observer(env, "-f", program("runs"), stdout=subprocess.PIPE)
    counted.do("wait", "run 1")
    next_snapshot(watcher, lambda s: s["pid"] == counted.pid)
    before = open_files(watcher.pid), mapped_maps(watcher.pid)
    counted.send("forks 200 2")
    children = [counted.answer() for _ in range(200)]
    assert counted.answer()["pid"] == counted.pid
    assert all(tally_of(child) == {1: 3, 2: 6, 3: 9} for child in children)
    # On a busy machine an answer may come too late for a process that lives so shortly.
    missing = {child["pid"]: tally_of(child) for child in children if child["mapped"]}
    assert len(missing) > 50, len(missing)
    end = time.monotonic() + TIMEOUT / 2
    while missing:
        snap = next_snapshot(watcher)
        assert time.monotonic() < end, missing
        if missing.get(snap["pid"]) == runs_of(snap) and snap["run_source"] == "kernel":
            del missing[snap["pid"]]

    def closed():
        next_snapshot(watcher)  # it does not go on while nobody reads
        return open_files(watcher.pid) <= before[0]
    wait_for(closed, "files to be closed", timeout=60)

    def forgotten():
        next_snapshot(watcher)
        return mapped_maps(watcher.pid) <= before[1]

    wait_for(forgotten, "maps to be forgotten", timeout=90)
    end_observer(watcher)
    counted.end()


# ---- Whom one cannot trust --------------------------------------------------------------------------


def asking(*commands, sockets, env, path=None, **more):
    """Starts runs_ask; it is there, with its VM, when this returns."""
    process = start([path or program("runs_ask"), sockets, "wait", *commands, "hold"], env=env,
                    **more)
    wait_for(lambda: os.path.exists(f"/proc/{process.pid}/exe") and
             "runs_ask" in os.readlink(f"/proc/{process.pid}/exe"), "the program")
    return process


def answers(process, n):
    return [json.loads(read_line(process, r"^\{.*", timeout=TIMEOUT).group()) for _ in range(n)]


def test_an_unprivileged_process_is_counted_by_root():
    need_bpf()
    _, env = runs_dir()
    folder = os.path.dirname(program("runs"))
    counted = Counted("--loops", 4, path=folder + "/runs", env=env, user=NOBODY)
    watcher = observer(env, "-p", counted.pid)
    told = counted.do("wait", "run 30")
    check_counts(next_snapshot(watcher, lambda s: runs_of(s)), told, "kernel")
    assert not [fd for fd in os.listdir(f"/proc/{counted.pid}/fd")
                if "bpf" in os.readlink(f"/proc/{counted.pid}/fd/{fd}")]
    end_observer(watcher)
    counted.end()


def test_a_hostile_process_is_given_its_map_and_no_more():
    need_bpf()
    sockets, env = runs_dir()
    folder = os.path.dirname(program("runs_ask"))
    process = start([folder + "/runs_ask", sockets, "wait", "ask:100", "attack", "fill:77",
                     "ask:100", "ask:600", "ask:4000000000", "ask:1", "as:2", "as:0", "hold"],
                    env=env, user=NOBODY)
    watcher = start([JITSCOPE, "snapshot", "--json", "-i", "0.1", "-f", folder + "/runs_ask"],
                    env=env)
    _, first, attack, filled, again, more, most, back, other, none = answers(process, 10)
    assert first == {"status": 0, "slots": 512, "map": True, "first": 0}, first
    assert all(attack[k] for k in ("freeze", "truncate", "write", "beyond")), attack
    assert filled == {"filled": 512}
    assert again == {"status": 1, "slots": 512, "map": False, "first": 77}, again
    assert more == {"status": 0, "slots": 1024, "map": True, "first": 77}, more
    assert most == {"status": 0, "slots": 66048, "map": True, "first": 77}, most
    assert back == {"status": 1, "slots": 66048, "map": False, "first": 77}, back
    assert other == {"status": 0, "slots": 512, "map": True, "first": 0}, other
    assert none["status"] == 2 and not none["map"], none
    assert next_snapshot(watcher)["loop_run_times"] == []
    end_observer(watcher)


def test_nobody_asks_in_the_name_of_another():
    need_bpf()
    sockets, env = runs_dir()
    process = asking("orphan:65536", sockets=sockets, env=env)
    watcher = observer(env, "-f", program("runs_ask"))
    _, first, second = answers(process, 3)
    assert first["status"] == 0 and first["slots"] == 65536, first
    assert second == {"status": 2, "map": False}, "it had ended"
    process = start([program("runs_ask"), sockets, "wait", "rights", "ask:1", "hold"], env=env)
    _, other, own = answers(process, 3)
    assert other == {"status": 2, "map": False} and own["status"] == 0, (other, own)
    next_snapshot(watcher)
    end_observer(watcher)


def test_who_is_not_watched_gets_nothing():
    need_bpf()
    sockets, env = runs_dir()
    counted = Counted(env=env)
    watcher = observer(env, "-p", counted.pid)
    counted.do("wait")
    process = start([program("runs_ask"), sockets, "ask:1", "hold"], env=env)
    # It looks for the socket only when it waits.
    assert answers(process, 1) == [{"status": None}]
    stranger = asking("ask:1", sockets=sockets, env=env)
    witness = observer(env, "-f", program("runs_ask"))  # is attached, so its wait ends
    assert answers(stranger, 2)[1]["status"] in (0, 2)
    end_observer(witness)
    end_observer(watcher)
    counted.end()


def test_noise_at_the_socket_disturbs_nobody():
    """Rubbish, halves and ten thousand connections, while others go on being counted."""
    need_bpf()
    sockets, env = runs_dir()
    folder = os.path.dirname(program("runs_ask"))
    counted = Counted("--loops", 3, env=env)
    watcher = observer(env, "-p", counted.pid)
    counted.do("wait", "run 1")
    next_snapshot(watcher)
    before = open_files(watcher.pid)
    noise = [start([folder + "/runs_ask", sockets, "wait", "rubbish:3000", "half:300", "idle:10000",
                    "flood:10000", "rubbish:3000", "hold"], env=env, user=user)
             for user in (NOBODY, NOBODY - 1)]
    helper = observer(env, "-f", folder + "/runs_ask", "--count=memory", stdout=subprocess.DEVNULL)
    children = []
    for _ in range(20):  # each asks for a map of its own, in the noise
        counted.send("fork 2")
        children.append(counted.answer())
    told = counted.do("run 10")
    for process in noise:
        answers(process, 6)
    check_counts(next_snapshot(watcher, lambda s: runs_of(s) == tally_of(told)), told, "kernel")
    for process in noise:
        kill(process, signal.SIGKILL)
        finish(process)
    wait_for(lambda: open_files(watcher.pid) <= before + len(children), "files to be closed")
    end_observer(helper)
    end_observer(watcher)


def test_connections_leave_descriptors_for_the_rest():
    """However few there are: those who connect and say nothing have a part of them, no more."""
    need_bpf()
    sockets, env = runs_dir()
    process = asking("idle:1000", "ask:1", sockets=sockets, env=env)
    watcher = observer(env, "-f", program("runs_ask"), preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (100, 100)))
    _, idle, granted = answers(process, 3)
    assert idle == {"connections": 1000} and granted["status"] == 0, (idle, granted)
    end_observer(watcher)


@contextlib.contextmanager
def without_descriptors(pid):
    """It can open nothing, as all that it has open is all that it may have open."""
    taken = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    free = next(fd for fd in itertools.count() if fd not in taken)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, hard))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def test_who_has_no_descriptor_left_refuses():
    """And lets nobody wait."""
    need_bpf()
    sockets, env = runs_dir()
    asking("hold", sockets=sockets, env=env)
    watcher = observer(env, "-f", program("runs_ask"))
    next_snapshot(watcher)
    with without_descriptors(watcher.pid):
        _, refused = answers(asking("ask:1", sockets=sockets, env=env), 2)
        assert refused["status"] == 2, refused
    _, granted = answers(asking("ask:1", sockets=sockets, env=env), 2)
    assert granted["status"] == 0, granted
    end_observer(watcher)


def test_who_leaves_before_the_answer_costs_nothing():
    need_bpf()
    sockets, env = runs_dir()
    watcher = observer(env, "-f", program("runs_ask"))
    first = asking(sockets=sockets, env=env)
    answers(first, 1)
    next_snapshot(watcher)
    before = open_files(watcher.pid)
    for _ in range(50):
        run([program("runs_ask"), sockets, "wait", "leave"], env=env)
    wait_for(lambda: open_files(watcher.pid) <= before, "files to be closed")
    assert watcher.poll() is None
    end_observer(watcher)


def test_no_user_takes_the_memory_of_all():
    """Maps that are let go but held on to count until they are gone."""
    need_bpf()
    sockets, env = runs_dir()
    folder = os.path.dirname(program("runs_ask"))
    asking("hold", sockets=sockets, env=env, path=folder + "/runs_ask")  # somebody who stays
    greedy = start([folder + "/runs_ask", sockets, "wait", "grab:400", "hold"], env=env,
                   user=NOBODY)
    watcher = observer(env, "-f", folder + "/runs_ask", stdout=subprocess.DEVNULL)
    # 120 MiB, half of what all but root may have, are 240 maps of half a MiB.
    assert answers(greedy, 2)[1] == {"grabbed": 240}
    assert mapped_maps(watcher.pid) < 10
    same, other = (start([folder + "/runs_ask", sockets, "wait", "ask:1", "hold"], env=env,
                         user=user) for user in (NOBODY, NOBODY - 1))
    assert answers(same, 2)[1]["status"] == 2
    assert answers(other, 2)[1]["status"] == 0
    told = read_line(watcher, "memory", stream=watcher.stderr).string
    assert f"user {NOBODY} may have no more memory" in told and "has 120 MiB" in told, told
    kill(greedy, signal.SIGKILL)
    finish(greedy)

    def given():
        late = start([folder + "/runs_ask", sockets, "wait", "ask:1"], env=env, user=NOBODY)
        return answers(late, 2)[1]["status"] == 0

    wait_for(given, "the memory to be free again")
    end_observer(watcher)

# SPDX-License-Identifier: BSD-2-Clause
"""The kernel side: probes, maps, loss, several sessions, and how they end."""
import collections
import json
import os
import re
import signal
import subprocess

from harness import (JITSCOPE, TIMEOUT, build_observer, check_totals, embed, finish, for_others,
                     held, jitscope, kill, map_dump, need, need_bpf, nonzero, pin_dir, program,
                     read_line, run, semaphores, snapshot, start, tempdir, wait_for, watch)

PROBES = ("trace__start", "optimize", "compile", "abort", "free", "flush", "update", "loop__run")
TRACED = PROBES[:-2]  # what `jitscope trace` shows of them
ATTACHED = PROBES[:-1]  # what it attaches to
MAPS = ("processes", "counters", "counter_times", "loops", "aborts", "flushes", "last_runs", "unseeded", "events", "stats",
        "session", "loop_run_times")


def emit(*arguments):
    return [program("emit"), *map(str, arguments), "--json"]


def events_of(path):
    """What `trace --json -o PATH` wrote: events by probe, events of life, and losses."""
    kinds, lost = collections.Counter(), collections.Counter()
    with open(path) as f:
        for line in f:
            event = json.loads(line)
            if event["event"] == "lost":
                lost.update({k: v for k, v in event.items() if isinstance(v, int)})
            kinds[event["event"].replace("start", "trace__start")] += 1
    probes = {p: kinds[p] for p in TRACED}
    lives = {kind: kinds[kind] for kind in ("fork", "exec", "exit")}
    assert sum(probes.values()) + sum(lives.values()) + kinds["lost"] == sum(kinds.values()), kinds
    return probes, lives, lost


def sent_by(told):
    return {p: told[p] for p in TRACED}


def traced(*arguments, env=None):
    """Runs emit under `trace`: what events_of() it, and what emit says that it sent."""
    path = os.path.join(tempdir(), "events")
    result = jitscope("trace", "--json", "-o", path, "--", *emit(*arguments, "--wait"), env=env)
    return *events_of(path), json.loads(result.out)


def attached(pid, probes=ATTACHED):
    """Waits until somebody is attached to these probes of emit."""
    wait_for(lambda: all(semaphores(pid, program("emit"))[p] for p in probes),
             f"an observer of {pid}")


def wait_until_mapped(process, path):
    """Until it is the program: between fork and exec it is Python."""
    wait_for(lambda: os.readlink(f"/proc/{process.pid}/exe") == os.path.realpath(path), path)


def detached(pid):
    wait_for(lambda: not any(semaphores(pid, program("emit")).values()), f"no observer of {pid}")


# ---- Against bpftrace ------------------------------------------------------------


def bpftrace():
    """A bpftrace that counts the hits in emit by probe and pid; on return it is attached."""
    need("bpftrace")
    witness, _ = held("emit")
    sites = ",".join(f"usdt:{program('emit')}:jit:{p}" for p in PROBES)
    process = start(["bpftrace", "-f", "json", "-e", sites + " { @[probe, pid] = count(); }"])
    attached(witness.pid, probes=PROBES)
    return process


def counts_of(process, pid):
    """Ends bpftrace: hits by probe in one process."""
    kill(process, signal.SIGINT)
    counts = dict.fromkeys(PROBES, 0)
    for line in finish(process).out.splitlines():
        if line.startswith('{"type": "map"'):
            for key, n in json.loads(line)["data"]["@"].items():
                probe, its_pid = key.rsplit(",", 1)
                if int(its_pid) == pid:
                    counts[probe.rsplit(":", 1)[1]] = n
    return counts


def as_bpftrace(*arguments):
    """The same hits for bpftrace, for us and for emit; returns what emit says."""
    need_bpf()
    command, counter = build_observer(), bpftrace()
    told, seen = map(json.loads, run([command, *emit(*arguments, "--wait")]).out.splitlines())
    counts = counts_of(counter, told["pid"])
    assert not any(seen["stats"][x] for x in ("dropped", "bad_event", "read_fault", "busy")), seen
    ours = {p: seen["events"].get("start" if p == "trace__start" else p) for p in PROBES}
    ours["loop__run"] = sum(seen["runs"].values()) + seen["stats"]["unknown_loop"]
    assert ours == counts, (ours, counts)
    assert seen["stats"]["hits"] == sum(counts.values()), (seen, counts)
    told["update"] += 1  # by the library when the process ends
    assert counts == {p: told[p] for p in PROBES}, (counts, told)
    return told


def test_every_probe_counts_as_with_bpftrace():
    told = as_bpftrace("--kind", "mix", "--events", 9000, "--loops", 100)
    assert all(told[p] > 8 for p in PROBES if p != "free"), told


def test_freed_code_counts_as_with_bpftrace():
    told = as_bpftrace("--kind", "free", "--events", 3000)
    assert told["free"] == told["compile"] == 3000, told


def test_loop_runs_count_as_with_bpftrace():
    told = as_bpftrace("--kind", "loop__run", "--events", 20000, "--loops", 50, "--places", 60)
    assert told["loop__run"] == 20000, told


def test_trace_counts_as_bpftrace():
    need_bpf()
    counter = bpftrace()
    probes, lives, lost, told = traced("--kind", "mix", "--events", 9000)
    counts = counts_of(counter, told["pid"])
    assert not lost, lost
    assert probes == {p: counts[p] for p in TRACED} == sent_by(told), (probes, counts, told)
    assert lives == {"fork": 0, "exec": 1, "exit": 1}, lives


# ---- The maps ---------------------------------------------------------------------


def dumped(name, pid):
    rows = map_dump(name, pid)
    assert rows, f"no row about {pid} in the map {name}"
    return rows


def check_maps(pid, observer, snap):
    """Every map by bpftool beside the JSON of the same moment."""
    (counters,) = dumped("counters", pid)
    assert counters["value"] == snap["counters"], (counters, snap["counters"])
    (times,) = dumped("counter_times", pid)
    assert times["value"] == {name.lower() + "_ns": round(seconds * 1e9)
                              for name, seconds in snap["counter_times"].items()}, times
    (process,) = dumped("processes", pid)
    assert process["value"]["comm"] == "embed" and process["value"]["jitdriver"] == "toy", process
    assert process["value"]["alive"] == 1 and process["value"]["watched"] == 1, process

    loops = {r["key"]["no"]: r["value"] for r in dumped("loops", pid)}
    assert len(loops) == len(snap["loops"]) > 0
    for loop in snap["loops"]:
        row = loops[loop["bridge_no"] or loop["loop_no"]]
        for field in ("greenkey", "asmaddr", "asmlen", "operations", "when_ns"):
            assert row[field] == loop[field], (field, row, loop)

    aborts = [r["value"] for r in dumped("aborts", pid)]
    assert [(a["reason"], a["greenkey"], a["count"]) for a in aborts] == \
        [(a["reason"], a["greenkey"], a["count"]) for a in snap["aborts"]] != [], aborts
    flushes = [r["value"] for r in dumped("flushes", pid)]
    assert [(f["cause"], f["count"]) for f in flushes] == [("toy code memory full", 2)], flushes

    owners = [r["value"] for r in map_dump("session") if r["value"]["pid"] == observer]
    assert len(owners) == 1 and owners[0]["command"].startswith("jitscope"), owners
    (stats,) = [r for r in map_dump("stats")][:1]
    per_cpu = stats["values"][0]["value"]
    assert set(per_cpu) == set(snap["stats"]) - {"lost_rows"}, stats


def test_bpftool_prints_each_map_with_names_and_values():
    need_bpf()
    need("bpftool")
    process, told = held("embed", "--loops", 7, "--bridges", 3, "--aborts", 5, "--flushes", 2)
    observer = start([JITSCOPE, "snapshot", "--json", "-p", str(process.pid), "-i", "0.2"])
    snap = json.loads(read_line(observer, r"^\{.*").group())
    check_totals(snap, told)
    check_maps(process.pid, observer.pid, snap)
    shown = json.loads(run(["bpftool", "--json", "map", "show", "name", "events"]).out)
    rings = shown if isinstance(shown, list) else [shown]
    assert {r["type"] for r in rings} == {"ringbuf"}, rings


def test_what_handlers_wrote_is_what_the_process_says():
    """Watched from its start: nothing of this was seeded."""
    need_bpf()
    need("bpftool")
    pins = pin_dir()
    runner = start([JITSCOPE, "run", "-o", "/dev/null", f"--pin={pins}", "--", program("embed"),
                    "--loops", "9", "--bridges", "4", "--aborts", "3", "--flushes", "2", "--quiet",
                    "--json", "--hold", "600"])
    pid = json.loads(read_line(runner, r"^\{.*").group())["pid"]
    region = snapshot(pid, "--no-bpf")

    def pinned(name):
        (row,) = json.loads(run(["bpftool", "--json", "map", "dump", "pinned",
                                 f"{pins}/{name}"]).out)
        assert row["formatted"]["key"] == pid, row
        return row["formatted"]["value"]

    assert pinned("counters") == region["counters"] and region["counters"]["FLUSHES"] == 2
    seconds = {name: region["counter_times"][name] for name in ("TRACING", "BACKEND", "HOOKS")}
    assert pinned("counter_times") == {name.lower() + "_ns": round(value * 1e9)
                                       for name, value in seconds.items()}, seconds
    assert seconds["TRACING"] > 0, seconds
    process = pinned("processes")
    assert process["first_ns"] <= process["last_ns"] and process["events"] > 20, process
    os.kill(pid, signal.SIGKILL)
    finish(runner)


def test_runs_that_no_event_tells_are_read_while_the_process_lives():
    need_bpf()
    path = os.path.join(for_others(program("embed")), "embed")
    read_line(start([path, "--quiet", "--json", "--hold", "600"]), r"^\{")
    watcher = start([JITSCOPE, "snapshot", "--json", "-f", path, "-i", "0.1"])
    read_line(watcher, r"^\{")  # attached: the next one is seen from its start
    process = start([path, "--loops", "7", "--runs", "33", "--quiet", "--json", "--hold", "600"])
    told = json.loads(read_line(process, r"^\{.*").group())

    def complete():
        snap = json.loads(read_line(watcher, r"^\{.*").group())
        return snap["pid"] == process.pid and \
            nonzero(snap["counters"]) == nonzero(told["counters"]) and snap

    wait_for(complete, "its figures")
    snap = wait_for(complete, "its figures once more: the totals are newer than the rows")
    check_totals(snap, told)
    assert [r["runs"] for r in snap["loop_run_times"]] == \
        [told["runs_per_loop"]] * told["live_loops"], snap["loop_run_times"]


# ---- Attaching late ------------------------------------------------------------------


def comparable(snap):
    """A snapshot without what differs between two processes that do the same."""
    loops = [{k: v for k, v in loop.items() if k not in ("when_ns", "compile_seconds", "asmaddr")}
             for loop in snap["loops"]]
    aborts = sorted((a["reason"], a["greenkey"], a["count"], a["counter"]) for a in snap["aborts"])
    flushes = [(f["vm"], f["count"], f["cause"], f["total_dropped"]) for f in snap["flushes"]]
    return {"counters": snap["counters"], "loops": loops, "aborts": aborts, "flushes": flushes,
            "jitdriver": snap["jitdriver"], "comm": snap["comm"], "complete": snap["complete"]}


def same_late(*arguments, late_options=(), early_options=()):
    """emit watched from its start, and another one after it has done its work."""
    need_bpf()
    early, _ = watch(emit(*arguments), *early_options)
    process, _ = held("emit", *arguments)
    late = snapshot(process.pid, *late_options)
    for snap in (early, late):
        assert snap["source"] == "kernel", snap["source"]
        # With hits comes the count of runs, which a late comer reads from the region.
        for loop in snap["loops"]:
            loop.pop("runs")
    assert comparable(early) == comparable(late)
    return late


def test_attached_late_has_everything_since_the_start():
    late = same_late("--loops", 300, "--kind", "mix", "--events", 2500)
    assert late["counters"]["FLUSHES"] == 2 and late["aborts"] and late["loops"]


def test_attached_late_to_one_loop_and_to_one_more_than_a_batch():
    for loops in (1, 4096, 4097):
        assert len(same_late("--loops", loops, "--kind", "abort", "--events", 1)["loops"]) == loops


def test_attached_late_to_100000_loops():
    room = ("--max-loops", 200000)
    late = same_late("--loops", 100000, late_options=room, early_options=room)
    assert len(late["loops"]) == late["counters"]["TOTAL_COMPILED_LOOPS"] == 100000


def test_attached_in_the_middle_of_work():
    """Seeding beside events: what is there at the end is what there is at the end."""
    need_bpf()
    process = start(emit("--loops", 20000, "--kind", "compile", "--events", 12000, "--rate", 6000,
                         "--hold"), stdin=subprocess.DEVNULL)

    def frees():
        result = jitscope("snapshot", "--no-bpf", "--json", "-p", process.pid, status=None)
        return result.status == 0 and json.loads(result.out)["loops"][-1]["loop_no"] > 21000 + 500

    wait_for(frees, "code that is freed, as it will be while it is seeded")
    observer = start([JITSCOPE, "snapshot", "--json", "-p", str(process.pid), "-i", "0.1"])
    read_line(process, r"^\{")  # it has done its work
    end = snapshot(process.pid, "--no-bpf")
    live = {(x["loop_no"], x["when_ns"]) for x in end["loops"]}
    assert len(live) == 21000, len(live)

    def settled():
        seen = json.loads(read_line(observer, r"^\{.*").group())
        return {(x["loop_no"], x["when_ns"]) for x in seen["loops"]} == live and \
            seen["counters"] == end["counters"]

    wait_for(settled, "the figures of the region in the maps", timeout=TIMEOUT)


# ---- Loss ---------------------------------------------------------------------------


def test_received_and_dropped_is_sent():
    """The observer sleeps while a process floods it: the ring buffer must overflow."""
    need_bpf()
    path = os.path.join(tempdir(), "events")
    process = start(emit("--kind", "mix", "--events", 120000, "--wait", "--hold"),
                    stdin=subprocess.DEVNULL)
    wait_until_mapped(process, program("emit"))
    kill(process, signal.SIGSTOP)
    trace = start([JITSCOPE, "trace", "--json", "-p", str(process.pid), "-o", path])
    attached(process.pid)
    kill(trace, signal.SIGSTOP)
    kill(process, signal.SIGCONT)
    told = json.loads(read_line(process, r"^\{.*", timeout=TIMEOUT).group())
    kill(trace, signal.SIGCONT)
    kill(process, signal.SIGTERM)
    assert finish(process).status == 0
    assert finish(trace).status == 0
    probes, lives, lost = events_of(path)
    sent = sum(sent_by(told).values())
    assert sent > 90000 and lost["dropped"] > 10000, (told, lost)
    assert lost["lost"] == lost["dropped"], lost
    # Beside the probes there is the end of the process.
    assert sum(probes.values()) + sum(lives.values()) + lost["dropped"] == sent + 1, \
        (probes, lives, lost, told)
    assert all(probes[p] <= told[p] for p in TRACED), (probes, told)


def test_a_flood_is_received_or_counted():
    need_bpf()
    probes, lives, lost, told = traced("--kind", "mix", "--events", 60000, "--threads", 2)
    sent = sum(sent_by(told).values())
    assert sent > 90000, told
    # Beside the probes there is exec and the end of the process.
    assert sum(probes.values()) + sum(lives.values()) + lost["dropped"] == sent + 2, \
        (probes, lives, lost, told)
    assert lost["lost"] == lost["dropped"], lost


def test_a_full_map_is_a_counted_loss():
    need_bpf()
    snap, _ = watch(embed("--loops", 100, "--bridges", 0, "--flushes", 0, "--frees", 0),
                    "--max-loops", 64)
    assert len(snap["loops"]) == 64 and snap["stats"]["map_full"] == 36, snap["stats"]
    assert snap["complete"] is False
    assert snap["counters"]["TOTAL_COMPILED_LOOPS"] == 100, "the totals do not depend on the map"
    text = jitscope("run", "--max-loops", 64, "--",
                    *embed("--loops", 100, "--bridges", 0, "--flushes", 0)).err
    assert re.search(r"\b36\b.*map full.*--max-loops", text), text
    assert "INCOMPLETE" in text, text


def test_flushed_loops_make_room():
    """Many more loops than the map holds, never too many at once."""
    need_bpf()
    snap, result = watch(embed("--loops", 1000, "--flushes", 12, "--sleep-us", 300),
                         "--max-loops", 4000)
    told = json.loads(result.out)
    assert told["counters"]["TOTAL_COMPILED_LOOPS"] == 13000
    assert snap["stats"]["map_full"] == 0, snap["stats"]
    check_totals(snap, told)


def test_a_map_too_small_to_seed_is_a_counted_loss():
    need_bpf()
    process, _ = held("embed", "--loops", 100, "--bridges", 0, "--flushes", 0, "--frees", 0)
    result = jitscope("snapshot", "--json", "-p", process.pid, "--max-loops", 64)
    snap = json.loads(result.out)
    assert len(snap["loops"]) == 64, len(snap["loops"])
    assert "--max-loops" in result.err, result
    assert snap["complete"] is False and snap["stats"]["map_full"] == 36, snap["stats"]
    text = jitscope("snapshot", "-p", process.pid, "--max-loops", 64).out
    assert re.search(r"\b36\b.*map full", text) and "INCOMPLETE" in text, text


# ---- Sessions -----------------------------------------------------------------------------


def test_two_sessions_at_once_are_both_right():
    need_bpf()
    paths = [os.path.join(tempdir(), name) for name in ("one", "two")]
    process = start(emit("--kind", "mix", "--events", 9000, "--wait", "--hold"),
                    stdin=subprocess.DEVNULL)
    wait_for(lambda: jitscope("snapshot", "--no-bpf", "-p", process.pid, status=None).status == 0,
             "a VM")
    kill(process, signal.SIGSTOP)
    sessions = [start([JITSCOPE, "trace", "--json", "-p", str(process.pid), "-o", path])
                for path in paths]
    # A semaphore counts the probes at its site, not who takes the hits.
    wait_for(lambda: len(map_dump("counters", process.pid)) == 2, "two sessions")
    kill(process, signal.SIGCONT)
    told = json.loads(read_line(process, r"^\{.*").group())
    third, region = snapshot(process.pid), snapshot(process.pid, "--no-bpf")
    kill(process)
    assert finish(process).status == 0
    for session, path in zip(sessions, paths):
        assert finish(session).status == 0
        probes, lives, lost = events_of(path)
        assert not lost and probes == sent_by(told), (lost, probes, told)
        assert lives == {"fork": 0, "exec": 0, "exit": 1}, lives
    assert third["counters"] == region["counters"] and nonzero(third["counters"]), third


def test_the_sessions_of_two_commands_do_not_mix():
    need_bpf()
    reports = [os.path.join(tempdir(), name) for name in ("one", "two")]
    loops = (30, 50)
    sessions = [start([JITSCOPE, "run", "--json", "-o", path, "--",
                       *embed("--loops", n, "--sleep-us", 2000)])
                for path, n in zip(reports, loops)]
    for session, path, n in zip(sessions, reports, loops):
        result = finish(session)
        assert result.status == 0, result
        with open(path) as f:
            snap = json.load(f)
        assert snap["children"] == [], snap["children"]
        told = json.loads(result.out)
        assert told["pid"] == snap["pid"] and told["counters"]["TOTAL_COMPILED_LOOPS"] == 2 * n
        check_totals(snap, told)


def test_the_perf_way_gives_the_same_figures():
    need_bpf()
    command = embed("--loops", 40, "--bridges", 9, "--aborts", 4, "--flushes", 2, "--frees", 3)
    snap, result = watch(command, env={"JITSCOPE_NO_UPROBE_MULTI": "1"})
    check_totals(snap, json.loads(result.out))
    assert snap["source"] == "kernel" and snap["stats"]["hits"] > 100, snap["stats"]
    probes, _, lost, told = traced("--kind", "mix", "--events", 2000,
                                   env={"JITSCOPE_NO_UPROBE_MULTI": "1"})
    assert not lost and probes == sent_by(told), (lost, probes, told)


# ---- Pins ------------------------------------------------------------------------------------


def pinning(pid, folder):
    """A session that pins; on return the pins are there."""
    observer = start([JITSCOPE, "snapshot", "--json", "-p", str(pid), "-i", "0.2",
                      f"--pin={folder}"])
    read_line(observer, r"^\{")
    return observer


def test_pins_are_there_while_the_session_runs():
    need_bpf()
    process, told = held("embed")
    folder, other = pin_dir(), pin_dir()
    observer = pinning(process.pid, folder)
    assert sorted(os.listdir(folder)) == sorted(MAPS)
    rows = json.loads(run(["bpftool", "--json", "map", "dump", "pinned",
                           folder + "/counters"]).out)
    assert [r["formatted"]["value"]["TRACING"] for r in rows] == [told["counters"]["TRACING"]]

    refused = jitscope("snapshot", "-p", process.pid, f"--pin={folder}", status=1)
    assert refused.out == "" and len(refused.err.splitlines()) == 1, refused
    assert folder in refused.err and f"pid {observer.pid}" in refused.err, refused
    assert "--pin=" in refused.err, refused
    second = pinning(process.pid, other)
    assert sorted(os.listdir(other)) == sorted(MAPS)

    for session, path in ((observer, folder), (second, other)):
        assert os.path.exists(path)
        kill(session, signal.SIGINT)
        assert finish(session).status in (0, 130)
        assert not os.path.exists(path)


def test_a_folder_of_others_is_not_touched():
    need_bpf()
    process, _ = held("embed")
    folder = pin_dir()
    os.mkdir(folder)
    os.mkdir(folder + "/mine")
    refused = jitscope("snapshot", "-p", process.pid, f"--pin={folder}", status=1)
    assert folder in refused.err and "not jitscope's" in refused.err, refused
    assert os.path.isdir(folder + "/mine")
    outside = os.path.join(tempdir(), "pins")
    refused = jitscope("snapshot", "-p", process.pid, f"--pin={outside}", status=1)
    assert outside in refused.err and "/sys/fs/bpf" in refused.err, refused
    assert not os.path.exists(outside)


# ---- The end of an observer ---------------------------------------------------------------------


def test_a_killed_observer_does_no_harm():
    """SIGKILL: the process goes on, semaphores fall to zero, the pins are known as stale."""
    need_bpf()
    folder = "/sys/fs/bpf/jitscope"
    assert not os.path.exists(folder), "another session pins; or its pins are stale"
    process = start(emit("--kind", "mix", "--events", 5000, "--wait", "--hold"),
                    stdin=subprocess.DEVNULL)
    observer = start([JITSCOPE, "trace", "--json", "-p", str(process.pid), "--pin"],
                     stdout=subprocess.DEVNULL)
    read_line(process, r"^\{")
    assert os.path.exists(folder + "/counters")
    kill(observer, signal.SIGKILL)
    finish(observer)
    detached(process.pid)

    check = jitscope("check", status=None)
    assert f"stale pins in {folder}: left by `jitscope trace`, process {observer.pid}" in \
        check.out, check
    assert os.path.exists(folder + "/counters"), "check only looks"
    again = start([JITSCOPE, "snapshot", "--json", "-p", str(process.pid), "-i", "0.2", "--pin"])
    snap = json.loads(read_line(again, r"^\{.*").group())
    rows = json.loads(run(["bpftool", "--json", "map", "dump", "pinned",
                           folder + "/session"]).out)
    assert rows[0]["formatted"]["value"]["pid"] == again.pid, rows
    assert snap["complete"] is True and snap["counters"]["FLUSHES"] == 5, snap["counters"]
    kill(again, signal.SIGINT)
    finish(again)
    assert not os.path.exists(folder)
    assert f"no stale pins in {folder}" in jitscope("check", status=None).out
    kill(process)
    assert finish(process).status == 0


def test_a_process_survives_the_kill_of_its_observer_while_it_fires():
    need_bpf()
    process = start([program("embed"), "--loops", "4000", "--sleep-us", "100", "--bridges", "10",
                     "--quiet", "--json"])
    observer = start([JITSCOPE, "trace", "--json", "-p", str(process.pid)])
    read_line(observer, r"compile")
    kill(observer, signal.SIGKILL)
    finish(observer)
    result = finish(process)
    assert result.status == 0 and json.loads(result.out)["live_loops"] == 3999, result


def interrupted(*command):
    """Ctrl-C while a session runs: it ends in good order and leaves nothing."""
    need_bpf()
    folder = pin_dir()
    process = start(emit("--kind", "mix", "--rate", 1000, "--seconds", 600),
                    stdin=subprocess.DEVNULL)
    wait_until_mapped(process, program("emit"))
    observer = start([JITSCOPE, *command, "-p", str(process.pid), f"--pin={folder}"])
    read_line(observer, r"\S")
    assert any(semaphores(process.pid, program("emit")).values())
    kill(observer, signal.SIGINT)
    result = finish(observer)
    assert result.status in (0, 130) and result.err == "", result
    assert not os.path.exists(folder)
    detached(process.pid)
    assert process.poll() is None
    for line in result.out.splitlines():
        if "--json" in command:
            json.loads(line)  # no half lines


def test_ctrl_c_ends_trace():
    interrupted("trace", "--json")


def test_ctrl_c_ends_snapshot():
    interrupted("snapshot", "--json", "-i", "0.1")
    interrupted("snapshot", "-i", "0.1")

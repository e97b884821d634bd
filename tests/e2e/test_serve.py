# SPDX-License-Identifier: BSD-2-Clause
"""`jitscope serve`: one session for the whole machine, and what others read of it."""
import collections
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

from harness import (JITSCOPE, TIMEOUT, check_totals, embed, finish, for_others, held, jitscope, kill,
                     need, need_bpf, nonzero, pin_dir, program, read_line, run, semaphores, snapshot, start,
                     tempdir, wait_for)
from test_jitlua import JITLUA
from test_runs import (NOBODY, Counted, answers, check_counts, pinned, runs_dir, runs_of, said_of,
                       tally_of)

LOAD = ["--loops", "7", "--bridges", "3", "--aborts", "2"]


def serve(*options, **more):
    """Starts it with pins of its own: the process, and the environment for those who read."""
    need_bpf()
    pins = {"JITSCOPE_PIN_DIR": more.pop("pins", None) or pin_dir()}
    env = {**runs_dir()[1], **more.pop("env", {}), **pins}
    process = start([JITSCOPE, "serve", *map(str, options)], env=env, **more)
    read_line(process, "watching this machine", stream=process.stderr)
    return process, env


def number_of_links(process):
    """How much it has attached."""
    folder = f"/proc/{process.pid}/fdinfo"
    texts = []
    for fd in os.listdir(folder):
        with open(os.path.join(folder, fd)) as f:
            texts.append(f.read())
    return sum("link_type:" in text for text in texts)


def attached(process):
    """The paths of the files that it has attached to, as the kernel shows them (Linux 6.8)."""
    folder = f"/proc/{process.pid}/fdinfo"
    paths = set()
    for fd in os.listdir(folder):
        with open(os.path.join(folder, fd)) as f:
            paths.update(re.findall(r"^path:\s+(\S+)$", f.read(), re.M))
    return paths


def own_program(name):
    """A copy of a test program: a file that no session has ever seen."""
    return shutil.copy(program(name), os.path.join(tempdir(), name))


def known(pid, env):
    """What serve knows of the process; None if that is nothing."""
    found = jitscope("snapshot", "--json", "-a", env=env, status=None).out.splitlines()
    return next((s for s in map(json.loads, found) if s["pid"] == pid), None)


def stop(process, number=signal.SIGTERM):
    kill(process, number)
    result = finish(process)
    assert result.status == 0, result
    return result


def map_ids(env):
    folder = env["JITSCOPE_PIN_DIR"]
    ids = {}
    for name in ("counters", "loops", "processes"):
        shown = run(["bpftool", "--json", "map", "show", "pinned", f"{folder}/{name}"]).out
        ids[name] = json.loads(shown)["id"]
    return ids


def test_it_knows_processes_from_before_and_later_ones():
    need("bpftool")
    before, told_before = held("embed", *LOAD)
    process, env = serve()
    later, told_later = held("embed", *LOAD)
    for one, told in ((before, told_before), (later, told_later)):
        snap = wait_for(lambda pid=one.pid: known(pid, env), f"process {one.pid} in its maps")
        check_totals(snap, told)
        assert snap["source"] == "kernel", snap["source"]
    stop(process)


def test_others_read_its_maps_and_do_not_attach():
    process, env = serve()
    one, told = held("embed", *LOAD)
    wait_for(lambda: known(one.pid, env), "the process")
    reader = start([JITSCOPE, "snapshot", "-v", "--json", "-p", str(one.pid), "-i", "0.2", "-n",
                    "20"], env=env)
    reader.stdout.readline()
    assert number_of_links(reader) == 0
    own = start([JITSCOPE, "snapshot", "--own", "--json", "-p", str(one.pid), "-i", "0.2", "-n",
                 "20"], env=env)
    check_totals(json.loads(own.stdout.readline()), told)
    assert number_of_links(own) > 0
    result = finish(reader)
    assert "reading the maps" in result.err, result
    for line in result.out.splitlines():
        check_totals(json.loads(line), told)
    stop(process)


def test_readers_go_their_own_way_without_it():
    process, env = serve()
    one, told = held("embed", *LOAD)
    wait_for(lambda: known(one.pid, env), "the process")
    stop(process)
    check_totals(snapshot(one.pid, env=env), told)


def test_a_program_that_nobody_knew_is_seen_when_it_is_started():
    """It does not live until the next look through all processes."""
    process, env = serve()
    for _ in range(3):
        one = start([own_program("embed"), *LOAD, "--quiet", "--hold", "1", "--json"],
                    stdin=subprocess.DEVNULL)
        told = json.loads(one.stdout.readline())
        finish(one)
        check_totals(wait_for(lambda pid=one.pid: known(pid, env), "the process"), told)
    stop(process)


def test_all_files_that_are_named_are_attached_at_once():
    paths = [own_program("embed") for _ in range(3)]
    process, _ = serve(*(word for path in paths for word in ("-f", path)))
    assert attached(process) >= set(paths), attached(process)
    stop(process)


def test_the_dead_are_kept_as_long_as_is_asked():
    """Longer than they are otherwise: two sweeps of the maps come and go."""
    process, env = serve("--keep", "90", "-f", program("embed"))
    one = start(embed(*LOAD))
    counted = Counted("--loops", 3, env=env)
    runs = tally_of(counted.do("wait", "run 50"))
    counted.end()
    told = json.loads(finish(one).out)
    time.sleep(64)
    check_totals(known(one.pid, env), told)
    assert runs_of(known(counted.pid, env)) == runs
    stop(process)


def test_the_dead_are_kept_for_a_time():
    process, env = serve("--keep", "3", "-f", program("embed"))
    result = run(embed(*LOAD))
    told = json.loads(result.out)
    ended = [s for s in map(json.loads, jitscope("snapshot", "-a", "--json",
                                                 env=env).out.splitlines())
             if s["comm"] == "embed" and not s["alive"]]
    assert any(nonzero(s["counters"]) == nonzero(told["counters"]) for s in ended), ended
    pids = {s["pid"] for s in ended}
    wait_for(lambda: not any(known(pid, env) for pid in pids), "the dead to be forgotten", 30)
    stop(process)


def test_the_dead_are_shown_by_number_and_by_file():
    """Each way that there is to ask for them; nothing is attached for that."""
    path, other = own_program("runs"), own_program("embed")
    process, env = serve("-f", path)
    counted, lives = Counted("--loops", 4, path=path, env=env), Counted(path=path, env=env)
    runs = tally_of(counted.do("wait", "run 50"))
    counted.send("die")
    counted.process.wait()
    wait_for(lambda: not known(counted.pid, env)["alive"], "its end")
    snap = snapshot(counted.pid, env=env)
    assert snap["alive"] is False and runs_of(snap) == runs, snap
    text = jitscope("snapshot", "-p", counted.pid, env=env).out
    assert re.search(rf"^ runs, process {counted.pid}, JIT runs, ended$", text, re.M), text
    one = start([other, *LOAD, "--quiet", "--hold", "600", "--json"], stdin=subprocess.DEVNULL)
    one.stdout.readline()
    wait_for(lambda: known(one.pid, env), "a process of another file")
    for file, pids in ((path, {counted.pid: False, lives.pid: True}), (other, {one.pid: True})):
        result = jitscope("snapshot", "-v", "--json", "-f", file, env=env)
        found = {s["pid"]: s["alive"] for s in map(json.loads, result.out.splitlines())}
        assert found == pids and "reading the maps" in result.err, (found, pids, result.err)
    for options, pids in ((("-a",), {lives.pid, one.pid}), (("-f", path), {lives.pid})):
        found = jitscope("snapshot", "--alive", "--json", *options, env=env).out.splitlines()
        found = {s["pid"]: s["alive"] for s in map(json.loads, found)}
        assert pids <= found.keys() and all(found.values()), found
    result = jitscope("snapshot", "--alive", "-p", counted.pid, env=env, status=1)
    assert result.err == f"jitscope: process {counted.pid} has ended\n", result
    gone = start(["true"])
    gone.wait()
    result = jitscope("snapshot", "-p", gone.pid, env=env, status=1)
    assert result.err == f"jitscope: no process {gone.pid}\n", result
    stop(process)


def test_who_asks_for_a_file_that_it_has_not_seen_attaches():
    process, env = serve()
    result = jitscope("snapshot", "-v", "-f", own_program("embed"), env=env, status=1)
    assert "no process that uses" in result.err and "reading the maps" not in result.err, result
    stop(process)


def test_a_short_time_is_kept_to_the_second():
    path = own_program("embed")
    process, env = serve("--keep", "2", "-f", path)
    for _ in range(2):
        one = start([path, *LOAD, "--quiet", "--json"])
        finish(one)
        ended = time.monotonic()
        assert known(one.pid, env)
        wait_for(lambda pid=one.pid: not known(pid, env), "it to be forgotten", timeout=5)
        assert time.monotonic() - ended >= 2
    stop(process)


def test_it_leaves_nothing_behind():
    one, _ = held("embed", *LOAD)
    for number in (signal.SIGTERM, signal.SIGINT):
        process, env = serve()
        wait_for(lambda: semaphores(one.pid, program("embed"))["compile"], "serve to attach")
        stop(process, number)
        assert not os.path.exists(env["JITSCOPE_PIN_DIR"])
        assert not any(semaphores(one.pid, program("embed")).values())


def test_a_killed_one_is_followed_by_the_next():
    process, env = serve()
    kill(process, signal.SIGKILL)
    process.wait()
    assert os.path.exists(env["JITSCOPE_PIN_DIR"])
    one, told = held("embed", *LOAD)
    check_totals(snapshot(one.pid, env=env), told)  # stale pins are nobody's figures
    process, _ = serve(pins=env["JITSCOPE_PIN_DIR"])
    check_totals(wait_for(lambda: known(one.pid, env), "the process"), told)
    stop(process)


def test_what_a_killed_one_knew_of_the_dead_is_kept():
    """Also of who died while nobody looked, though that may lack something then."""
    need("bpftool")
    process, env = serve("--keep", "8", env=runs_dir()[1])
    early, late, alive = (Counted("--loops", n, env=env) for n in (3, 4, 5))
    told = {one.pid: one.do("wait", f"run {one.pid % 100}") for one in (early, late, alive)}
    for one in (early, late, alive):
        path = f"{env['JITSCOPE_PIN_DIR']}/loop_run_times/{one.pid}"
        wait_for(lambda path=path: os.path.exists(path), path)  # who is killed sooner loses it
    early.end()
    wait_for(lambda: not known(early.pid, env)["alive"], "its end")
    kill(process, signal.SIGKILL)
    process.wait()
    late.send("die")
    late.process.wait()
    process, _ = serve("--keep", "8", env=env, pins=env["JITSCOPE_PIN_DIR"])
    for one, lives, complete in ((early, False, True), (late, False, False), (alive, True, True)):
        snap = known(one.pid, env)
        assert snap["alive"] is lives and snap["complete"] is complete, snap
        assert runs_of(snap) == tally_of(told[one.pid]), (snap, told[one.pid])
        assert len(snap["loops"]) == len(told[one.pid]["tally"]), snap
        assert snap["counters"]["TOTAL_COMPILED_LOOPS"], snap
        path = f"{env['JITSCOPE_PIN_DIR']}/loop_run_times/{one.pid}"
        if not lives:
            wait_for(lambda path=path: os.path.exists(path), path)
            assert sum(pinned(path).values()) == sum(tally_of(told[one.pid]).values())
    wait_for(lambda: not known(early.pid, env) and not known(late.pid, env), "them to be forgotten")
    assert not os.path.exists(f"{env['JITSCOPE_PIN_DIR']}/loop_run_times/{late.pid}")
    alive.end()
    stop(process)


def test_a_second_one_says_who_was_first():
    process, env = serve()
    second = jitscope("serve", env=env, status=1)
    assert re.search(rf"in use by another session, pid {process.pid} \(jitscope serve\)",
                     second.err), second
    stop(process)


def test_hup_forgets_nothing_and_finds_replaced_files():
    need("bpftool")
    path = own_program("embed")
    process, env = serve("-f", path)
    one = start([path, *LOAD, "--quiet", "--hold", "600", "--json"], stdin=subprocess.DEVNULL)
    told = json.loads(one.stdout.readline())
    wait_for(lambda: known(one.pid, env), "the process")
    ids = map_ids(env)
    links = number_of_links(process)
    os.rename(own_program("embed"), path)  # as an upgrade does
    kill(process, signal.SIGHUP)
    wait_for(lambda: number_of_links(process) > links, "the new file to be attached")
    check_totals(known(one.pid, env), told)
    assert map_ids(env) == ids
    # A process of the new file that is gone before anybody could look at it.
    wait_for(lambda: seen_short_lived(path, env), "a short process of the new file")
    assert process.poll() is None
    stop(process)


def seen_short_lived(path, env):
    one = start([path, *LOAD, "--quiet", "--json"])
    finish(one)
    return known(one.pid, env)


def test_it_gives_up_what_it_does_not_need():
    process, env = serve()
    with open(f"/proc/{process.pid}/status") as f:
        status = dict(line.split(":\t", 1) for line in f if ":\t" in line)
    allowed = {"cap_bpf": 39, "cap_perfmon": 38, "cap_sys_ptrace": 19, "cap_dac_read_search": 2}
    if "attaches one by one" not in jitscope("check", status=None).out:
        most = sum(1 << bit for bit in allowed.values())
        for kind in ("CapPrm", "CapEff", "CapBnd"):
            assert int(status[kind], 16) & ~most == 0, (kind, status[kind])
    assert status["NoNewPrivs"].strip() == "1"
    one, told = held("embed", *LOAD)  # and still does its work
    check_totals(wait_for(lambda: known(one.pid, env), "the process"), told)
    stop(process)
    assert not os.path.exists(env["JITSCOPE_PIN_DIR"])


def test_it_watches_processes_of_other_users():
    folder = for_others(program("embed"))
    process, env = serve()
    one = start([os.path.join(folder, "embed"), *LOAD, "--quiet", "--hold", "600", "--json"],
                user=65534, stdin=subprocess.DEVNULL)
    told = json.loads(one.stdout.readline())
    check_totals(wait_for(lambda: known(one.pid, env), "the process"), told)
    stop(process)


def test_it_tells_the_service_manager():
    need_bpf()
    path = os.path.join(tempdir(), "notify")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(path)
    manager.settimeout(30)
    env = {"NOTIFY_SOCKET": path, "JITSCOPE_PIN_DIR": pin_dir()}
    process = start([JITSCOPE, "serve"], env=env)
    assert manager.recv(100) == b"READY=1"
    kill(process, signal.SIGHUP)
    assert manager.recv(100).startswith(b"RELOADING=1")
    assert manager.recv(100) == b"READY=1"
    stop(process)
    assert manager.recv(100) == b"STOPPING=1"


def resources(process):
    with open(f"/proc/{process.pid}/status") as f:
        kilobytes = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
    folder = f"/proc/{process.pid}/fd"
    return len([fd for fd in os.listdir(folder) if is_map_or_socket(os.path.join(folder, fd))]), \
        kilobytes


def is_map_or_socket(path):
    """Those of links come and go with programs that have nothing to do with the test."""
    try:
        return os.readlink(path).startswith(("anon_inode:bpf-map", "socket:"))
    except FileNotFoundError:
        return False


def test_two_hundred_at_once_are_all_accounted_for():
    path = own_program("embed")
    process, env = serve("--keep", "10", "-f", path)
    fds, kilobytes = resources(process)
    crowd = [start([path, *LOAD, "--quiet", "--json"]) for _ in range(200)]
    told = [json.loads(finish(one).out) for one in crowd]
    seen = {s["pid"]: s for s in map(json.loads, jitscope("snapshot", "-a", "--json",
                                                          env=env).out.splitlines())}
    missing = [one.pid for one in crowd if one.pid not in seen]
    assert not missing, f"{len(missing)} of 200"
    wrong = collections.Counter(nonzero(seen[one.pid]["counters"]) != nonzero(t["counters"])
                                for one, t in zip(crowd, told))
    assert wrong == {False: 200}, wrong
    wait_for(lambda: not any(one.pid in {s["pid"] for s in all_known(env)} for one in crowd),
             "all of them to be forgotten", 60)
    assert resources(process)[0] <= fds
    assert resources(process)[1] <= kilobytes + 16384, (kilobytes, resources(process))
    stop(process)


def all_known(env):
    return [json.loads(line) for line in
            jitscope("snapshot", "-a", "--json", env=env, status=None).out.splitlines()]


def test_who_comes_during_a_sweep_keeps_its_rows():
    """A sweep takes long where much is in the maps; what it has not heard of yet is not left over."""
    greedy = own_program("hostile")
    process, env = serve("-f", greedy, "-f", program("embed"))
    read_line(start([greedy, "--mode", "event_many_rows", "--hold"]), r"^\{", timeout=TIMEOUT)
    start([greedy, "--mode", "honest", "--count", "1000000000"])  # each flush wants a sweep
    told = {}
    for _ in range(150):
        one = start(embed("--loops", "50", "--flushes", "0", "--frees", "0"))
        told[one.pid] = json.loads(one.communicate()[0])
    seen = {s["pid"]: s for s in all_known(env)}
    for pid, totals in told.items():
        check_totals(seen[pid], totals)
    stop(process)


def test_whose_rows_found_no_room_is_known_to_those_who_read():
    large, _ = held("embed", "--loops", "6000", "--flushes", "0", "--frees", "0")
    small, told = held("embed", *LOAD)
    process, env = serve("--max-loops", "5000", "-f", program("embed"))
    snap = wait_for(lambda: known(large.pid, env), "the large one")
    assert snap["complete"] is False and len(snap["loops"]) == 5000, snap["stats"]
    check_totals(wait_for(lambda: known(small.pid, env), "the small one"), told)
    stop(process)


def held_at(path, *arguments):
    process = start([path, *map(str, arguments), "--quiet", "--hold", "600", "--json"],
                    stdin=subprocess.DEVNULL)
    return process, json.loads(process.stdout.readline())


def test_whose_rows_found_no_room_is_not_said_of_others():
    """The map has room for four times what one process may have; five come."""
    path = own_program("embed")
    process, env = serve("--max-loops", "100", "-f", path)
    small, told = held_at(path, *LOAD)
    large = [held_at(path, "--loops", 100)[0] for _ in range(5)]
    snap = wait_for(lambda: known(large[-1].pid, env), "the last one")
    assert snap["complete"] is False and snap["stats"]["map_full"], snap["stats"]
    snap = known(small.pid, env)
    assert snap["stats"]["map_full"], snap["stats"]
    check_totals(snap, told)
    stop(process)


def test_many_who_find_no_room_do_not_fill_the_log():
    path = own_program("embed")
    many = [held_at(path, "--loops", 300)[0] for _ in range(12)]
    process, env = serve("--max-loops", "100", "-f", path)
    wait_for(lambda: all(known(one.pid, env) for one in many), "all of them")
    lines = [line for line in stop(process).err.splitlines() if "no room" in line]
    # serve() has read the first one. Other processes of this machine may be among them.
    assert len(lines) == 1, lines
    assert int(re.search(r"\(and (\d+) more of the kind in", lines[0])[1]) >= 10, lines


def test_whose_memory_made_no_sense_is_known_to_those_who_read():
    """It was watched too late for events to tell the rest."""
    path = own_program("hostile")
    honest, liar = (start([path, "--mode", mode, "--hold"]) for mode in ("honest", "area_offset"))
    for one in (honest, liar):
        read_line(one, r"^\{")
    process, env = serve("-f", path)
    for one, complete in ((honest, True), (liar, False)):
        kill(one, signal.SIGUSR1)
        snap = wait_for(lambda pid=one.pid: known(pid, env), "the process")
        assert snap["complete"] is complete and snap["stats"]["read_fault"], snap
    stop(process)


# ---- Loop runs ----------------------------------------------------------------------------


def counting_serve(*options):
    return serve(*options, env=runs_dir()[1])


def test_loop_runs_are_counted_and_others_read_them():
    need("bpftool")
    process, env = counting_serve()
    counted = Counted("--loops", 9, env=env)
    told = counted.do("wait", "run 50")
    snap = snapshot(counted.pid, env=env)
    check_counts(snap, told, "kernel")
    path = f"{env['JITSCOPE_PIN_DIR']}/loop_run_times/{counted.pid}"
    wait_for(lambda: os.path.exists(path), path)
    assert sum(pinned(path).values()) == sum(tally_of(told).values())
    counted.send("die")
    counted.process.wait()
    wait_for(lambda: not known(counted.pid, env)["alive"], "its end")
    assert runs_of(known(counted.pid, env)) == tally_of(told)
    assert sum(pinned(path).values()) == sum(tally_of(told).values())
    stop(process)
    assert not os.path.exists(env["JITSCOPE_RUNS_DIR"])


def test_counts_of_the_program_before_are_not_those_of_the_next():
    """Which nobody gave a map, and whose loops have the same slots."""
    process, env = counting_serve()
    counted = Counted("--loops", 9, env=env)
    told = counted.do("wait", "run 50")
    path = f"{env['JITSCOPE_PIN_DIR']}/loop_run_times/{counted.pid}"
    wait_for(lambda: os.path.exists(path), path)
    counted.send("exec 1")
    assert not tally_of(counted.answer())
    wait_for(lambda: not os.path.exists(path), "the old counts to go")
    counted.send("die")
    counted.process.wait()
    wait_for(lambda: not known(counted.pid, env)["alive"], "its end")
    snap = known(counted.pid, env)
    assert len(snap["loops"]) == 9 and runs_of(snap) == {}, (snap, told)
    stop(process)


def test_who_wants_counts_of_one_that_does_not_count_is_told():
    process, env = serve("--count=off")
    counted = Counted(env=env)
    wait_for(lambda: known(counted.pid, env), "the process")
    again = ("-i", "0.1", "-n", "3", "--count=memory", "-p", counted.pid)
    text = jitscope("snapshot", *again, env=env).out
    assert said_of(text) == ["not counted: `jitscope serve`, whose maps these are, was told not "
                             "to (--count); --own counts"] * 3, text
    watcher = start([JITSCOPE, "snapshot", "--own", "--json", *map(str, again)], env=env)
    watcher.stdout.readline()
    told = counted.do("wait", "run 50")
    assert runs_of(json.loads(finish(watcher).out.splitlines()[-1])) == tally_of(told)
    counted.end()
    stop(process)


def test_what_ran_before_a_file_was_known_is_not_called_complete():
    process, env = serve()
    counted = Counted("--loops", 3, path=own_program("runs"), env=env)
    told = counted.do("run 100", "wait", "run 50")
    snap = snapshot(counted.pid, env=env)
    check_counts(snap, told, "kernel")
    assert snap["runs_complete"] is False and snap["runs_since_ns"], snap
    later = Counted("--loops", 3, path=counted.process.args[0], env=env)
    told = later.do("run 50")
    snap = snapshot(later.pid, env=env)
    check_counts(snap, told, "kernel")
    assert snap["runs_complete"] is True, snap
    stop(process)


# ---- Run counts of who has no map, and ends ---------------------------------------------


NO_SOCKET = {"JITHOOKS_RUNS_DIR": "/nonexistent"}


def linux(*version):
    return tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) >= version


def alone(env, *commands):
    """A process that counts in its own memory, and what it says that it has counted."""
    counted = Counted("--loops", 9, env={**env, **NO_SOCKET})
    told = counted.do(*commands)
    assert told["mapped"] is False, told
    wait_for(lambda: known(counted.pid, env), "the process")
    return counted, told


def dead(pid, env):
    return wait_for(lambda: (lambda s: s and not s["alive"] and s)(known(pid, env)), "its end")


def check_all_is_there(snap, told):
    assert runs_of(snap) == tally_of(told), (snap, told)
    assert (snap["run_source"], snap["complete"]) == ("region", True), snap
    assert snap["runs_missing_seconds"] == 0, snap


def test_counts_in_own_memory_are_there_after_the_end():
    process, env = counting_serve()
    counted, told = alone(env, "wait", "run 50")
    assert known(counted.pid, env)["run_source"] == "region"
    told = counted.do("run 70")  # nobody looks any more
    counted.end()
    check_all_is_there(dead(counted.pid, env), told)
    counted, told = alone(env, "wait", "compile 600", "run 3")
    counted.end()
    check_all_is_there(dead(counted.pid, env), told)
    stop(process)


def test_counts_in_own_memory_of_children_are_there_after_their_end():
    process, env = counting_serve("-f", program("runs"))
    one = start([program("runs"), "--loops", "9"], stdin=subprocess.PIPE, env={**env, **NO_SOCKET})
    out, err = one.communicate("wait\nrun 3\nforks 20 5 2\n")
    assert one.returncode == 0, err
    told = {t["pid"]: t for t in map(json.loads, out.splitlines())}
    assert len(told) == 21, out
    for pid, last in told.items():
        check_all_is_there(dead(pid, env), last)
    stop(process)


def test_counts_in_own_memory_are_there_after_a_kill():
    if not linux(6, 16):
        return
    process, env = counting_serve()
    counted, _ = alone(env, "wait", "run 50")
    told = counted.do("run 70")
    counted.kill()
    check_all_is_there(dead(counted.pid, env), told)
    stop(process)


def test_without_a_look_at_what_exits_they_are_as_seen_after_a_kill():
    """As before Linux 6.16."""
    process, env = serve(env={**runs_dir()[1], "JITSCOPE_NO_READ_AT_EXIT": "1"})
    counted, told = alone(env, "wait", "run 50")
    counted.end()
    check_all_is_there(dead(counted.pid, env), told)  # it had a last word
    counted, _ = alone(env, "wait", "run 50")
    seen = known(counted.pid, env)
    told = counted.do("run 70")
    counted.kill()
    snap = dead(counted.pid, env)
    assert snap["complete"] is False and snap["runs_missing_seconds"] > 0, snap
    assert all(n <= runs_of(snap)[no] <= tally_of(told)[no] for no, n in runs_of(seen).items()), \
        (snap, seen, told)
    counted = Counted("--loops", 9, env=env)
    told = counted.do("wait", "run 50")
    counted.kill()
    check_counts(dead(counted.pid, env), told, "kernel")
    assert known(counted.pid, env)["complete"] is True
    stop(process)


def test_what_could_not_be_read_at_the_end_is_as_it_was_seen():
    process, env = counting_serve()
    counted, told = alone(env, "wait", "run 50")
    assert runs_of(known(counted.pid, env)) == tally_of(told)
    counted.kill("vanish")
    snap = dead(counted.pid, env)
    assert runs_of(snap) == tally_of(told) and snap["run_source"] == "region", (snap, told)
    assert snap["complete"] is False and 0 < snap["runs_missing_seconds"] < 5, snap
    text = jitscope("snapshot", "-a", env=env).out
    assert re.search(r"^ Runs of loops: .*own memory.*; as of .*s before its end", text, re.M), text
    assert "INCOMPLETE" in text, text
    stop(process)


def test_what_nobody_looked_at_is_looked_at_now_and_then():
    process, env = counting_serve()
    counted, told = alone(env, "wait", "run 50")
    time.sleep(2.5)
    counted.kill("vanish")
    snap = dead(counted.pid, env)
    assert runs_of(snap) == tally_of(told) and snap["complete"] is False, (snap, told)
    stop(process)


def test_counts_in_the_map_are_there_when_the_memory_is_not():
    """Also of one that ends before its map is where others look; whether it does is chance."""
    process, env = counting_serve()
    for _ in range(12):
        counted = Counted("--loops", 9, env=env)
        told = counted.do("wait", "run 50")
        assert told["mapped"] is True, told
        counted.kill("vanish")
        check_counts(dead(counted.pid, env), told, "kernel")
        assert known(counted.pid, env)["complete"] is True
    stop(process)


def test_counts_in_own_memory_are_there_after_an_exec():
    if not linux(6, 10):
        return
    process, env = counting_serve()
    counted, _ = alone(env, "wait", "run 50")
    assert known(counted.pid, env)["loops"]
    told = counted.do("run 70")
    counted.send("become")
    wait_for(lambda: known(counted.pid, env)["comm"] == "sleep", "another program")
    check_all_is_there(known(counted.pid, env), told)
    stop(process)


def test_who_found_nobody_to_ask_is_offered_a_map():
    """A session is there, the process does not reach it yet, and hears nothing of its own."""
    process, env = counting_serve()
    link = os.path.join(tempdir(), "sockets")
    counted = Counted("--loops", 9, env={**env, "JITHOOKS_RUNS_DIR": link})
    assert counted.do("wait", "run 50")["mapped"] is False
    os.symlink(env["JITSCOPE_RUNS_DIR"], link)
    wait_for(lambda: counted.do("run 1")["mapped"], "its map")
    check_counts(snapshot(counted.pid, env=env), counted.said, "kernel")
    stop(process)


def test_run_shows_counts_in_own_memory():
    report = os.path.join(tempdir(), "report.json")
    one = start([JITSCOPE, "run", "--json", "-o", report, "--", program("runs"), "--loops", "5"],
                stdin=subprocess.PIPE, env={**runs_dir()[1], **NO_SOCKET})
    out, err = one.communicate("wait\nrun 100\n")
    assert one.returncode == 0, (out, err)
    with open(report) as f:
        check_all_is_there(json.load(f), json.loads(out.splitlines()[-1]))


def test_the_last_word_is_enough():
    """Where the kernel cannot look at what exits (before Linux 6.16)."""
    path = own_program("hostile")
    process, env = counting_serve("-f", path)
    one = start([path, "--mode", "last_word"])
    one.wait()
    snap = dead(one.pid, env)
    assert runs_of(snap) == {1: 77} and snap["complete"] is True, snap
    stop(process)


def last_runs(env, pid):
    path = f"{env['JITSCOPE_PIN_DIR']}/last_runs"
    rows = json.loads(run(["bpftool", "--json", "map", "dump", "pinned", path]).out)
    return [r for r in rows if r["formatted"]["key"]["pid"] == pid]


def test_absurd_counts_at_the_end_are_nobody_elses():
    need("bpftool")
    path = own_program("hostile")
    process, env = counting_serve("-f", path)
    share = 2 * (65536 // 64 + 256)
    for mode, least in (("last_word_absurd", 0), ("last_word_many", share)):
        one = start([path, "--mode", mode])
        for _ in range(2):
            counted, told = alone(env, "wait", "run 20")
            counted.end()
            check_all_is_there(dead(counted.pid, env), told)
        one.wait()
        dead(one.pid, env)
        assert least <= len(last_runs(env, one.pid)) <= share, mode
    stop(process)


KNOWN = """
local hooks = require "jithooks"
local s = 0
for i = 1, 300000 do if i % 3 == 0 then s = s + 1 else s = s + 2 end end
for i = 1, 100 do for j = 1, 100 do s = s + j end end
for kind, runs in pairs(hooks.get_stats_snapshot().loop_run_times) do
    for number, n in pairs(runs) do print(kind, number, n) end
end
"""


def test_two_hundred_jitluas_at_once_are_all_accounted_for():
    """Of so many some find the observer too busy to give them a map in time."""
    path = os.path.join(for_others(JITLUA), "jitlua")
    script = os.path.join(tempdir(), "known.lua")
    with open(script, "w") as f:
        f.write(KNOWN)
    process, env = counting_serve("--keep", "10", "-f", path)
    before = resources(process)
    crowd = [start([path, script], env=env) for _ in range(200)]
    told = {one.pid: {(kind, int(number)): int(n) for kind, number, n in
                      (line.split() for line in one.communicate()[0].splitlines())}
            for one in crowd}
    seen = {s["pid"]: s for s in all_known(env)}
    for pid, counts in told.items():
        snap = seen[pid]
        assert counts and {(r["type"], r["number"]): r["runs"] for r in
                           snap["loop_run_times"]} == counts, (counts, snap)
        assert snap["complete"] is True and snap["run_source"] in ("kernel", "region"), snap
    wait_for(lambda: not told.keys() & {s["pid"] for s in all_known(env)},
             "all of them to be forgotten", 90)
    wait_for(lambda: resources(process)[0] <= before[0], "the maps to be closed")
    assert resources(process)[1] <= before[1] + 16384, (before, resources(process))
    wait_for(lambda: not any(last_runs(env, pid) for pid in told), "their counts to go")
    stop(process)


def test_who_chose_what_he_watches_gets_the_counts():
    process, env = counting_serve()
    report = os.path.join(tempdir(), "report.json")
    one = start([JITSCOPE, "run", "--json", "-o", report, "--", program("runs"), "--loops", "5"],
                stdin=subprocess.PIPE, env=env)
    out, err = one.communicate("wait\nrun 100\n")
    assert one.returncode == 0, (out, err)
    with open(report) as f:
        check_counts(json.load(f), json.loads(out.splitlines()[-1]), "kernel")
    stop(process)


def test_the_next_one_goes_on_where_a_killed_one_stopped():
    process, env = counting_serve()
    counted = Counted("--loops", 9, env=env)
    counted.do("wait", "run 50")
    kill(process, signal.SIGKILL)
    process.wait()
    counted.do("run 7")  # uncounted, if it has heard of it by then
    process, _ = serve(env=env, pins=env["JITSCOPE_PIN_DIR"])
    told = counted.do("wait", "run 50")
    check_counts(snapshot(counted.pid, env=env), told, "kernel")
    stop(process)


def test_more_processes_count_than_it_may_open_files_at_first():
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    process, env = serve(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                               (60, limits[1])))
    crowd = [Counted(env=env) for _ in range(80)]
    for one in crowd:
        told = one.do("wait", "compile 1", "run 5")
        assert told["mapped"] is True, told
    stop(process)


def test_two_hundred_that_count_at_once_leave_nothing():
    process, env = counting_serve("--keep", "10", "-f", program("runs"))
    before = resources(process)
    crowd = [start([program("runs"), "--loops", "5"], stdin=subprocess.PIPE, env=env)
             for _ in range(200)]
    told = [json.loads(one.communicate("wait\nrun 100\nforks 2 10\n")[0].splitlines()[-1])
            for one in crowd]
    seen = {s["pid"]: s for s in all_known(env)}
    wrong = [(seen[one.pid], t) for one, t in zip(crowd, told)
             if runs_of(seen[one.pid]) != tally_of(t)]
    assert not wrong, (len(wrong), wrong[0])
    wait_for(lambda: not any(one.pid in {s["pid"] for s in all_known(env)} for one in crowd),
             "all of them to be forgotten", 90)
    wait_for(lambda: resources(process)[0] <= before[0], "the maps to be closed")
    assert resources(process)[1] <= before[1] + 16384, (before, resources(process))
    left = os.listdir(f"{env['JITSCOPE_PIN_DIR']}/loop_run_times")
    assert not [name for name in left if name.isdigit() and int(name) in {o.pid for o in crowd}]
    stop(process)


def test_all_users_are_counted_whatever_the_umask():
    folder = for_others(program("runs"))
    process, env = serve("-f", f"{folder}/runs", preexec_fn=lambda: os.umask(0o077))
    counted = Counted("--loops", 3, path=f"{folder}/runs", env=env, user=NOBODY)
    told = counted.do("wait", "run 50")
    assert told["mapped"] is True, told
    check_counts(snapshot(counted.pid, env=env), told, "kernel")
    counted.end()
    stop(process)


def test_a_closed_folder_of_sockets_stays_closed_and_is_told():
    need_bpf()
    _, env = runs_dir()
    os.mkdir(env["JITSCOPE_RUNS_DIR"], 0o700)
    os.chmod(env["JITSCOPE_RUNS_DIR"], 0o700)
    told = jitscope("snapshot", "--count=memory", "-f", program("embed"), status=None, env=env)
    assert "is closed to other users" in told.err, told
    os.mkdir(env["JITSCOPE_RUNS_DIR"], 0o700)
    assert "is closed to them" in jitscope("check", status=None, env=env).out
    os.rmdir(env["JITSCOPE_RUNS_DIR"])


# ---- Whom one cannot trust ------------------------------------------------------------------


def serve_strangers(*options, **more):
    """With a program of its own that asks for maps, which all users can run: what starts it."""
    path = os.path.join(for_others(program("runs_ask")), "runs_ask")
    process, env = serve(*options, "-f", path, **more)

    def ask(*commands, user=NOBODY):
        return start([path, env["JITSCOPE_RUNS_DIR"], "wait", *commands], env=env, user=user)
    return process, ask


def test_users_who_take_all_they_can_leave_some_for_others():
    process, ask = serve_strangers("--keep", "5")
    # 240 MiB are for users: of what is free, each may take half. A map takes half a MiB.
    greedy = [ask("grab:3000", "hold", user=NOBODY - i) for i in range(3)]
    grabbed = [answers(one, 2)[1]["grabbed"] for one in greedy]
    assert sum(grabbed) < 480 and min(grabbed) > 0, grabbed
    for user in (0, NOBODY - 3):
        assert answers(ask("ask:1", user=user), 2)[1]["status"] == 0, user
    for one in greedy:
        kill(one, signal.SIGKILL)
        finish(one)
    stop(process)


def test_memory_is_free_again_when_nobody_holds_it():
    """Which serve has to know without the right to ask for a map by its number."""
    process, ask = serve_strangers("--keep", "5")
    for user in (NOBODY, NOBODY - 1):
        one = ask("grab:3000", user=user)
        assert answers(one, 2)[1]["grabbed"] > 100
        finish(one)
    for user in (0, NOBODY, NOBODY - 1):
        wait_for(lambda user=user: answers(ask("ask:65536", user=user), 2)[1]["status"] == 0,
                 f"a map for user {user}", timeout=5)
    stop(process)


def test_without_the_iterator_memory_counts_for_a_time():
    """And one line says so. Root has a part that nobody else can take."""
    process, ask = serve_strangers("--keep", "5", env={"JITSCOPE_NO_MAP_ITERATOR": "1"})
    for user in (NOBODY, NOBODY - 1):
        one = ask("grab:300", user=user)
        assert answers(one, 2)[1]["grabbed"] > 100
        finish(one)
    assert answers(ask("ask:1"), 2)[1]["status"] == 2
    assert answers(ask("ask:1", user=0), 2)[1]["status"] == 0
    stop(process)
    told = jitscope("snapshot", "--count=memory", "-f", program("embed"), status=None,
                    env={**runs_dir()[1], "JITSCOPE_NO_MAP_ITERATOR": "1"}).err
    assert "free again only after 10 minutes" in told, told


def test_the_dead_make_room_for_others_in_the_maps():
    """More have ended than there is room for, and were to be kept for long."""
    path = own_program("runs")
    process, env = serve("--keep", "1h", "-f", path)
    crowd = Counted("--loops", 3, path=path, env=env)
    crowd.do("wait", "run 1")
    for _ in range(45):
        crowd.send("forks 200 1 2")
        for _ in range(201):
            crowd.answer()
    counted = Counted("--loops", 3, path=path, env=env)
    told = counted.do("wait", "run 50")
    check_counts(snapshot(counted.pid, env=env), told, "kernel")
    shown = all_known(env)
    assert 1000 < len(shown) < 8000 and shown[-1]["stats"]["map_full"] == 0, len(shown)
    stop(process)


def test_the_map_of_maps_has_room_for_all():
    """However many processes of one user ask for the smallest of maps, and end."""
    need("bpftool")
    process, ask = serve_strangers("--keep", "1h")
    one = ask("children:9000")
    assert answers(one, 2)[1] == {"given": 9000}
    other = ask("ask:1", "hold", user=0)
    assert answers(other, 2)[1]["status"] == 0
    wait_for(lambda: other.pid in maps_of(process), "the map to be published")
    stop(process)


def maps_of(process):
    """The pids that the map of maps of a session has maps for."""
    with open(f"/proc/{process.pid}/environ") as f:
        environment = dict(word.split("=", 1) for word in f.read().split("\0") if "=" in word)
    dumped = run(["bpftool", "--json", "map", "dump", "pinned",
                  environment["JITSCOPE_PIN_DIR"] + "/loop_run_times/maps"]).out
    return {int.from_bytes([int(b, 16) for b in row["key"]], "little")
            for row in json.loads(dumped)}


def test_the_dead_make_way_for_the_living():
    """Of the same user: what they counted is not kept as long as was asked for."""
    process, ask = serve_strangers("--keep", "1h")
    def is_given():
        one = ask("ask:65536")
        status = answers(one, 2)[1]["status"]
        finish(one)
        return status == 0

    for i in range(300):  # many in a second may have to wait until the kernel has freed a map
        wait_for(is_given, f"map number {i}")
    stop(process)

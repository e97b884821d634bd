# SPDX-License-Identifier: BSD-2-Clause
"""The command line: options, output, exit status, and what the JSON looks like."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from harness import (BUILD, JITSCOPE, LIBJITHOOKS, TOP, check_totals, embed, finish, for_others, held, jitscope, kill,
                     need, need_bpf, nonzero, pin_dir, program, read_line, run, snapshot, start,
                     tempdir, wait_for, watch)

COMMANDS = ("run", "snapshot", "trace", "list", "check")
WORK = ("--loops", 12, "--bridges", 5, "--aborts", 3, "--flushes", 2, "--frees", 4)


# ---- Help ------------------------------------------------------------------------------


def test_help_of_every_command():
    top = jitscope("--help")
    assert top.err == "" and top.out.startswith("Usage: jitscope COMMAND"), top
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\w", top.out, re.M), command
        helped = jitscope(command, "--help")
        assert helped.err == "" and helped.out.startswith(f"Usage: jitscope {command}"), helped
        assert "Examples:" in helped.out and "--json" in helped.out, helped.out
        assert jitscope(command, "-h").out == helped.out == jitscope("help", command).out
        assert max(map(len, helped.out.splitlines())) <= 100, helped.out


def test_version():
    out = jitscope("--version").out
    assert re.fullmatch(r"jitscope \d+\.\d+\.\d+\n", out), out
    assert out == jitscope("-V").out == jitscope("run", "--version").out


def test_check():
    plain = jitscope("check", status=None)
    checks = json.loads(jitscope("check", "--json", status=plain.status).out)
    assert checks["bpf"] is (plain.status == 0), (plain, checks)
    for check in checks["checks"]:
        assert check["status"] in ("ok", "limited", "missing"), check
        assert check["what"] and check["what"] in plain.out, check
        assert check["status"] != "missing" or check["remedy"], check
    assert {"kernel", "btf", "bpf", "bpffs", "memory"} <= {c["id"] for c in checks["checks"]}


def test_list():
    process, _ = held("embed")
    path = os.path.realpath(program("embed"))
    listed = json.loads(jitscope("list", "--json").out)
    (row,) = [f for f in listed["files"] if f["path"] == path]
    assert {"pid": process.pid, "comm": "embed"} in row["processes"], row
    assert len(row["probes"]) == 9 and row["unusable"] == [] and row["region"] is True, row
    (line,) = [x for x in jitscope("list", "-p", process.pid).out.splitlines() if path in x]
    assert line.split()[:2] == [str(process.pid), "embed"], line
    one = json.loads(jitscope("list", "--json", "-f", program("embed")).out)
    assert process.pid in [p["pid"] for p in one["files"][0]["processes"]], one


def test_who_cannot_be_looked_at_is_named():
    """What belongs to root, by one who is not."""
    path = os.path.join(for_others(JITSCOPE), "jitscope")
    process, _ = held("embed")
    listed = json.loads(run([path, "list", "--json"], user=65534).out)
    assert process.pid in listed["unreadable_pids"], listed
    assert len(listed["unreadable_pids"]) == listed["unreadable"], listed
    told = run([path, "list"], user=65534, status=None).err
    assert re.search(r"processes \([\d, .]+\) could not be looked at: they are of other", told), told
    told = run([path, "snapshot", "-a", "--no-bpf"], user=65534, status=None).err
    assert re.search(r"processes \([\d, .]+\) could not be read; root can", told), told


def test_more_files_than_one():
    paths = [shutil.copy(program("embed"), os.path.join(tempdir(), "embed")) for _ in range(3)]
    files = [word for path in paths[:2] for word in ("-f", path)]
    pids = []
    for path in paths:
        one = start([path, "--loops", "3", "--quiet", "--hold", "600", "--json"],
                    stdin=subprocess.DEVNULL)
        read_line(one, r"^\{")
        pids.append(one.pid)
    listed = json.loads(jitscope("list", "--json", *files).out)["files"]
    assert [[p["pid"] for p in f["processes"]] for f in listed] == [[p] for p in pids[:2]], listed
    for way in ((), ("--no-bpf",)):
        shown = jitscope("snapshot", "--json", *files, *way).out.splitlines()
        assert [json.loads(line)["pid"] for line in shown] == sorted(pids[:2]), (way, shown)


def test_region_files_can_be_several():
    folder = tempdir()
    for _ in range(2):
        run(embed(*WORK), env={"JITHOOKS_REGION_DIR": folder})
    paths = [os.path.join(folder, name) for name in os.listdir(folder)]
    shown = jitscope("snapshot", "--json", *(word for path in paths for word in ("-f", path))).out
    assert len(shown.splitlines()) == len(paths) == 2, shown


def test_events_of_more_files_than_one():
    need_bpf()
    paths = [shutil.copy(program("embed"), os.path.join(tempdir(), "embed")) for _ in range(2)]
    out = os.path.join(tempdir(), "events")
    start([JITSCOPE, "trace", "--json", "-o", out, "-f", paths[0], "-f", paths[1]])

    def seen():  # those that run when it has attached are
        pids = []
        for path in paths:
            one = start([path, "--loops", "3", "--quiet", "--json"])
            finish(one)
            pids.append(one.pid)
        time.sleep(0.2)
        with open(out) as f:
            text = f.read()
        return all(f'"pid": {pid},' in text or f'"pid":{pid},' in text for pid in pids)
    wait_for(seen, "events of both")


def examples():
    """The commands of the manual page and of every --help, each once."""
    with open(os.path.join(TOP, "tools/jitscope/man/jitscope.1")) as f:
        (manual,) = re.findall(r"\.SH EXAMPLES\n\.nf\n(.*?)\.fi", f.read(), re.S)
    found = manual.replace("\\-", "-").splitlines()
    for command in ((), *((c,) for c in COMMANDS)):
        helped = jitscope(*command, "--help").out
        found += re.findall(r"^  ((?:sudo )?jitscope .*)$", helped.split("Examples:")[1], re.M)
    return list(dict.fromkeys(found))


def test_the_examples_work():
    """As they are printed, but for what stands for something else, and for shorter times."""
    need_bpf()
    need("luajit", "pypy3", "nvim", "jq", "bpftool")
    process, _ = held("embed", *WORK)
    folder = tempdir()
    os.symlink(JITSCOPE, os.path.join(folder, "jitscope"))
    os.symlink(LIBJITHOOKS, os.path.join(folder, "libmyvm.so"))
    with open(os.path.join(folder, "sudo"), "w") as f:
        f.write('#!/bin/sh\nexec "$@"\n')
    os.chmod(os.path.join(folder, "sudo"), 0o755)
    for name, of in (("prog.lua", "hot_loop.lua"), ("prog.py", "words.py"),
                     ("script.lua", "hot_loop.lua")):
        os.symlink(program(of), os.path.join(folder, name))
    found = examples()
    assert len(found) >= 15, found
    for line in found:
        if line.endswith(" &"):
            # The next one looks at its maps while it runs: let it run until then.
            dump = found[found.index(line) + 1]
            assert dump.startswith("bpftool "), dump
            waits = line.replace("prog.lua", "-e 'for i = 1, 1e6 do end io.read()' <>go")
            line = (f"mkfifo go; {waits} until {dump} | grep -q '\"TRACING\": 1'; "
                    "do sleep 0.05; done; echo >go; wait $!")
        elif line.startswith("bpftool "):
            continue
        for text, short in (("4711", str(process.pid)), ("-i 5", "-i 0.05"), ("-d 10", "-d 0.2"),
                            ("/usr/lib/libmyvm.so", "./libmyvm.so")):
            line = line.replace(text, short)
        if re.search(r"(snapshot -p \d+ -i [\d.]+|trace -p \d+)$", line):
            line += " -d 0.2"  # it would go on until the process ends
        result = run(["bash", "-c", "set -o pipefail; " + line], cwd=folder,
                     env={"PATH": f"{folder}:{os.environ['PATH']}"})
        told = [x for x in result.err.splitlines() if x.startswith("jitscope: ")]
        assert not [x for x in told if "no trace" in x or "cannot" in x], result


def test_the_demo_is_that_of_the_readme():
    need("luajit", "luacheck")
    with open(os.path.join(TOP, "README.md")) as f:
        shown = re.findall(r"^\$ (jitscope run .*)$", f.read().split("## Demo")[1]
                           .split("With that advice taken")[0], re.M)
    out = run(["sh", "tests/demo/run"], cwd=TOP, env={"BUILD": BUILD}, stderr=subprocess.STDOUT).out
    assert re.findall(r"^\$ (jitscope run .*)$", out, re.M) == shown, shown
    assert len(shown) == 2 and len(re.findall("; the 5 most frequent", out)) == 2, out


# ---- The schema --------------------------------------------------------------------------


class Maybe:
    """A field that may also be null."""

    def __init__(self, kind):
        self.kind = kind


COUNTERS = """TRACING BACKEND OPS HEAPCACHED_OPS RECORDED_OPS GUARDS OPT_OPS OPT_GUARDS
    OPT_GUARDS_SHARED OPT_FORCINGS OPT_VECTORIZE_TRY OPT_VECTORIZED ABORT_TOO_LONG ABORT_BRIDGE
    ABORT_BAD_LOOP ABORT_ESCAPE ABORT_FORCE_QUASIIMMUT ABORT_SEGMENTED_TRACE FORCE_VIRTUALIZABLES
    NVIRTUALS NVHOLES NVREUSED TOTAL_COMPILED_LOOPS TOTAL_COMPILED_BRIDGES TOTAL_FREED_LOOPS
    TOTAL_FREED_BRIDGES""".split()
OWN_COUNTERS = """ABORT_OTHER FLUSHES BLACKLISTED GUARD_FAILURES HOOKS_SUPPRESSED HOOK_ERRORS
    OPTIMIZE_REPLACED OPTIMIZE_REJECTED UNTRACKED_LOOPS UNTRACKED_ABORTS""".split()
STATS = """hits foreign sent dropped map_full over_share bad_event read_fault busy unknown_loop
    lost_rows""".split()
SNAPSHOT = {
    "schema": "jitscope.snapshot/1", "pid": int, "comm": str, "jitdriver": str,
    "source": ("kernel", "region"), "run_source": Maybe(("kernel", "probe", "region")),
    "runs_since_ns": Maybe(int), "runs_complete": Maybe(bool), "counting": Maybe(bool),
    "runs_missing_seconds": float,
    "taken_ns": int, "start_ns": int, "alive": bool, "complete": bool,
    "counters": dict.fromkeys(COUNTERS + OWN_COUNTERS, int),
    "counter_times": dict.fromkeys(("TRACING", "BACKEND", "HOOKS"), float),
    "loop_run_times": [{"type": ("l", "e", "b"), "number": int, "runs": int}],
    "overflow_runs": int,
    "loops": [{
        "loop_no": int, "bridge_no": Maybe(int), "type": ("loop", "entry bridge", "bridge"),
        "greenkey": str, "asmaddr": int, "asmlen": int, "operations": int, "parent_no": Maybe(int),
        "exit_no": Maybe(int), "vm": int, "vm_no": int, "compile_seconds": float, "when_ns": int,
        "runs": int}],
    "aborts": [{"reason": str, "greenkey": str, "count": int, "counter": tuple(
        x for x in COUNTERS + OWN_COUNTERS if x.startswith("ABORT_")), "reason_id": int,
        "last_ns": int}],
    "flushes": [{"vm": int, "count": int, "cause": str, "dropped": int, "total_dropped": int,
                 "last_ns": int}],
    "findings": [{"id": str, "severity": ("info", "warning", "problem"), "what": str,
                  "advice": str}],
    "stats": dict.fromkeys(STATS, int),
}
RUN = {"command": [str], "exit_status": Maybe(int), "signal": Maybe(int), "wall_seconds": float,
       "user_seconds": float, "system_seconds": float}
TRACE = {"trace_no": int, "type": ("loop", "entry bridge", "bridge"), "greenkey": str,
         "loop_no": int, "parent_no": Maybe(int), "exit_no": Maybe(int), "vm": int}
EVENT = {"when_ns": int, "seconds": float, "pid": int, "tid": int, "comm": str, "jitdriver": str}
EVENTS = {
    "start": TRACE, "exec": {}, "exit": {}, "fork": {"parent_pid": int},
    "free": {**TRACE, "runs": int}, "runs": {**TRACE, "runs": int},
    "optimize": {**TRACE, "ops_before": int, "operations": int},
    "compile": {**TRACE, "operations": int, "asmaddr": int, "asmlen": int,
                "compile_seconds": float},
    "abort": {**TRACE, "reason": str, "reason_id": int, "operations": int, "count": int},
    "flush": {"cause": str, "dropped": int, "vm": int},
}


def check_schema(value, schema, where="$"):
    """Holds a value against a table like those above: no field less, none more."""
    if isinstance(schema, Maybe):
        return value is None or check_schema(value, schema.kind, where)
    if isinstance(schema, dict):
        assert isinstance(value, dict) and list(value) == list(schema), (where, list(value))
        return all(check_schema(value[k], schema[k], f"{where}.{k}") for k in schema)
    if isinstance(schema, list):
        assert isinstance(value, list), where
        return all(check_schema(x, schema[0], f"{where}[{i}]") for i, x in enumerate(value))
    if isinstance(schema, tuple):
        assert value in schema, (where, value)
    elif isinstance(schema, str):
        assert value == schema, (where, value)
    else:
        assert type(value) is schema, (where, value, schema)  # a bool is no int here
        assert schema in (str, bool) or value >= 0, (where, value)
    return True


def after(schema, field, **more):
    """The table with fields after one of it: the order is part of the schema."""
    out = {}
    for key, value in schema.items():
        out[key] = value
        if key == field:
            out.update(more)
    return out


def check_snapshot_schema(snap):
    check_schema(snap, SNAPSHOT)
    for kind in ("loops", "aborts", "flushes"):
        assert snap[kind], f"no {kind}: their fields are not seen"
    bridges = [x for x in snap["loops"] if x["bridge_no"] is not None]
    assert bridges and all(x["parent_no"] and x["type"] == "bridge" for x in bridges), bridges


def test_the_json_of_snapshot():
    process, _ = held("embed", *WORK)
    snap = snapshot(process.pid, "--no-bpf")
    check_snapshot_schema(snap)
    assert snap["loop_run_times"] and snap["pid"] == process.pid and snap["comm"] == "embed"
    need_bpf()
    snap = snapshot(process.pid)
    check_snapshot_schema(snap)
    assert snap["source"] == "kernel" and snap["jitdriver"] == "toy" and snap["alive"] is True


def test_the_json_of_run():
    need_bpf()
    for options in ((), ("--no-bpf",)):
        snap, _ = watch([program("emit"), *"--loops 5 --kind mix --events 999 --fork 1".split()],
                        *options)
        child, = snap["children"]
        check_schema(snap, {**after(SNAPSHOT, "complete", run=RUN), "children": [SNAPSHOT]})
        check_schema(child, SNAPSHOT)
        assert snap["run"]["command"][1:3] == ["--loops", "5"] and snap["run"]["exit_status"] == 0


def test_the_json_of_trace():
    need_bpf()
    path = os.path.join(tempdir(), "events")
    script = " ".join(embed(*WORK)) + f"; {program('emit')} --kind mix --events 40 --fork 1; true"
    for command in (embed(*WORK), ["sh", "-c", script]):
        jitscope("trace", "--json", "-o", path, "--", *command)
        with open(path) as f:
            events = [json.loads(line) for line in f]
        for event in events:
            check_schema(event, {"event": str, **EVENT, **EVENTS[event["event"]]}, event["event"])
        assert [e["when_ns"] for e in events if e["event"] == "compile"] == \
            sorted(e["when_ns"] for e in events if e["event"] == "compile")
        if command[0] != "sh":
            kinds = {e["event"] for e in events}
            assert kinds | {"runs"} == set(EVENTS) - {"fork"}, kinds
            assert {e["operations"] for e in events if e["event"] == "abort"} == {6000}
        else:
            assert "fork" in {e["event"] for e in events}, events


# ---- Output ----------------------------------------------------------------------------


def test_output_to_a_file():
    path = os.path.join(tempdir(), "report")
    result = jitscope("run", "-o", path, "--no-bpf", "--", *embed(*WORK))
    with open(path) as f:
        text = f.read()
    assert "TOTAL_COMPILED_LOOPS" in text and "Aborts" in text and "\033" not in text, text
    assert "TOTAL_COMPILED_LOOPS" not in result.err, result
    told = json.loads(result.out)
    result = jitscope("run", "--json", "-o", "-", "--no-bpf", "--", *embed(*WORK))
    first, second = map(json.loads, result.out.splitlines())
    check_totals(second, first)
    assert told["counters"] == first["counters"]


def test_output_that_cannot_be_written():
    process, _ = held("embed")
    for path in (tempdir(), "/no/such/folder/report"):
        for command in (("run", "-o", path, "--", "touch", os.path.join(tempdir(), "ran")),
                        ("snapshot", "-p", process.pid, "-o", path), ("list", "-o", path),
                        ("check", "-o", path)):
            result = jitscope(*command, status=1)
            assert path in result.err and len(result.err.splitlines()) == 1, result
    ran = os.path.join(tempdir(), "ran")
    jitscope("run", "-o", "/no/such/folder/report", "--", "touch", ran, status=1)
    assert not os.path.exists(ran), "nothing is started whose report cannot be written"
    for command in (["run", "--no-bpf", "--json", "-o", "/dev/full", "--", *embed()],
                    ["snapshot", "--no-bpf", "-p", process.pid, "-o", "/dev/full"],
                    ["list", "-o", "/dev/full"], ["check", "-o", "/dev/full"]):
        result = jitscope(*command, status=1)
        assert "/dev/full" in result.err and "No space" in result.err, result


def test_a_reader_that_goes_away():
    """As `| head -1`: the command ends soon and says nothing of it."""
    need_bpf()
    process = start([program("emit"), "--kind", "mix", "--rate", "2000", "--seconds", "600"],
                    stdin=subprocess.DEVNULL)
    for command in (("trace", "--json"), ("trace",), ("snapshot", "-i", "0.05"),
                    ("snapshot", "--json", "-i", "0.05", "--no-bpf")):
        reader = start([JITSCOPE, *command, "-p", str(process.pid)])
        read_line(reader, r"\S")
        reader.stdout.close()
        reader.stdout = None
        _, err = reader.communicate(timeout=60)
        assert err == "" and reader.returncode in (0, 1), (command, reader.returncode, err)
    assert process.poll() is None


def test_top_limits_the_text_and_not_the_json():
    process, told = held("embed", "--loops", 40, "--bridges", 0, "--flushes", 0, "--frees", 0)
    for n in (0, 1, 3, 40, 1000):
        text = jitscope("snapshot", "-p", process.pid, "--no-bpf", "--top", n).out
        assert len(re.findall(r" loop +toy0:\d+$", text, re.M)) == min(n, 40), text
        assert re.search(r"\b40 live", text), text
    snap = snapshot(process.pid, "--no-bpf", "--top", 1)
    check_totals(snap, told)


def test_the_text_has_the_figures():
    process, told = held("embed", *WORK)
    text = jitscope("snapshot", "-p", process.pid, "--no-bpf").out
    rows = dict(reversed(row) for row in re.findall(r"^ +([\d,]+)  ([A-Z_]{3,}) ", text, re.M))
    assert {k: int(v.replace(",", "")) for k, v in rows.items()} == nonzero(told["counters"]), text
    assert re.search(r"^ +9 +100\.0%  trace too long +toy:99$", text, re.M), text
    assert re.search(r"2  of VM 1: toy code memory full", text), text


# ---- Again and again ------------------------------------------------------------------------


def test_count_and_interval():
    process, told = held("embed", *WORK)
    for options in ((), ("--no-bpf",)):
        if not options:
            need_bpf()
        out = jitscope("snapshot", "--json", "-p", process.pid, "-i", "0.05", "-n", 4, *options).out
        snaps = [json.loads(line) for line in out.splitlines()]
        assert len(snaps) == 4
        for snap in snaps:
            check_totals(snap, told)
        times = [s["taken_ns"] for s in snaps]
        assert times == sorted(times) and times[3] - times[0] > 100e6, times
    assert len(jitscope("snapshot", "--json", "-p", process.pid, "--no-bpf").out.splitlines()) == 1


def test_intervals_show_what_is_new():
    process = start([program("embed"), "--loops", "100000", "--sleep-us", "200", "--quiet"])
    wait_for(lambda: jitscope("snapshot", "--no-bpf", "-p", process.pid, status=None).status == 0,
             "a VM")
    text = start([JITSCOPE, "snapshot", "-p", str(process.pid), "--no-bpf", "-i", "0.2", "-n", "3"])
    result = finish(text)
    new = re.findall(r"^ +([\d,]+) +([\d,]+) +[\d.]+  TRACING ", result.out, re.M)
    assert len(new) == 2, result
    (all1, _), (all2, new2) = [[int(x.replace(",", "")) for x in row] for row in new]
    assert new2 == all2 - all1 > 0, new


def test_duration():
    need_bpf()
    process = start([program("emit"), "--kind", "mix", "--rate", "500", "--seconds", "600"],
                    stdin=subprocess.DEVNULL)
    out = jitscope("trace", "--json", "-p", process.pid, "-d", "0.4").out
    times = [json.loads(line)["when_ns"] for line in out.splitlines()]
    assert times and max(times) - min(times) < 100e9
    out = jitscope("snapshot", "--json", "-p", process.pid, "-d", "0.4s", "-i", "0.1").out
    assert 2 <= len(out.splitlines()) <= 5, out
    assert process.poll() is None


def test_a_process_that_has_ended_is_shown_once_more():
    need_bpf()
    (ends, _), (stays, _) = held("embed", *WORK), held("embed", *WORK)
    watcher = start([JITSCOPE, "snapshot", "--json", "-a", "-i", "0.1"])

    def next_of(pid):
        return json.loads(read_line(watcher, rf'^\{{"schema":"[^"]+","pid":{pid},.*').group())

    assert next_of(ends.pid)["alive"] is True
    ends.kill()
    ends.wait()
    while next_of(ends.pid)["alive"]:
        pass
    rows = []
    while rows.count(stays.pid) < 5:
        rows.append(json.loads(read_line(watcher, r"^\{.*").group())["pid"])
    assert ends.pid not in rows, "it was shown again after its end"


def test_the_number_of_a_thread_is_no_process():
    script = ("import threading, time\n"
              "def wait():\n print(threading.get_native_id(), flush=True)\n time.sleep(600)\n"
              "threading.Thread(target=wait, daemon=True).start()\ntime.sleep(600)")
    process = start([sys.executable, "-S", "-c", script])
    thread = read_line(process, r"^\d+$").group()
    for command in (("snapshot",), ("snapshot", "--no-bpf"), ("snapshot", "-i", "0.1"), ("trace",),
                    ("list",)):
        result = jitscope(*command, "-p", thread, status=1)
        assert result.out == "" and len(result.err.splitlines()) == 1, result
        assert f"{thread} is a thread of process {process.pid}" in result.err, result


# ---- Runs of loops -------------------------------------------------------------------------


def test_runs_are_counted_by_probe_if_asked_for():
    need_bpf()
    command = [program("emit"), *"--loops 20 --places 20 --kind loop__run --events 500".split()]
    snap, _ = watch(command)
    assert snap["loop_run_times"] == [] and snap["stats"]["unknown_loop"] == 0, snap
    snap, _ = watch(command, "--count=probe")
    assert {r["number"]: r["runs"] for r in snap["loop_run_times"]} == \
        {i: 25 for i in range(1, 21)}, snap["loop_run_times"]
    assert {r["type"] for r in snap["loop_run_times"]} == {"l"}, snap["loop_run_times"]
    assert [x["runs"] for x in snap["loops"]] == [25] * 20, snap["loops"]


def test_runs_that_the_process_counts_itself_are_not_counted_twice():
    need_bpf()
    snap, result = watch(embed(*WORK), "--count=probe")
    told = json.loads(result.out)
    assert len(snap["loop_run_times"]) == told["live_loops"], snap["loop_run_times"]
    assert {r["runs"] for r in snap["loop_run_times"]} == {told["runs_per_loop"]}, snap


def test_runs_are_counted_in_a_process_that_runs_already():
    need_bpf()
    need("bpftool")
    command = [program("emit"), *"--loops 9 --places 9 --kind loop__run --rate 900".split()]
    for way in (("snapshot", "-i", "0.1"), ("trace",)):
        process = start([*command, "--seconds", "600"], stdin=subprocess.DEVNULL)
        wait_for(lambda: jitscope("snapshot", "--no-bpf", "-p", process.pid,
                                  status=None).status == 0, "a VM")
        pins = pin_dir()
        watcher = start([JITSCOPE, *way, "-p", str(process.pid), "--json", "--count=probe",
                         f"--pin={pins}"])

        def counted():
            rows = run(["bpftool", "--json", "map", "dump", "pinned", pins + "/loops"],
                       status=None)
            if rows.status:
                return False
            runs = [r["formatted"]["value"]["runs"] for r in json.loads(rows.out)]
            return len(runs) == 9 and min(runs) > 3

        wait_for(counted, "runs of all loops in the map")
        kill(process, signal.SIGKILL)  # and nobody waits for it: it stays a zombie
        result = finish(watcher)
        if way[0] == "snapshot":
            last = json.loads(result.out.splitlines()[-1])
            assert min(r["runs"] for r in last["loop_run_times"]) > 3, last


def test_runs_and_pins_need_bpf():
    for option in ("--count=probe", "--pin"):
        for command in (("run", "--no-bpf", option, "--", "true"),
                        ("snapshot", "-a", "--no-bpf", option)):
            result = jitscope(*command, status=2)
            (line,) = result.err.splitlines()
            assert option in line and "--no-bpf" in line, line


# ---- What the child sees ----------------------------------------------------------------------


def test_the_exit_status_is_that_of_the_child():
    for options in ((), ("--no-bpf",)):
        for status in (0, 1, 7, 77, 126, 127, 255):
            jitscope("run", *options, "--", "sh", "-c", f"exit {status}", status=status)
        for number in (signal.SIGTERM, signal.SIGSEGV, signal.SIGKILL):
            jitscope("run", *options, "--", "sh", "-c", f"kill -{number.value} $$",
                     status=128 + number)


def test_stdin_and_stdout_are_the_childs():
    data = "".join(f"line {i} \u00e4\n" for i in range(50000))
    for options in ((), ("--no-bpf",)):
        process = start([JITSCOPE, "run", *options, "--", "cat"], stdin=subprocess.PIPE)
        out, err = process.communicate(data, timeout=60)
        assert process.returncode == 0 and out == data, (len(out), err)
        assert len(err.splitlines()) <= 2, err


def test_arguments_and_environment_are_handed_on():
    script = ("import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd(),"
              "[x for x in open('/proc/self/status') if x.startswith(('SigBlk', 'SigIgn'))],"
              "sorted(map(int, os.listdir('/proc/self/fd')))]))")
    arguments = ["-p", "--json", "", "a b", "*", "-"]
    plain = json.loads(run([sys.executable, "-S", "-c", script, *arguments],
                           env={"MINE": "x=y z"}).out)
    for options in ((), ("--no-bpf",)):
        seen = json.loads(jitscope("run", *options, "--no-adapter", "--", sys.executable, "-S",
                                   "-c", script, *arguments, env={"MINE": "x=y z"}).out)
        seen[1].pop("JITHOOKS_REGION_DIR", None)
        assert ("JITHOOKS_COUNT_RUNS" in seen[1]) == bool(options), options
        seen[1].pop("JITHOOKS_COUNT_RUNS", None)
        assert seen == plain, (options, seen, plain)
        seen = json.loads(jitscope("run", *options, "--", sys.executable, "-S", "-c", script,
                                   *arguments, env={"MINE": "x=y z", "PYTHONPATH": "/mine"}).out)
        assert seen[0] == arguments and seen[1]["MINE"] == "x=y z", seen
        assert seen[1]["PYTHONPATH"].split(":")[-1] == "/mine", seen[1]["PYTHONPATH"]


def test_signals_reach_the_child():
    for options in ((), ("--no-bpf",)):
        report = os.path.join(tempdir(), "report")
        runner = start([JITSCOPE, "run", "--json", "-o", report, *options, "--", program("emit"),
                        "--loops", "9", "--hold", "--json"], stdin=subprocess.PIPE)
        read_line(runner, r"^\{")
        kill(runner, signal.SIGTERM)
        assert finish(runner).status == 0
        with open(report) as f:
            assert len(json.load(f)["loops"]) == 9
        # emit ends with its input, too; this one only by the signal (the terminal sends SIGINT
        # to both).
        for number in (signal.SIGTERM, signal.SIGHUP):
            script = f"trap 'exit 7' {number.value}; echo; while :; do sleep 0.02; done"
            runner = start([JITSCOPE, "run", *options, "--", "sh", "-c", script])
            read_line(runner, "^$")
            kill(runner, number)
            assert finish(runner, timeout=20).status == 7, number

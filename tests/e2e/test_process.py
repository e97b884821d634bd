# SPDX-License-Identifier: BSD-2-Clause
"""The life of watched processes, and watching without privileges."""
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time

from harness import (JITSCOPE, check_totals, embed, finish, for_others, has_bpf, held, is_root,
                     jitscope, kill, need, need_bpf, nonzero, pin_dir, program, read_line, run,
                     semaphores, snapshot, start, tempdir, wait_for, watch)
from test_luajit import Verbose, same_as

NOBODY = 65534
WORK = ("--loops", 12, "--bridges", 5, "--aborts", 3, "--flushes", 2, "--frees", 4)


def told_by(result):
    """The JSON lines that the watched programs wrote, by pid."""
    return {told["pid"]: told for told in map(json.loads, result.out.splitlines())}


def emit(*arguments):
    return [program("emit"), *map(str, arguments), "--json"]


def numbers(snap):
    return {loop["loop_no"] for loop in snap["loops"]}


# ---- Fork and exec ----------------------------------------------------------------


def test_forked_children_have_figures_of_their_own():
    need_bpf()
    snap, result = watch(emit("--kind", "compile", "--events", 5, "--fork", 3))
    told = told_by(result)
    assert len(told) == 4 and snap["pid"] in told, told
    assert {c["pid"] for c in snap["children"]} == set(told) - {snap["pid"]}
    for process in [snap, *snap["children"]]:
        assert process["comm"] == "emit" and process["jitdriver"] == "emit", process
        assert len(process["loops"]) == told[process["pid"]]["compile"] == 5, process["loops"]
        assert process["complete"] is True, process


def test_a_child_has_the_code_that_its_parent_had():
    """It runs on with it, though no event of its own tells of it."""
    need_bpf()
    process, told = held("emit", "--loops", 40, "--kind", "compile", "--events", 5, "--fork", 1)
    parent, child = sorted((told["pid"], json.loads(read_line(process, r"^\{.*").group())["pid"]))
    if parent != process.pid:
        parent, child = child, parent
    for pid in (parent, child):
        snap = snapshot(pid)
        assert len(snap["loops"]) == 45 and numbers(snap) == set(range(1, 46)), snap["loops"]


def test_code_from_before_a_fork_is_seeded_into_a_watched_child():
    need_bpf()
    need("bpftool")
    out = os.path.join(tempdir(), "events")
    emitter = start(emit("--loops", 40, "--kind", "compile", "--events", 5, "--rate", 20, "--fork",
                         1, "--wait", "--hold"), stdin=subprocess.DEVNULL)
    # --wait also waits for the probes that only trace attaches to.
    pins = pin_dir()
    trace = start([JITSCOPE, "trace", "--json", "-p", str(emitter.pid), "-o", out,
                   f"--pin={pins}"])
    told = [json.loads(read_line(emitter, r"^\{.*").group()) for _ in range(2)]
    (child,) = {t["pid"] for t in told} - {emitter.pid}

    def loops_of(pid):
        rows = json.loads(run(["bpftool", "--json", "map", "dump", "pinned",
                               pins + "/loops"]).out)
        return {r["formatted"]["key"]["no"] for r in rows if r["formatted"]["key"]["pid"] == pid}

    wait_for(lambda: loops_of(child) == set(range(1, 46)), "the loops of the child in the map")
    assert loops_of(emitter.pid) == set(range(1, 46))
    kill(emitter)
    assert finish(emitter).status == 0
    assert finish(trace).status == 0


def test_exec_of_one_provider_by_another():
    """Only the last program of a pid is reported, with nothing of the one before it."""
    need_bpf()
    script = f"""
        {program("emit")} --loops 9 --json
        exec {' '.join(embed(*WORK))}"""
    snap, result = watch(["sh", "-c", f"exec {program('emit')} --loops 9 --json"])
    assert snap["comm"] == "emit" and len(snap["loops"]) == 9, snap
    snap, result = watch(["sh", "-c", script])
    told = told_by(result)
    check_totals(snap, told[snap["pid"]])
    assert snap["comm"] == "embed" and snap["jitdriver"] == "toy", snap
    (child,) = snap["children"]
    assert child["comm"] == "emit" and len(child["loops"]) == 9, child


def test_exec_of_a_provider_by_one_that_has_compiled():
    """The region of the older program is there, too, and told from that of the last one."""
    need("luajit")
    code = ("for i = 1, 300 do end for i = 1, 300 do local f = function() end end "
            "local ffi = require 'ffi' "
            "ffi.cdef 'int execl(const char *path, const char *arg, ...);' "
            f"local path = '{program('emit')}' "
            "ffi.C.execl(path, path, '--loops', '9', '--json', ffi.cast('char *', 0))")
    for options in ((), ("--no-bpf",)):
        if not options and not (is_root() and has_bpf()):
            continue
        snap, result = watch(["luajit", "-e", code], *options)
        assert json.loads(result.out)["pid"] == snap["pid"], result
        assert snap["comm"] == snap["jitdriver"] == "emit" and numbers(snap) == set(range(1, 10)), \
            (options, snap["comm"], snap["jitdriver"], snap["loops"])
        assert snap["aborts"] == [] and snap["counters"]["ABORT_OTHER"] == 0, snap["aborts"]
        assert snap["counters"]["TRACING"] == 9 and snap["complete"] is True, snap["counters"]


def test_exec_is_traced():
    need_bpf()
    path = os.path.join(tempdir(), "events")
    jitscope("trace", "--json", "-o", path, "--", "sh", "-c", "exec " + " ".join(embed()))
    with open(path) as f:
        events = [json.loads(line) for line in f]
    assert [e["comm"] for e in events if e["event"] == "exec"] == ["sh", "embed"]
    assert events[-1]["event"] == "exit"
    assert len({e["pid"] for e in events}) == 1


def test_threads_of_one_process_add_up():
    need_bpf()
    snap, result = watch(embed(*WORK, "--threads", 8))
    check_totals(snap, told_by(result)[snap["pid"]])
    assert len({loop["vm"] for loop in snap["loops"]}) == 8


# ---- The end --------------------------------------------------------------------------


def killed_reports(*options, user=None, command=None, tool=JITSCOPE):
    """SIGKILL: run exits as the shell would, with the last figures."""
    report = os.path.join(for_others(), "report.json")
    if user:
        os.chown(os.path.dirname(report), user, user)
    runner = start([tool, "run", "--json", "-o", report, *options, "--",
                    command or program("emit"), "--loops", "20", "--kind", "abort", "--events", "7",
                    "--hold", "--json"], stdin=subprocess.PIPE, user=user)
    told = json.loads(read_line(runner, r"^\{.*").group())
    os.kill(told["pid"], signal.SIGKILL)
    result = finish(runner)
    assert result.status == 137, result
    with open(report) as f:
        snap = json.load(f)
    assert snap["run"]["signal"] == 9 and snap["run"]["exit_status"] is None, snap["run"]
    assert len(snap["loops"]) == 20 and snap["counters"]["TOTAL_COMPILED_LOOPS"] == 20, snap
    assert sum(a["count"] for a in snap["aborts"]) == 7, snap["aborts"]
    assert snap["alive"] is False and snap["complete"] is True, snap
    return snap


def test_a_killed_process_leaves_its_last_figures():
    need_bpf()
    assert killed_reports()["source"] == "kernel"


def test_a_killed_process_leaves_its_last_figures_without_bpf():
    assert killed_reports("--no-bpf")["source"] == "region"


def test_a_process_that_exits_at_once():
    need_bpf()
    snap, result = watch(["/bin/true"])
    assert not nonzero(snap["counters"]) and snap["loops"] == [], snap
    assert snap["run"]["exit_status"] == 0 and snap["run"]["signal"] is None, snap["run"]
    assert len(result.err.splitlines()) == 1 and "/bin/true" in result.err, result
    snap, result = watch(embed("--loops", 0, "--bridges", 0, "--aborts", 0, "--flushes", 0))
    assert not nonzero(snap["counters"]), snap


def test_short_work_is_complete():
    """However short: a process that is gone before anybody could look at it."""
    need_bpf()
    for _ in range(5):
        snap, result = watch(embed(*WORK))
        check_totals(snap, told_by(result)[snap["pid"]])


def test_short_work_of_a_child_is_complete():
    """Its file was not known before: jitscope only hears of it when it starts."""
    need_bpf()
    for _ in range(5):
        snap, result = watch(["sh", "-c", " ".join(embed(*WORK)) + "; true"])
        (child,) = snap["children"]
        check_totals(child, told_by(result)[child["pid"]])


def test_short_work_of_a_fork_is_complete():
    """It ends before its inheritance could be read from it."""
    need_bpf()
    snap, result = watch(emit("--loops", 7, "--kind", "compile", "--events", 5, "--fork", 2))
    assert {snap["pid"], *(c["pid"] for c in snap["children"])} == set(told_by(result))
    for process in [snap, *snap["children"]]:
        assert numbers(process) == set(range(1, 13)), process["loops"]
        assert process["complete"] is True, process


def test_snapshots_end_with_their_process():
    need_bpf()
    process, told = held("embed", *WORK)
    watcher = start([JITSCOPE, "snapshot", "--json", "-p", str(process.pid), "-i", "0.1"])
    read_line(watcher, r"^\{")
    process.kill()
    process.wait()
    result = finish(watcher)
    assert result.status == 0, result
    last = json.loads(result.out.splitlines()[-1])
    check_totals(last, told)


def test_what_a_system_wide_session_knows_of_the_dead_is_collected():
    """After ten seconds or more; until then anybody can read it."""
    need_bpf()
    need("bpftool")
    path = os.path.join(for_others(program("embed")), "embed")
    stays = start([path, "--quiet", "--json", "--hold", "600"])
    read_line(stays, r"^\{")
    pins = pin_dir()
    watcher = start([JITSCOPE, "snapshot", "--json", "-f", path, "-i", "0.5", f"--pin={pins}"],
                    stdout=subprocess.DEVNULL)

    def about(name):
        rows = json.loads(run(["bpftool", "--json", "map", "dump", "pinned",
                               f"{pins}/{name}"]).out)
        keys = [r["formatted"]["key"] for r in rows]
        return {k["pid"] if isinstance(k, dict) else k for k in keys}

    tables = ("processes", "counters", "counter_times", "loops", "aborts", "flushes")
    wait_for(lambda: all(os.path.exists(f"{pins}/{name}") for name in tables), "the pins")
    wait_for(lambda: all(stays.pid in about(name) for name in tables), "the first process")
    told = json.loads(run([path, *map(str, WORK), "--quiet", "--json"]).out)
    died = time.monotonic()
    for name in tables:
        assert told["pid"] in about(name), name
    wait_for(lambda: not any(told["pid"] in about(name) for name in tables), "the collection",
             timeout=60)
    assert time.monotonic() - died > 9
    assert all(stays.pid in about(name) for name in tables)
    kill(watcher, signal.SIGINT)
    finish(watcher)


# ---- Elsewhere ---------------------------------------------------------------------------


def test_a_process_in_another_mount_namespace():
    """Its file has a name that means nothing, or something else, out here."""
    need_bpf()
    need("unshare", "mount")
    inside = f"""
        mount -t tmpfs none /mnt && cp {program("embed")} /mnt/embed &&
        exec /mnt/embed {' '.join(map(str, WORK))} --quiet --json --hold 600"""
    process = start(["unshare", "--mount", "sh", "-c", inside])
    told = json.loads(read_line(process, r"^\{.*").group())
    assert not os.path.exists("/mnt/embed")
    check_totals(snapshot(told["pid"]), told)
    check_totals(snapshot(told["pid"], "--no-bpf"), told)
    listed = json.loads(jitscope("list", "--json", "-p", told["pid"]).out)
    assert [f["path"].endswith("/mnt/embed") for f in listed["files"]] == [True], listed


def test_a_process_in_a_chroot():
    need_bpf()
    need("chroot", "ldd")
    root = tempdir()
    files = run(["ldd", program("embed")]).out.split()
    for path in [program("embed"), *(word for word in files if word.startswith("/"))]:
        to = root + ("/embed" if path == program("embed") else path)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        with open(path, "rb") as source, open(to, "wb") as target:
            target.write(source.read())
        os.chmod(to, 0o755)
    process = start(["chroot", root, "/embed", *map(str, WORK), "--quiet", "--json", "--hold",
                     "600"])
    told = json.loads(read_line(process, r"^\{.*").group())
    check_totals(snapshot(told["pid"]), told)
    check_totals(snapshot(told["pid"], "--no-bpf"), told)


def test_a_file_that_was_replaced_since():
    """As by an upgrade: the process runs the old file, which has no name any more."""
    need_bpf()
    folder = for_others(program("embed"))
    path = os.path.join(folder, "embed")
    process = start([path, *map(str, WORK), "--quiet", "--json", "--hold", "600"])
    told = json.loads(read_line(process, r"^\{.*").group())
    os.unlink(path)
    with open(path, "w") as f:
        f.write("no ELF file\n")
    check_totals(snapshot(process.pid), told)


def with_pid(pid, command):
    """Starts embed under a pid that was another's: what it says, and the process."""
    for _ in range(200):  # another process of this machine may take the pid first
        with open("/proc/sys/kernel/ns_last_pid", "w") as f:
            f.write(str(pid - 1))
        process = start(command)
        told = json.loads(read_line(process, r"^\{.*").group())
        if told["pid"] == pid:
            return told, process
        process.kill()
        process.wait()
    raise AssertionError(f"200 tries to get the pid {pid}")


def test_a_pid_is_used_again():
    """A new process with the pid of one that was watched starts from nothing."""
    need_bpf()
    path = os.path.join(for_others(program("embed")), "embed")
    held_back = start([path, "--quiet", "--json", "--hold", "600"])
    read_line(held_back, r"^\{")
    watcher = start([JITSCOPE, "snapshot", "--json", "-f", path, "-i", "0.1"])
    read_line(watcher, r"^\{")  # attached: from here on nothing is missed

    def seen(told):
        snap = json.loads(read_line(watcher, r"^\{.*").group())
        if snap["pid"] == told["pid"] and nonzero(snap["counters"]) == nonzero(told["counters"]):
            check_totals(snap, told)
            return True
        return False

    first = json.loads(run([path, "--quiet", "--json", "--loops", "30"]).out)
    wait_for(lambda: seen(first), "the first process")
    second, _ = with_pid(first["pid"], [path, *map(str, WORK), "--quiet", "--json", "--hold", "600"])
    wait_for(lambda: seen(second), "the second process")
    os.kill(second["pid"], signal.SIGKILL)

    def ended():
        snap = json.loads(read_line(watcher, r"^\{.*").group())
        return snap["pid"] == second["pid"] and snap["alive"] is False

    wait_for(ended, "the end of the second process")


def test_a_stranger_with_the_pid_of_a_watched_process_is_not_watched():
    """It is not of those that `run` started: its hits are foreign."""
    need_bpf()
    report = os.path.join(tempdir(), "report.json")
    runner = start([JITSCOPE, "run", "--json", "-o", report, "--", "sh", "-c",
                    " ".join(embed(*WORK, "--hold", 1)) + "; read line"], stdin=subprocess.PIPE)
    first = json.loads(read_line(runner, r"^\{.*").group())
    with open(f"/proc/{runner.pid}/task/{runner.pid}/children") as f:
        shell = f.read().strip()
    wait_for(lambda: not os.path.exists(f"/proc/{first['pid']}"), "the end of the child")
    assert os.path.exists(f"/proc/{shell}")
    second, stranger = with_pid(first["pid"], [program("embed"), "--loops", "77", "--quiet",
                                               "--json", "--hold", "600"])
    runner.stdin.write("\n")
    runner.stdin.flush()
    assert finish(runner).status == 0
    with open(report) as f:
        snap = json.load(f)
    (child,) = snap["children"]
    check_totals(child, first)
    assert child["pid"] == second["pid"] == stranger.pid
    assert snap["stats"]["foreign"] > 77, snap["stats"]


def test_in_a_pid_namespace_the_region_is_read():
    """As in a container: the pids that the kernel knows are not those seen in there."""
    need("unshare", "luajit")
    inside = ["unshare", "-pf", "--mount-proc"]
    if run([*inside, "true"], status=None).status:
        need_bpf()  # root may unshare
        raise AssertionError("unshare is refused")
    log, report = (os.path.join(tempdir(), name) for name in ("log", "report"))
    watched = [*inside, JITSCOPE, "run", "--json", "-o", report, "--"]
    result = run([*watched, *embed(*WORK)])
    (line,) = result.err.splitlines()
    assert "container" in line and "region" in line, line
    with open(report) as f:
        snap = json.load(f)
    assert snap["source"] == "region", snap["source"]
    check_totals(snap, told_by(result)[snap["pid"]])

    run([*watched, "luajit", "-jv=" + log, program("words.lua"), "100000"])
    with open(report) as f:
        snap = json.load(f)
    assert snap["source"] == "region" and snap["counters"]["TRACING"], snap
    same_as(Verbose(log), snap)

    result = run([*inside, JITSCOPE, "check"], status=1)
    assert "pid-namespace" in result.out and "All commands work" not in result.out, result
    assert json.loads(run([*inside, JITSCOPE, "check", "--json"], status=1).out)["bpf"] is False
    result = run([*inside, JITSCOPE, "trace", "--", "true"], status=1)
    assert result.out == "" and len(result.err.splitlines()) == 1, result


# ---- The folder of regions ---------------------------------------------------------------


def folder_of_regions(*options, tool=JITSCOPE, **more):
    """Where `run` has processes leave their regions: private, and gone afterwards."""
    script = 'echo "$JITHOOKS_REGION_DIR"; stat -c "%a %u" "$JITHOOKS_REGION_DIR"'
    path, mode, owner = run([tool, "run", *options, "--", "sh", "-c", script], **more).out.split()
    assert mode == "700" and int(owner) == (more.get("user") or os.geteuid()), (mode, owner)
    assert not os.path.exists(path), f"{path} is left"
    return path


def test_the_folder_of_regions_is_private_and_goes_away():
    folder_of_regions("--no-bpf")
    need_bpf()
    folder_of_regions()


def dead_pid():
    process = start(["true"])
    process.wait()
    return process.pid


def listing(path):
    return sorted((name, os.lstat(os.path.join(path, name)).st_mode) for name in os.listdir(path))


def test_what_a_killed_jitscope_left_is_removed_by_the_next():
    regions = os.path.dirname(folder_of_regions("--no-bpf"))
    runner = start([JITSCOPE, "run", "--no-bpf", "--", *embed(*WORK, "--hold", 600)])
    child = json.loads(read_line(runner, r"^\{.*").group())["pid"]
    (left,) = [os.path.join(regions, name) for name in os.listdir(regions)
               if name.startswith(f".jitscope-regions.{runner.pid}.")]
    assert [name for name in os.listdir(left) if name.startswith(f"{child}.")], listing(left)
    folder_of_regions("--no-bpf")
    assert os.path.exists(left), "it was in use"
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    assert os.path.exists(left)
    folder_of_regions("--no-bpf")
    assert not os.path.exists(left)
    os.kill(child, signal.SIGKILL)


def test_no_folder_of_somebody_else_is_removed():
    """Each of these differs from what jitscope leaves in one thing only."""
    parent = os.path.dirname(folder_of_regions("--no-bpf"))
    pid, made = dead_pid(), []

    def make(name, *files, mode=0o700):
        path = os.path.join(parent, name)
        os.mkdir(path)
        made.append(path)
        for file in files:
            with open(os.path.join(path, file), "w"):
                pass
        os.chmod(path, mode)
        return path

    def ours(suffix):
        return f".jitscope-regions.{pid}.{suffix}"

    marker = ".jitscope-regions"
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [shutil.rmtree(path, ignore_errors=True) for path in made])
        make(f"jitscope-{pid}-notes", "1.a", marker)
        make(f".jitscope-regions.{pid}", "1.a", marker)
        make(ours("abcde"), "1.a", marker)
        make(ours("abcdefg"), "1.a", marker)
        make(ours("abc-ef"), "1.a", marker)
        make(f".jitscope-regions.0{pid}.abcdef", "1.a", marker)
        make(f".jitscope-regions.{os.getpid()}.abcdef", "1.a", marker)
        make(ours("AAAAA0"))
        make(ours("AAAAA1"), "1.a")
        make(ours("AAAAA2"), "1.a", marker, "notes")
        make(ours("AAAAA3"), "1.a", marker, "1.A")
        make(ours("AAAAA4"), "1.a", marker, "2.")
        make(ours("AAAAA5"), "1.a", marker, "1.a0123456789abcdef")
        make(ours("AAAAA6"), "1.a", marker, mode=0o755)
        os.mkdir(os.path.join(make(ours("AAAAA7"), "1.a", marker), "2.b"))
        os.symlink("/etc/passwd", os.path.join(make(ours("AAAAA8"), "1.a", marker), "2.b"))
        os.mkfifo(os.path.join(make(ours("AAAAA9"), "1.a", marker), "2.b"))
        target = make(f"jitscope-{pid}-target", "1.a", marker)
        os.symlink(target, os.path.join(parent, ours("AAAAB0")))
        stack.callback(os.unlink, os.path.join(parent, ours("AAAAB0")))
        locked = os.open(make(ours("AAAAB1"), "1.a", marker), os.O_RDONLY)
        stack.callback(os.close, locked)
        fcntl.flock(locked, fcntl.LOCK_EX)
        if is_root():
            os.chown(make(ours("AAAAB2"), "1.a", marker), NOBODY, NOBODY)
            os.chown(os.path.join(make(ours("AAAAB3"), "1.a", marker), "1.a"), NOBODY, NOBODY)
        all_ours = make(ours("AAAAB4"), "1.a", f"{pid}.123456789abcdef0", marker)
        before = {path: listing(path) for path in made if path != all_ours}
        folder_of_regions("--no-bpf")
        assert not os.path.exists(all_ours), listing(all_ours)
        for path, files in before.items():
            assert os.path.exists(path) and listing(path) == files, path


def test_what_a_command_puts_into_the_folder_of_regions_stays():
    script = 'cd "$JITHOOKS_REGION_DIR" && echo mine > notes && mkfifo 1.a && pwd && exec "$@"'
    command = ["sh", "-c", script, "sh", *embed(*WORK)]
    for options in ((), ("--no-bpf",)) if is_root() and has_bpf() else (("--no-bpf",),):
        report = os.path.join(tempdir(), "report")
        result = jitscope("run", "--json", "-o", report, *options, "--", *command)
        path, told = result.out.splitlines()
        try:
            assert sorted(os.listdir(path)) == ["1.a", "notes"], os.listdir(path)
            (line,) = result.err.splitlines()
            assert path in line and "stays" in line, line
            with open(report) as f:
                check_totals(json.load(f), json.loads(told))
        finally:
            shutil.rmtree(path)


# ---- Without privileges ------------------------------------------------------------------


def as_nobody(*names):
    """A folder with jitscope and programs that nobody can run, and write to."""
    folder = for_others(JITSCOPE, *map(program, names))
    if not is_root():
        return folder, None
    os.chown(folder, NOBODY, NOBODY)
    return folder, NOBODY


def check_explained(result):
    """One line says where the figures are from, and what root would add."""
    lines = [x for x in result.err.splitlines() if x.startswith("jitscope: ")]
    assert len(lines) == 1, result
    assert "region" in lines[0] and "root" in lines[0], lines


def test_run_without_privileges():
    folder, user = as_nobody("embed")
    if user is None and has_bpf():
        return  # whoever runs the tests may use BPF: then there is nothing to do without
    report = os.path.join(folder, "report.json")
    command = [os.path.join(folder, "embed"), *map(str, WORK), "--quiet", "--json"]
    result = run([os.path.join(folder, "jitscope"), "run", "--json", "-o", report, "--", *command],
                 user=user)
    with open(report) as f:
        snap = json.load(f)
    assert snap["source"] == "region", snap["source"]
    told = told_by(result)[snap["pid"]]
    check_totals(snap, told)
    assert {r["runs"] for r in snap["loop_run_times"]} == {told["runs_per_loop"]}, snap

    result = run([os.path.join(folder, "jitscope"), "run", "--", *command], user=user)
    check_explained(result)
    assert "TOTAL_COMPILED_LOOPS" in result.err and "Source: the region" in result.err, result
    folder_of_regions(tool=os.path.join(folder, "jitscope"), user=user)


def test_snapshot_of_ones_own_process_without_privileges():
    folder, user = as_nobody("embed")
    process = start([os.path.join(folder, "embed"), *map(str, WORK), "--quiet", "--json", "--hold",
                     "600"], user=user)
    told = json.loads(read_line(process, r"^\{.*").group())
    tool = os.path.join(folder, "jitscope")
    snap = json.loads(run([tool, "snapshot", "--json", "-p", str(process.pid)], user=user).out)
    check_totals(snap, told)
    assert snap["source"] == "region" and snap["alive"] is True
    result = run([tool, "snapshot", "-p", str(process.pid)], user=user)
    check_explained(result)
    assert "Source: the region" in result.out, result
    everything = run([tool, "snapshot", "--json", "-a"], user=user)
    assert process.pid in [json.loads(x)["pid"] for x in everything.out.splitlines()], everything


def test_another_file_under_the_old_name_is_not_taken_for_it_without_privileges():
    """Who may not open what is mapped goes by the name, which is another file's now."""
    folder, user = as_nobody("embed")
    path = os.path.join(folder, "embed")
    process = start([path, "--quiet", "--json", "--hold", "600"], user=user)
    read_line(process, r"^\{")
    os.unlink(path)
    shutil.copy(program("emit"), path)
    os.chmod(path, 0o755)
    if user is None and has_bpf():
        return
    result = run([os.path.join(folder, "jitscope"), "list", "-p", str(process.pid)], user=user,
                 status=None)
    assert "embed" not in result.out and str(process.pid) in result.err, result
    result = run([os.path.join(folder, "jitscope"), "snapshot", "-p", str(process.pid)], user=user,
                 status=1)
    assert result.out == "" and len(result.err.splitlines()) == 1, result


def test_a_killed_process_leaves_its_last_figures_without_privileges():
    folder, user = as_nobody("emit")
    snap = killed_reports(user=user, command=os.path.join(folder, "emit"),
                          tool=os.path.join(folder, "jitscope"))
    assert user is None or snap["source"] == "region"


def test_the_process_of_another_user_is_refused():
    if not is_root():
        return  # nobody to be another
    folder, user = as_nobody()
    process, _ = held("embed")
    result = run([os.path.join(folder, "jitscope"), "snapshot", "--json", "-p", str(process.pid)],
                 user=user, status=1)
    assert result.out == "", result
    (error,) = result.err.splitlines()
    assert str(process.pid) in error and "another user" in error and "root" in error, result


def test_trace_without_privileges_says_what_works():
    folder, user = as_nobody("embed")
    if user is None:
        return
    result = run([os.path.join(folder, "jitscope"), "trace", "--",
                  os.path.join(folder, "embed")], user=user, status=1)
    assert result.out == "" and len(result.err.splitlines()) == 1, result
    assert "root" in result.err and "snapshot" in result.err, result


def test_root_without_bpf_reads_the_region():
    snap, result = watch(embed(*WORK), "--no-bpf")
    assert snap["source"] == "region" and not any(snap["stats"].values()), snap
    check_totals(snap, told_by(result)[snap["pid"]])
    process, told = held("embed", *WORK)
    snap = snapshot(process.pid, "--no-bpf")
    assert snap["source"] == "region"
    check_totals(snap, told)
    assert not any(semaphores(process.pid, program("embed")).values())


def test_forks_without_bpf():
    snap, result = watch(emit("--loops", 6, "--kind", "compile", "--events", 5, "--fork", 3),
                         "--no-bpf")
    told = told_by(result)
    assert {snap["pid"], *(c["pid"] for c in snap["children"])} == set(told)
    for process in [snap, *snap["children"]]:
        assert numbers(process) == set(range(1, 12)), (process["pid"], process["loops"])

# SPDX-License-Identifier: BSD-2-Clause
"""What the end-to-end tests share: running jitscope and its victims.

Whatever a test starts or makes through this module is ended and removed when
the test is over, by scene().
"""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
JITSCOPE = os.path.join(BUILD, "jitscope")
LIBJITHOOKS = os.path.join(BUILD, "libjithooks.so.1")
PROGRAMS = os.path.join(HERE, "programs")
TIMEOUT = 120

_running = []
_made = []

# What goes to the background is started with SIGINT ignored, by nohup with
# SIGHUP, and children would inherit that; with a handler here they get the default.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


class Skip(Exception):
    """This machine cannot run the test; says what is missing."""


def program(name):
    """A test program of this tree: built ones by name, scripts by file name."""
    built = os.path.join(BUILD, "tests", name)
    script = os.path.join(PROGRAMS, name)
    if not os.path.exists(built) and not os.path.exists(script):
        raise FileNotFoundError(f"neither {built} nor {script} is there: build the first by `make test-programs`")
    return built if os.path.exists(built) else script


def is_root():
    return os.geteuid() == 0


_bpf = None


def has_bpf():
    global _bpf
    if _bpf is None:
        _bpf = subprocess.run([JITSCOPE, "check"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0
    return _bpf


def need_bpf():
    if not is_root() or not has_bpf():
        raise Skip("needs root and BPF")


def need(*commands):
    for command in commands:
        if not shutil.which(command):
            raise Skip(f"needs {command}")


def tempdir():
    path = tempfile.mkdtemp(prefix="jitscope-test-")
    _made.append(path)
    return path


@contextlib.contextmanager
def scene():
    """Ends what the test started and removes what it made."""
    try:
        yield
    finally:
        for process in _running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with all that it started
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        _running.clear()
        for path in _made:
            shutil.rmtree(path, ignore_errors=True)
        _made.clear()


class Result:
    def __init__(self, process, out, err):
        self.status = process.returncode
        self.out = out
        self.err = err
        self.command = process.args

    def __repr__(self):
        return (f"{self.command} -> {self.status}\nstdout: {self.out[-3000:]}\n"
                f"stderr: {self.err[-3000:]}")


def start(command, env=None, user=None, **more):
    """Starts a command, as the leader of a group that is killed when the test ends."""
    environment = dict(os.environ)
    environment.update(env or {})
    environment = {k: v for k, v in environment.items() if v is not None}
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    if user is not None:
        more.update(user=user, group=user, extra_groups=[])
    process = subprocess.Popen(command, env=environment, text=True, errors="replace",
                               start_new_session=True, **more)
    _running.append(process)
    return process


def finish(process, timeout=TIMEOUT):
    out, err = process.communicate(timeout=timeout)
    return Result(process, out or "", err or "")


def run(command, timeout=TIMEOUT, status=0, **more):
    """Runs a command to its end; its exit status must be `status` (None: any)."""
    result = finish(start(command, **more), timeout)
    if status is not None:
        assert result.status == status, result
    return result


def jitscope(*arguments, **more):
    return run([JITSCOPE, *map(str, arguments)], **more)


def watch(command, *options, status=0, **more):
    """`jitscope run --json`: the snapshot, and the result of the run."""
    report = os.path.join(tempdir(), "report.json")
    result = jitscope("run", "--json", "-o", report, *options, "--", *command,
                      status=status, **more)
    with open(report) as f:
        return json.load(f), result


def wait_for(condition, what, timeout=20):
    """Polls until condition() is true and returns what it returned."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {timeout} s in vain for {what}")


def read_line(process, pattern, timeout=60, stream=None):
    """Reads a stream (stdout) of a process until a line matches; returns the match."""
    stream = stream or process.stdout
    watchdog = threading.Timer(timeout, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    try:
        for line in iter(stream.readline, ""):
            match = re.search(pattern, line)
            if match:
                return match
        raise AssertionError(f"{process.args} ended before it printed {pattern}")
    finally:
        watchdog.cancel()


def snapshot(pid, *options, **more):
    return json.loads(jitscope("snapshot", "--json", "-p", pid, *options, **more).out)


def aborts_of(snap):
    """All ABORT_* counters together."""
    return sum(n for name, n in snap["counters"].items() if name.startswith("ABORT_"))


def map_dump(name, pid=None):
    """
    bpftool's dump of all maps of that name, those of other sessions as well: a
    list of {key, value}. With a pid: of those, what the key says is about it.
    """
    maps = json.loads(run(["bpftool", "--json", "map", "dump", "name", name],
                          status=None).out.strip() or "[]")
    if isinstance(maps, dict):
        return []  # {"error": ...}: there is no such map
    entries = [e for m in maps for e in m.get("elements", [m])]
    rows = [e.get("formatted", e) for e in entries]
    return [r for r in rows if pid is None or pid == r["key"] or
            isinstance(r["key"], dict) and pid == r["key"]["pid"]]


def semaphores(pid, path=LIBJITHOOKS):
    """The values of the probes' semaphores in a process, by probe."""
    notes = run(["readelf", "-n", path]).out
    found = re.findall(r"Provider: jit\s+Name: (\w+)\s+Location: \S+, Base: \S+, "
                       r"Semaphore: (0x[0-9a-f]+)", notes)
    real = os.path.realpath(path)
    load = None
    with open(f"/proc/{pid}/maps") as f:
        for line in f:
            fields = line.split()
            if len(fields) > 5 and fields[5] == real and fields[2] == "00000000":
                load = int(fields[0].split("-")[0], 16)
    assert load is not None, f"{real} is not mapped by {pid}"
    with open(f"/proc/{pid}/mem", "rb") as memory:
        values = {}
        for name, address in found:
            memory.seek(load + int(address, 16))
            values[name] = int.from_bytes(memory.read(2), "little")
    return values


def held(command, *arguments, **more):
    """
    Starts embed or emit and waits until it has done its work and holds still:
    the process, and what it says that it did.
    """
    hold = ["--hold", "600"] if command == "embed" else ["--hold"]
    quiet = ["--quiet"] if command == "embed" else []
    more.setdefault("stdin", subprocess.DEVNULL)
    process = start([program(command), *map(str, arguments), *quiet, *hold, "--json"], **more)
    return process, json.loads(read_line(process, r"^\{.*").group())


def embed(*arguments):
    """The command of embed.c as a load with known totals."""
    return [program("embed"), *map(str, arguments), "--quiet", "--json"]


def nonzero(counters):
    return {name: n for name, n in counters.items() if n}


def check_totals(snap, told):
    """A snapshot of embed has what embed worked out that it must have, and no more."""
    assert nonzero(snap["counters"]) == nonzero(told["counters"]), (snap["counters"], told)
    types = [loop["type"] for loop in snap["loops"]]
    assert types.count("loop") == told["live_loops"], (len(types), told)
    assert types.count("bridge") == told["live_bridges"], (len(types), told)
    assert sum(a["count"] for a in snap["aborts"]) == told["counters"]["ABORT_TOO_LONG"], snap
    assert snap["complete"] is True, snap["stats"]


def for_others(*paths):
    """Copies files to where every user can read and run them; returns the folder."""
    folder = tempdir()
    os.chmod(folder, 0o755)
    for path in paths:
        shutil.copy(path, folder)
        os.chmod(os.path.join(folder, os.path.basename(path)), 0o755)
    return folder


def pin_dir():
    """The name of a folder for --pin that is not there yet."""
    path = f"/sys/fs/bpf/jitscope-test-{os.getpid()}-{len(_made)}"
    _made.append(path)
    return path


def build_observer(name="observe"):
    """Builds programs/NAME.c against the tree; its path."""
    cc = os.environ.get("CC", "cc")
    need(cc)
    path = os.path.join(tempdir(), name)
    sanitize = ["-fsanitize=address,undefined"] if "sanitize" in BUILD else []
    run([cc, "-std=gnu11", "-Wall", "-Wextra", "-Werror", *sanitize,
         "-I" + os.path.join(TOP, "include"), "-o", path, os.path.join(PROGRAMS, name + ".c"),
         os.path.join(BUILD, "libjitscope.a"), "-lbpf", "-lelf", "-lz"])
    return path


def kill(process, number=signal.SIGTERM):
    process.send_signal(number)


def debug(*what):
    print(*what, file=sys.stderr)

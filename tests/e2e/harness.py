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


class Skip(Exception):
    """This machine cannot run the test; says what is missing."""


def program(name):
    """A test program of this tree: built ones by name, scripts by file name."""
    built = os.path.join(BUILD, "tests", name)
    return built if os.path.exists(built) else os.path.join(PROGRAMS, name)


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
            if process.poll() is None:
                process.kill()
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
    """Starts a command; it is killed when the test ends, if it still runs."""
    environment = dict(os.environ)
    environment.update(env or {})
    environment = {k: v for k, v in environment.items() if v is not None}
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    if user is not None:
        more.update(user=user, group=user, extra_groups=[])
    process = subprocess.Popen(command, env=environment, text=True, errors="replace", **more)
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


def read_line(process, pattern, timeout=20):
    """Reads stdout of a process until a line matches; returns the match."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"{process.args} ended before it printed {pattern}")
        match = re.search(pattern, line)
        if match:
            return match
    raise AssertionError(f"{process.args} did not print {pattern}")


def snapshot(pid, *options, **more):
    return json.loads(jitscope("snapshot", "--json", "-p", pid, *options, **more).out)


def aborts_of(snap):
    """All ABORT_* counters together."""
    return sum(n for name, n in snap["counters"].items() if name.startswith("ABORT_"))


def map_dump(name):
    """bpftool's dump of the maps of that name: a list of {key, value}."""
    out = run(["bpftool", "--json", "map", "dump", "name", name]).out
    rows = []
    for entry in json.loads(out) if out.strip() else []:
        rows.append(entry.get("formatted", entry))
    return rows


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


def kill(process, number=signal.SIGTERM):
    process.send_signal(number)


def debug(*what):
    print(*what, file=sys.stderr)

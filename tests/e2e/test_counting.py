# SPDX-License-Identifier: BSD-2-Clause
"""jitlua's compiled code counts its runs: as bpftrace counts them, and from when somebody looks."""
import json
import os
import signal
import subprocess
import time

from harness import BUILD, finish, kill, need, need_bpf, read_line, semaphores, snapshot, start, wait_for

JITLUA = os.path.realpath(os.path.join(BUILD, "jitlua"))
AT_ONCE = "threshold=2,function_threshold=2,trace_eagerness=1"

# Known numbers of turns, in loops with a bridge, with more values than registers, with calls.
WORK = """
io.stdout:setvbuf "no"
local hooks, jit = require "jithooks", require "jit"
local function sum(n) local s = 0 for i = 1, n do s = s + i end return s end
local function branch(n)
  local s = 0
  for i = 1, n do if i % 10 == 0 then s = s - 1 else s = s + i end end
  return s
end
local function wide(n)
  local a, b, c, d, e, f, g, h, j, k, l, m, o, p = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
  for i = 1, n do
    a, b, c, d, e, f, g = b + i, c ~ i, d + 1, e ~ a, f + b, g ~ c, h + d
    h, j, k, l, m, o, p = j ~ e, k + f, l ~ g, m + h, o ~ j, p + k, a ~ l
  end
  return a ~ b ~ c ~ d ~ e ~ f ~ g ~ h ~ j ~ k ~ l ~ m ~ o ~ p
end
local function calls(n) local s = 0 for i = 1, n do s = s + #tostring(i) end return s end
local function deep(n) if n == 0 then return 0 end return 1 + deep(n - 1) end
local function all(n)
  print(sum(n), branch(n), wide(n), calls(n), deep(n // 100), deep(n // 200), deep(n // 100))
end
local function runs()
  local found = {}
  jit.off()
  for kind, list in pairs(hooks.get_stats_snapshot().loop_run_times) do
    for no, n in pairs(list) do found[no .. "," .. kind] = n end
  end
  jit.on()
  return found
end
all(20000)
local before = runs()
print "ready"
io.read()
all(20000)
local after = runs()
jit.off()
print "runs"
for key, n in pairs(after) do if n > (before[key] or 0) then print(key, n - (before[key] or 0)) end end
print "end"
io.read()
"""


def jitlua(text, *options, **environment):
    # Its streams stay open while it waits for the next line.
    return start([JITLUA, *options, "-e", text], env={"LUA_INIT": None, "LUA_INIT_5_4": None, **environment},
                 stdin=subprocess.PIPE)


def attach(pid, action):
    """A bpftrace on loop__run of a process; on return it is attached."""
    need("bpftrace")
    process = start(["bpftrace", "-f", "json", "-e",
                     f"usdt:{JITLUA}:jit:loop__run /pid == {pid}/ {{ {action} }}"])
    wait_for(lambda: semaphores(pid, JITLUA)["loop__run"], "bpftrace")
    return process


def map_of(process):
    """Ends bpftrace; its map."""
    kill(process, signal.SIGINT)
    for line in finish(process).out.splitlines():
        if line.startswith('{"type": "map"'):
            return json.loads(line)["data"]["@"]
    return {}


def say(process):
    process.stdin.write("\n")
    process.stdin.flush()


def lines_until(process, last):
    lines = []
    for line in iter(process.stdout.readline, ""):
        if line == last + "\n":
            return lines
        lines.append(line.strip())
    raise AssertionError(f"{process.args} ended: {finish(process)}")


def runs_told(process):
    """Those of the second turn, by number and type; the first may have been counted for others."""
    told = dict(line.split("\t") for line in lines_until(process, "end"))
    return {f"{key[:-1]}{'leb'.index(key[-1])}": int(n) for key, n in told.items()}


def check_as_bpftrace(*options, **environment):
    need_bpf()
    process = jitlua(WORK, *options, **environment)
    plain = lines_until(process, "ready")
    counter = attach(process.pid, "@[arg0, arg1] = count();")
    say(process)
    watched = lines_until(process, "runs")
    runs = runs_told(process)
    seen = map_of(counter)
    say(process)
    assert finish(process).status == 0
    assert watched == plain, (watched, plain)
    assert runs == seen, (runs, seen)
    # Three loops that have no bridge in a turn.
    assert sum(n >= 19900 for n in runs.values()) >= 3, runs
    assert any(1990 <= n <= 2000 for n in runs.values()), runs
    assert {key[-1] for key in runs} == {"0", "1", "2"}, runs


def test_compiled_runs_count_as_with_bpftrace():
    check_as_bpftrace("-jon")


def test_runs_at_the_lowest_thresholds_count_as_with_bpftrace():
    check_as_bpftrace("-jon", "-j" + AT_ONCE)


def test_interpreted_runs_count_as_with_bpftrace():
    check_as_bpftrace("-jon", JITLUA_IR="1")


def runs_of(pid):
    return sum(loop["runs"] for loop in snapshot(pid, "--no-bpf")["loops"])


def test_a_loop_that_never_ends_counts_while_it_is_watched():
    need_bpf()
    process = jitlua("print 'ready' io.flush() local n = 0 while true do n = n + 1 end", "-jon")
    read_line(process, "ready")
    wait_for(lambda: snapshot(process.pid, "--no-bpf")["loops"], "the loop")
    if not any(semaphores(process.pid, JITLUA).values()):
        assert runs_of(process.pid) == 0
    counter = attach(process.pid, "@ = count();")
    wait_for(lambda: runs_of(process.pid) > 1000, "runs")
    seen = map_of(counter)
    # It has heard within a turn, and the kernel lets the word fall before bpftrace ends.
    time.sleep(0.1)
    runs = runs_of(process.pid)
    if not any(semaphores(process.pid, JITLUA).values()):
        assert runs == runs_of(process.pid), "it goes on counting"
    assert runs >= seen > 1000, (runs, seen)
    kill(process)
    finish(process)


def test_map_names_code_that_fires_the_probe():
    """It is made when somebody attaches."""
    need_bpf()
    if os.uname().machine != "x86_64":
        return
    process = jitlua("local s = 0 for i = 1, 300 do s = s + i end print 'ready' io.flush() io.read() "
                     "for n = 1, 3 do for i = 1, 300 do s = s + i end end print 'end' io.flush() io.read()", "-jperf")
    path = f"/tmp/perf-{process.pid}.map"
    lines_until(process, "ready")
    names = lambda: [line.split(" ", 2)[2].strip() for line in open(path)]
    before = names()
    counter = attach(process.pid, "@ = count();")
    say(process)
    lines_until(process, "end")
    assert map_of(counter) > 300
    new = names()[len(before):]
    assert "jitlua trace 1 counter (command line):1" in new, (before, new)
    say(process)
    assert finish(process).status == 0
    os.unlink(path)


def test_counting_can_be_wished_from_the_start():
    process = jitlua(WORK, "-jon", JITHOOKS_COUNT_RUNS="1")
    lines_until(process, "ready")
    say(process)
    lines_until(process, "runs")
    runs = runs_told(process).values()
    say(process)
    assert finish(process).status == 0
    assert sum(n >= 19900 for n in runs) >= 3, runs


def test_code_without_slots_does_the_same_and_counts_nothing():
    process = jitlua(WORK, "-jon", JITHOOKS_COUNT_RUNS="1", JITLUA_NO_SLOTS="1")
    plain = lines_until(process, "ready")
    say(process)
    assert lines_until(process, "runs") == plain
    assert runs_told(process) == {}
    say(process)
    assert finish(process).status == 0

# SPDX-License-Identifier: BSD-2-Clause
"""jitlua's JIT, switched: jit.on, jit.off and jit.flush of everything, of single functions and traces."""
import os

from harness import tempdir
from test_jit import jitlua, verbose_events


# The counters, and how many loops and bridges live; each function is in a line of its own.
SWITCHING = """
local jit, hooks = require "jit", require "jithooks"
local function live()
  local n = hooks.get_stats_snapshot().counters
  return n.TOTAL_COMPILED_LOOPS + n.TOTAL_COMPILED_BRIDGES - n.TOTAL_FREED_LOOPS - n.TOTAL_FREED_BRIDGES
end
local function compiled()
  local n = hooks.get_stats_snapshot().counters
  return n.TOTAL_COMPILED_LOOPS + n.TOTAL_COMPILED_BRIDGES
end
"""


def switching(text):
    """What the program printed, as words; and -jv's events."""
    log = os.path.join(tempdir(), "log")
    result = jitlua(f"-jv={log}", "-e", SWITCHING + text)
    assert result.err == "", result
    return result.out.split(), verbose_events(log)[0]


def test_a_function_is_switched_off():
    out, events = switching("""
local function f(n) local s = 0 for i = 1, n do s = s + i end return s end
f(1000) print(live())
jit.off(f) print(live())
local before = compiled()
for i = 1, 500 do f(10) end f(100000) print(compiled() - before)
jit.on(f) f(1000) print(compiled() - before, live())""")
    assert out == ["1", "0", "0", "1", "1"], (out, [e[0] for e in events])


def test_who_would_inline_what_is_off_gives_up():
    out, events = switching("""
local function f(x) return x + 1 end
local function g(n)
  local s = 0
  for i = 1, n do s = f(s) end
  return s
end
jit.off(f) print(g(1000), compiled())
jit.on(f) print(g(100000), compiled())""")
    reasons = [e["reason"] for e in events if e["reason"]]
    assert "JIT compilation disabled for function" in reasons, reasons
    assert out == ["1000", "0", "100000", "1"] and events[-1]["link"] == "loop", (out, [e[0] for e in events])


def test_what_leads_to_a_function_goes_with_it():
    """The outer loop's bridges end in the inner function's loop."""
    out, _ = switching("""
local function f(n) local s = 0 for i = 1, n do s = s + i end return s end
local function other(n) local s = 0 for i = 1, n do s = s ~ i end return s end
other(1000)
local function g(n) local s = 0 for i = 1, n do s = s + f(100) end return s end
g(500) print(live() >= 3)
jit.flush(f) print(live())
local before = compiled() g(500) print(compiled() > before)""")
    assert out == ["true", "1", "true"], out


def test_inner_functions_are_switched():
    for argument, off in (("", {"outer"}), (", true", {"outer", "inner"}), (", false", {"inner"})):
        out, _ = switching(f"""
local function outer(n)
  local s = 0
  for i = 1, n do s = s + i end
  return s, function(n) local s = 0 for i = 1, n do s = s + i end return s end
end
jit.off(outer{argument})
local _, inner = outer(1000) local n = compiled() print(n) inner(1000) print(compiled() - n)
jit.on(outer{argument}) outer(1000) inner(1000) print(compiled())""")
        assert out == [str(int("outer" not in off)), str(int("inner" not in off)), "2"], (argument, out)


def test_a_function_switches_itself_off():
    out, events = switching("""
local function f(n)
  jit.off(true)
  local s = 0
  for i = 1, n do s = s + i end
  return s
end
f(10000) print(compiled())
jit.on(f, true)
local function g(n) local s = 0 for i = 1, n do s = s + i end return s end
g(10000) print(compiled())""")
    assert out == ["0", "1"] and len(events) == 2, (out, [e[0] for e in events])


def test_one_trace_is_flushed():
    out, events = switching("""
local function f(n) local s = 0 for i = 1, n do if i % 3 == 0 then s = s + i end end return s end
local function g(n) local s = 0 for i = 1, n do s = s ~ i end return s end
f(1000) g(1000) print(live())
jit.flush(99) jit.flush(-1) jit.flush(2) print(live()) -- 2 is a bridge
jit.flush(1) print(live())
f(1000) print(live())""")
    assert [e["no"] for e in events if e["what"] == "start"][:3] == ["1", "2", "3"], [e[0] for e in events]
    assert out == ["3", "3", "1", "3"], out


def test_a_program_flushes_what_its_hook_was_told_of():
    """Its trace_no, which is given again; loop_no is not."""
    out, _ = switching("""
local hooks, loop, numbers = require "jithooks", nil, {}
hooks.set_compile_hook(function(info)
  assert(info.type == "loop" or numbers[info.loop_no] == info.trace_no)
  numbers[info.loop_no] = info.trace_no
  loop = info.loop_no
end, false)
local function f(n) local s = 0 for i = 1, n do if i % 3 == 0 then s = s + i end end return s end
local function g(n) local s = 0 for i = 1, n do s = s ~ i end return s end
f(1000) jit.flush(f) f(1000) print(live(), numbers[loop] < loop)
local of_f = loop
g(1000) print(live())
jit.flush(numbers[of_f]) print(live())""")
    assert out == ["2", "true", "3", "1"], out


def test_what_runs_is_freed_when_it_is_left():
    out, _ = switching("""
local numbers = {}
for i = 1, 1000 do numbers[i] = 99 end
local before = live()
local function f(n)
  local flush = jit.flush
  for i = 1, n do flush(numbers[i]) end
end
f(500) print(live() - before)
for i = 1, 8 do numbers[i + 100] = i end
f(120) print(live(), before)""")
    assert out == ["1", "0", "1"], out


def test_on_gives_another_chance():
    """What was given up for good is tried again."""
    out, events = switching("""
local function g(n) local s = 0 for i = 1, n do s = s + i end return s end
jit.opt.start("maxrecord=4", "max_aborts=2")
g(3000) print(compiled(), hooks.get_stats_snapshot().counters.BLACKLISTED == 1)
jit.opt.start("maxrecord=4000") g(3000) print(compiled())
jit.on(g) g(3000) print(compiled())""")
    assert out == ["0", "true", "0", "1"], (out, [e[0] for e in events])


def test_on_and_off_take_functions_of_lua():
    for call in ("jit.on(print)", "jit.off(false)", "jit.flush({})", "jit.flush('x')", "jit.off(coroutine.create(print))"):
        said = jitlua("-e", f"local jit = require 'jit' print(pcall(function() {call} end))").out
        assert said.startswith("false\t") and "Lua function expected" in said, (call, said)

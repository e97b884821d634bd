# SPDX-License-Identifier: BSD-2-Clause
"""jitlua's JIT, seen through its own eyes: -jv and -jdump; and not seen where it must not be.

What these say is held against other witnesses of the same run: the counters and
loops of jitscope. See also test_jit_dump.py, test_jit_switch.py.
"""
import glob
import os
import re

from harness import TOP, aborts_of, need, need_bpf, program, run, tempdir, watch
from test_jitlua import ENVIRONMENT, JITLUA, LUA, TESTS, first_difference, outcome

EVENTS = program("lua/jit_events.lua")
X86 = os.uname().machine == "x86_64"

LINE = re.compile(r"\[TRACE +(?P<no>\d+) (\((?P<parent>\d+)/(?P<exit>\d+)\) )?(?P<place>.+?:\d+) "
                  r"(?P<what>start|freed|-> (?P<link>(loop|trace) \d+|loop|interpreter), (?P<recorded>\d+) operations recorded, "
                  r"(?P<assembled>\d+) assembled, (?P<bytes>\d+) bytes"
                  r"|abort after (?P<operations>\d+) operations: (?P<reason>.+) at (?P<where>.+:\d+))\]\n")
ADDRESS = re.compile(r"&[0-9a-f]+")
FLUSH = re.compile(r"\[TRACE flush of \d+: .+\]\n")


def jitlua(*arguments, **more):
    more["env"] = {**ENVIRONMENT, **more.get("env", {})}
    return run([JITLUA, *arguments], **more)


def verbose_events(path):
    """All that -jv said, as matches of LINE; it must have said nothing else."""
    with open(path) as f:
        text = f.read()
    events = list(LINE.finditer(text))
    assert LINE.sub("", FLUSH.sub("", text)) == "", LINE.sub("", FLUSH.sub("", text))
    return events, len(FLUSH.findall(text))


def kinds(events):
    starts = [e for e in events if e["what"] == "start"]
    compiled = [e for e in events if e["link"]]
    return starts, compiled, [e for e in events if e["reason"]]


def sections(text):
    """The dump's sections: (head without the dashes, lines)."""
    parts = re.split(r"(?m)^---- (.*)\n", text)
    assert parts[0].strip() == "" or "----" not in parts[0], parts[0]
    return [(head, body.splitlines()) for head, body in zip(parts[1::2], parts[2::2])]


def heads(flags, *arguments, env=None):
    folder = tempdir()
    log = os.path.join(folder, "dump")
    jitlua(f"-jdump={flags},{log}", *(arguments or (EVENTS,)), env=env or {})
    with open(log) as f:
        return sections(f.read())


# ---- Not seen ------------------------------------------------------------------------------------
#
# Every program of tests/lua does under a JIT what it does under lua5.4.

# Options and environment of each mode, and how many allocations apart garbage is collected:
# machine code, and the interpreter of operations that stands beside it.
AT_ONCE = ["-jon", "-jthreshold=2,function_threshold=2,trace_eagerness=1"]
MODES = {
    "compiled": (["-jon"], {}),
    "compiled_at_once": (AT_ONCE, {}),
    "every_guard_fails_once": (AT_ONCE, {"JITLUA_FAIL_GUARDS": "1"}),
    "operations_interpreted": (["-jon"], {"JITLUA_IR": "1", "JITLUA_VERIFY": "1"}),
    "compiled_at_once_and_collected_often": (AT_ONCE, {}, 499),
    "compiled_without_optimizations": ([*AT_ONCE, "-jenable_opts="], {"JITLUA_VERIFY": "1"}),
    "compiled_with_others_each_time": ([*AT_ONCE, "-e", f"dofile '{program('lua/other_passes.lua')}'"], {}),
}
# Collections look at the whole stack, and these fill it to its limit.
DEEP = {"close": 9973, "errors": 9973, "hot_pcall": 9973, "hot_recursion": 9973, "messages": 9973,
        "recursion": 49999}


def programs_under_a_jit(options, env, collect_at=None):
    need(LUA)
    for path in sorted(glob.glob(os.path.join(TESTS, "*.lua"))):
        name = os.path.basename(path)
        lua = outcome(LUA, [name], cwd=TESTS)
        if collect_at:
            env = {"JITLUA_GC_STRESS": str(DEEP.get(name[:-4], collect_at))}
        ours = outcome(JITLUA, [*options, name], cwd=TESTS, env=env, timeout=600)
        for what, a, b in zip(("status", "output", "errors"), map(str, lua), map(str, ours)):
            assert a == b, f"{name}: {what} differ at {first_difference(a, b)}\n{ours[2][-2000:]}"


for _mode, _how in MODES.items():
    globals()[f"test_language_{_mode}"] = lambda how=_how: programs_under_a_jit(*how)


# ---- Parts of the optimizer, switched ------------------------------------------------------------

PASSES = ["intbounds", "rewrite", "virtualize", "pure", "heap", "unroll"]
# What is done in a turn, an operation, and how many there are of it with all on and with this off.
SWITCHED = {
    "intbounds": ("if i & 7 < 8 then s = s + i end", r"= int_lt\(", 0, 2),
    "rewrite": ("s = s + (i * 3 | 0)", r"= int_or\(\w+, 0\)", 0, 2),
    "virtualize": ("local p = {i} s = s + p[1]", r"helper_table_new", 0, 2),
    "pure": ("s = s + i * i - i * i // 2", r"= int_mul\(", 2, 4),
    "heap": ("t[1] = i t[1] = i s = s + t[1]", r"= getarrayitem_i|^setarrayitem", 2, 6),
    "unroll": ("s = s + i", r"^finish\(descr=1\)", 0, 1),
}


def count_switched(name, *options):
    body, pattern, _, _ = SWITCHED[name]
    text = f"local s, t = 0, {{0}} for i = 1, 200 do {body} end print(s)"
    result = [lines for head, lines in heads("i", *options, "-e", text) if "TRACE 1 IR" in head]
    assert len(result) == 1, result
    assert jitlua(*options, "-e", text).out == jitlua("-joff", "-e", text).out, (name, options)
    return sum(bool(re.search(pattern, l)) for l in result[0])


def test_each_optimization_can_be_switched():
    assert set(PASSES) == set(SWITCHED)
    for name, (_, _, on, off) in SWITCHED.items():
        others = ":".join(p for p in PASSES if p != name)
        for options, wanted in (([], on), (["-jenable_opts=all"], on), (["-jenable_opts=" + ":".join(PASSES)], on),
                                ([f"-jenable_opts={others}"], off), ([f"-jenable_opts={name}:string:earlyforce,enable_opts=all"], on),
                                ([f"-jenable_opts={others},default"], on)):
            assert count_switched(name, *options) == wanted, (name, options, count_switched(name, *options), wanted)


def test_an_unknown_optimization_is_an_error():
    for names in ("fold", "pure:fold", "all:fold", "pure:fold:heap"):
        result = jitlua(f"-jenable_opts={names}", "-e", "print(1)", status=1)
        unknown = "all" if names.startswith("all") else "fold"
        assert result.out == "" and f"no optimization '{unknown}'; say all, or some of rewrite:pure:heap:unroll:" in result.err, result


def test_switches_by_their_other_names():
    names = {"fold": "rewrite", "cse": "pure", "loop": "unroll", "abc": "intbounds", "sink": "virtualize"}
    for theirs, ours in names.items():
        on, off = SWITCHED[ours][2:]
        for flags, n in ((f"'-{theirs}'", off), (f"'no{theirs}'", off), (f"'-{theirs}', '{theirs}'", on), ("0, '3'", on)):
            assert count_switched(ours, "-e", f"require 'jit'.opt.start({flags})") == n, (theirs, flags)
    # Loads are half of it, stores the other, which knows less of places then: their addresses are loaded.
    assert count_switched("heap", "-e", "require 'jit'.opt.start('-fwd')") == 6
    assert count_switched("heap", "-e", "require 'jit'.opt.start('-dse')") == 4


def test_a_loop_that_is_not_peeled_is_a_loop():
    """It stays in machine code, is counted turn by turn, and its exits have bridges that lead back to it."""
    text = """local h = require "jithooks"
      local function work(n) local a, b = 0, 0 for i = 1, n do if i % 3 == 0 then a = a + i else b = b ~ i end end return a, b end
      local function runs() local n = 0 for _, r in pairs(h.get_stats_snapshot().loop_run_times.l) do n = n + r end return n end
      work(3000) h.enable_debug() work(1000)
      local before, failures = runs(), h.get_stats_snapshot().counters.GUARD_FAILURES
      print(work(100000))
      print(runs() - before, h.get_stats_snapshot().counters.GUARD_FAILURES - failures)"""
    for env in ({}, {"JITLUA_IR": "1"}):
        log = os.path.join(tempdir(), "log")
        out = jitlua("-jenable_opts=" + ":".join(p for p in PASSES if p != "unroll"), f"-jv={log}", "-e", text, env=env).out.splitlines()
        assert out[0] == jitlua("-joff", "-e", text).out.splitlines()[0], out
        n, failures = map(int, out[1].split())
        assert 99000 <= n <= 101000 and failures <= 5, out
        assert [e["link"] for e in kinds(verbose_events(log)[0])[1]][:2] == ["trace 1", "trace 1"], open(log).read()


def test_every_program_does_the_same_without_each_optimization():
    paths = sorted(glob.glob(os.path.join(TESTS, "hot_*.lua")))
    for path in (*paths, *(os.path.join(TESTS, f"{n}.lua") for n in ("virtuals", "tables", "for_loops", "metatables"))):
        lua = outcome(LUA, [path], cwd=TESTS)
        for name in PASSES:
            options = [*AT_ONCE, "-jenable_opts=" + ":".join(p for p in PASSES if p != name)]
            ours = outcome(JITLUA, [*options, path], cwd=TESTS, env={"JITLUA_VERIFY": "1"}, timeout=600)
            assert list(map(str, lua)) == list(map(str, ours)), (path, name, ours[2][-2000:])


# ---- -jv -------------------------------------------------------------------------------------


def test_verbose_agrees_with_jitscope():
    for script in (EVENTS, *sorted(glob.glob(os.path.join(TOP, "tests", "bench", "programs", "*.lua")))[:6]):
        log = os.path.join(tempdir(), "log")
        snap, result = watch([JITLUA, f"-jv={log}", script], "--no-bpf", env=ENVIRONMENT, timeout=300)
        starts, compiled, aborts = kinds(verbose_events(log)[0])
        counters = snap["counters"]
        bridges = [e for e in compiled if e["parent"]]
        assert len(starts) == counters["TRACING"], (script, len(starts), counters)
        assert len(compiled) - len(bridges) == counters["TOTAL_COMPILED_LOOPS"], (script, counters)
        assert len(bridges) == counters["TOTAL_COMPILED_BRIDGES"], (script, len(bridges), counters)
        if script == EVENTS:
            assert bridges and aborts and len(compiled) > len(bridges), counters
        assert len(aborts) == aborts_of(snap), (script, len(aborts), counters)
        assert len(starts) - len(compiled) - len(aborts) in (0, 1), (script, counters)  # it may have been recording
        said = sorted((e["place"], int(e["bytes"]), int(e["assembled"])) for e in compiled)
        seen = sorted((l["greenkey"], l["asmlen"], l["operations"]) for l in snap["loops"])
        assert said == seen, (script, said, seen)
        reasons = {(e["reason"], e["where"]) for e in aborts}
        assert reasons == {(a["reason"], a["greenkey"]) for a in snap["aborts"]}, (script, reasons, snap["aborts"])
    assert result.err == "", result


def test_verbose_lines():
    log = os.path.join(tempdir(), "log")
    plain = jitlua("-joff", EVENTS)
    said = jitlua("-jv", EVENTS)
    assert said.out == plain.out and plain.err == "", (plain, said)
    jitlua(f"-jv={log}", EVENTS)
    events, _ = verbose_events(log)
    starts, compiled, aborts = kinds(events)
    assert any(e["link"] == "loop" for e in compiled), events
    bridges = [e for e in compiled if e["parent"]]
    assert any(e["link"].startswith(("trace ", "loop ")) for e in bridges), events
    numbers = {e["no"] for e in compiled}
    for e in bridges:
        assert e["parent"] in numbers and int(e["parent"]) < int(e["no"]), e[0]
    first = compiled[0]
    assert first["place"].endswith("jit_events.lua:5") or first["place"].endswith("jit_events.lua:4"), first[0]
    assert any(e["place"].endswith(("jit_events.lua:32", "jit_events.lua:31")) and e["where"].endswith("jit_events.lua:32")
               for e in aborts), [e[0] for e in aborts]
    # Each is started before it ends, at the same place.
    for e in (*compiled, *aborts):
        assert any(s["place"] == e["place"] and s["no"] == e["no"] and s.start() < e.start() for s in starts), e[0]


TWO_WAYS = """local a, b = 0, %s
for i = 1, 1000 do if i %% 2 == 0 then a = a + i else b = b %s end end
print(a, b)
"""


def test_a_bridge_enters_the_loop_at_its_label():
    """Its first turn is a part of the bridge, which knows what it wrote."""
    for env in ({}, {"JITLUA_IR": "1", "JITLUA_VERIFY": "1"}):
        log = os.path.join(tempdir(), "log")
        script = os.path.join(tempdir(), "two_ways.lua")
        with open(script, "w") as f:
            f.write(TWO_WAYS % (0, "+ 3"))
        result = jitlua(f"-jv={log}", f"-jdump=i,{log}.dump", script, env=env)
        assert result.out == "250500\t1500\n", result
        loop, bridge = [e for e in verbose_events(log)[0] if e["link"]][:2]
        assert loop["link"] == "loop" and bridge["link"] == "loop " + loop["no"], (loop[0], bridge[0])
        text = open(log + ".dump").read().split("---- TRACE 2 IR assembled\n")[1].split("----")[0]
        assert re.search(r"^jump\(.*, descr=1\)", text, re.M) and "finish" not in text, text
        assert text.count("guard_not_invalidated") == 1, text
        # What the bridge has in slots is not read from there by the loop's turn.
        slots = re.findall(r"getslot_\w\(descr=(\d+)\)", text)
        assert len(slots) == len(set(slots)), text


def test_a_bridge_that_leaves_another_type_begins_the_loop_anew():
    log = os.path.join(tempdir(), "log")
    script = os.path.join(tempdir(), "two_types.lua")
    with open(script, "w") as f:
        f.write("local s, n = 0, 0\nfor i = 1, 1000 do\n  if i % 10 == 0 then s = i + 0.5 elseif i % 10 == 1 then s = i\n"
                "  else n = n + 1; if s == 3 then n = 0 end end\nend\nprint(s, n)\n")
    result = jitlua(f"-jv={log}", script)
    assert result.out == "1000.5\t800\n", result
    links = [e["link"] for e in verbose_events(log)[0] if e["parent"] and e["link"]]
    assert "trace 1" in links and "loop 1" in links, links


def events_of(code, *options):
    """What -jv says of a program, which does what it does without a JIT."""
    log, script = os.path.join(tempdir(), "log"), os.path.join(tempdir(), "program.lua")
    with open(script, "w") as f:
        f.write(code)
    result = jitlua(f"-jv={log}", *options, script)
    assert result.out == jitlua("-joff", script).out and not result.err, result
    return kinds(verbose_events(log)[0])


# Of chains.lua and closures.lua in tests/lua, which say whether it is right, too.
FOLLOWED = """
local C = {}
local c = setmetatable({x = 7}, C)
C.__concat = function(a, b) return (type(a) == "table" and a.x or a) .. "," .. (type(b) == "table" and b.x or b) end
C.__lt = function(a, b) return a.x < b.x end
C.__le = C.__lt
C.__eq = function(a, b) return a.x == b.x end
C.__len = function(a) return a.x end
C.__unm = function(a) return a.x end
C.__call = function(a, b) return a.x + b end
C.__index = function(t, k) return k end
local d, s = setmetatable({x = 8}, C), 0
local array = setmetatable({1, 2, 3}, C)
local iterator = setmetatable({}, {__call = function(_, n, i) if i < n then return i + 1 end end})
local function tail(i) return c(i) end
for i = 1, 1000 do s = s + #("a" .. c .. "b" .. i .. c .. i) end
for i = 1, 1000 do if c < d and c <= d and c ~= d then s = s + #c - -c + c.y:len() end end
for i = 1, 1000 do s = s + c(i) + tail(i) end
for i in iterator, 1000, 0 do s = s + i end
setmetatable(array, {})
for i = 4, 1000 do array[i] = i end
for _, v in ipairs(array) do s = s + v end
for i = 1, 1000 do local f = function(x) i = i + x return i end s = s + f(1) + i end
local function counter() local n = 0 return function() n = n + 1 return n end end
for i = 1, 1000 do local up = counter() up() s = s + up() end
print(s)
"""


def test_usual_programs_are_followed():
    _, compiled, aborts = events_of(FOLLOWED)
    assert sum(e["link"] == "loop" for e in compiled) >= 8, [e[0] for e in compiled]
    assert not [e for e in aborts if not e["reason"].startswith("returned below")], [e[0] for e in aborts]


def test_tail_calls_of_vararg_functions_are_followed():
    with open(os.path.join(TESTS, "hot_recursion.lua")) as f:
        code = f.read()
    _, compiled, aborts = events_of(code[code.index("-- A vararg function walks"):])
    assert compiled and not [e for e in aborts if "too long" in e["reason"]], [e[0] for e in aborts]


# The first closure is the only one when the loop is compiled.
CALLBACKS = """
local function each(n, f)
  local s = 0
  for i = 1, n do s = s + f(i) end
  return s
end
local s = 0
for k = 1, 100 do s = s + each(200, function(x) return x * k end) end
print(s)
"""

def test_traces_for_one_closure_give_way():
    _, compiled, _ = events_of(CALLBACKS)
    callee = [e for e in compiled if e["place"].endswith(":4")]
    # Two loops, one for the closure and one for all; no way around the first for the others.
    assert [e["link"] for e in callee if not e["parent"]] == ["loop", "loop"], [e[0] for e in compiled]
    assert callee[0]["no"] not in [e["parent"] for e in compiled], [e[0] for e in compiled]
    _, compiled, _ = events_of(CALLBACKS.replace("200,", "k < 3 and 10 or 200,"))
    assert [e["link"] for e in compiled if e["place"].endswith(":4") and not e["parent"]] == ["loop"], [e[0] for e in compiled]


# Nothing but the loop knows of the function: f, and what is given to with().
SUNK = """
local function with(x, f) return f(x) end
local s, kept = 0
for i = 1, 1000 do
  local n = i
  local f = function(x) n = n + x return n end
  s = s + f(1) + with(i, function(x) return x + n end)
end
print(s)
"""


def test_functions_that_nobody_sees_are_not_made():
    def lists(code):
        result = jitlua("-jdump=i", "-e", code)
        assert jitlua("-joff", "-e", code).out in result.out, result
        return result.out
    assert "helper_closure_new" not in lists(SUNK) and " virtual(" in lists(SUNK), lists(SUNK)
    assert "helper_closure_new" in lists(SUNK.replace("s = s +", "kept = f s = s +"))


def test_flushes_are_told():
    log = os.path.join(tempdir(), "log")
    script = os.path.join(tempdir(), "flushing.lua")
    with open(script, "w") as f:
        f.write("local jit = require 'jit'\nlocal s = 0\nfor n = 1, 3 do\n  for i = 1, 5000 do s = s + i end\n  jit.flush()\nend\n"
                "print(s)\n")
    snap, result = watch([JITLUA, f"-jv={log}", f"-jdump=t,{log}.dump", script], "--no-bpf", env=ENVIRONMENT)
    events, flushes = verbose_events(log)
    assert result.out == "37507500\n" and flushes == snap["counters"]["FLUSHES"] == 3, (flushes, result, open(log).read())
    assert len(kinds(events)[1]) >= 3 and open(log + ".dump").read().count("---- TRACE flush: ") == 3
    assert not any(e["what"] == "freed" for e in events), events


def test_what_is_freed_is_told():
    """By name, and what a program drops; as often as it is counted."""
    log = os.path.join(tempdir(), "log")
    script = os.path.join(tempdir(), "freeing.lua")
    with open(script, "w") as f:
        f.write("local jit = require 'jit'\n"
                "local function f(n) local s = 0 for i = 1, n do if i % 3 == 0 then s = s + i end end return s end\n"
                "f(1000) jit.flush(f)\n"
                "load('local s = 0 for i = 1, 1000 do s = s + i end', '=dropped')()\n"
                "collectgarbage() collectgarbage() f(1000)\n")
    snap, _ = watch([JITLUA, f"-jv={log}", f"-jdump=t,{log}.dump", script], "--no-bpf", env=ENVIRONMENT)
    freed = [(e["no"], e["parent"], e["place"].rsplit("/")[-1]) for e in verbose_events(log)[0] if e["what"] == "freed"]
    counters = snap["counters"]
    assert freed == [("2", "1", "freeing.lua:2"), ("1", None, "freeing.lua:2"), ("1", None, "dropped:1")], freed
    assert counters["TOTAL_FREED_LOOPS"] == 2 and counters["TOTAL_FREED_BRIDGES"] == 1, counters
    assert open(log + ".dump").read().count(" freed\n") == 3


def test_verbose_without_a_jit():
    result = jitlua("-jv", "-joff", EVENTS)
    assert result.err == "", result
    result = jitlua("-jv", "-e", "print(1)")
    assert (result.out, result.err) == ("1\n", ""), result


def test_places_cannot_break_lines():
    """A chunk's name is the program's to choose."""
    folder = tempdir()
    log, script = os.path.join(folder, "log"), os.path.join(folder, "script.lua")
    with open(script, "w") as f:
        f.write("assert(load('local s = 0 for i = 1, 300 do s = s + i end', '=two\\nlines\\27[1m'))()\n")
    jitlua(f"-jv={log}", f"-jdump=,{log}.dump", script)
    _, compiled, _ = kinds(verbose_events(log)[0])
    assert [e["place"] for e in compiled] == ["two?lines?[1m:1"], open(log).read()
    assert "\x1b" not in open(log + ".dump").read()


INTO_SHARED = """
local limit, total, count = 7, 0, 0
local function turns(n)
  local t = 0
  while t < limit do
    if t * t > n then break end
    t = t + 1
  end
  return t
end
local function totals() return total, count end
for y = 1, 60 do
  for x = 1, 60 do
    total = total + turns(x)
    if total % 5 == 0 then count = count + 1 end
  end
end
print(totals())
"""


def test_a_return_into_a_frame_whose_variables_are_shared_is_followed():
    log = os.path.join(tempdir(), "log")
    result = jitlua(f"-jv={log}", "-e", INTO_SHARED)
    assert result.out == run([LUA, "-e", INTO_SHARED]).out, result
    _, compiled, aborts = kinds(verbose_events(log)[0])
    bridges = [e for e in compiled if e["parent"]]
    assert len(bridges) > 1 and all(e["link"] != "interpreter" for e in bridges), [e[0] for e in bridges]
    assert not [e[0] for e in aborts if e["parent"] and "returned below" in e["reason"]], open(log).read()


def loop_of(text):
    """The operations of the only loop, behind its label."""
    loops = [lines for _, lines in heads("i", "-e", text) if any(l.startswith("label(") for l in lines)]
    assert len(loops) == 1, loops
    return loops[0][[l.startswith("label(") for l in loops[0]].index(True):]


def test_only_variables_that_are_shared_by_then_are_kept_in_memory():
    loop = "for i = 1, 500 do s = s + i end"
    before = f"local s = 0 local function get() return s end {loop} print(get())"
    after = f"local s = 0 {loop} print((function() return s end)())"
    closed = f"do local a, b, c, d, e = 1, 2, 3, 4, 5 print((function() return a + b + c + d + e end)()) end local s = 0 {loop} print(s)"
    around = f"for n = 1, 3 do local s = 0 {loop} print((function() return s end)()) end"
    assert any("setvalue" in l for l in loop_of(before)), loop_of(before)
    for text in (after, closed, around):
        assert not any("value(" in l and "guard" not in l for l in loop_of(text)), loop_of(text)


def test_a_trace_that_returns_many_times_goes_down_frame_by_frame():
    """Each return's frame is found from the one before; once it asks whether it may go on."""
    text = "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end fib(24)"
    found, deepest = heads("im", "-e", text), 0
    for head, lines in found:
        if not head.endswith("IR assembled"):
            continue
        code = next(l for h, l in found if h.startswith(head.replace("IR assembled", "code ")))
        returns = sum("guard_frame_pc" in l for l in lines)
        # Frame.previous is at 16.
        assert sum(bool(re.search(r"mov +rax, qword ptr \[rax \+ 0x10\]", l)) for l in code) == returns, (head, lines, code)
        # The one behind another guard of the same frame is in rax.
        frames = sum("guard_frame_status" in l for l in lines)
        assert sum(bool(re.search(r"mov +rax, qword ptr \[rsp", l)) for l in code) <= frames + 1, (head, lines, code)
        assert sum("guard_not_invalidated" in l for l in lines) == 1, lines
        deepest = max(deepest, returns)
    assert deepest > 2, found


def test_lists_are_changed_in_the_middle_by_machine_code():
    loop = loop_of("local t = {1} for i = 1, 500 do table.insert(t, i // 2 + 1, i) if i % 2 == 0 then table.remove(t, 1) end end")
    text = "\n".join(loop)
    assert "helper_table_insert" in text and "helper_call_function" not in text, text
    assert "helper_table_remove" in "\n".join(l for _, lines in heads("i", "-e", "local t = {1, 2} for i = 1, 500 do t[3] = i table.remove(t, 1) end")
                                             for l in lines)


# What a turn does with a list; is it a new one, which nobody else sees?
UNPACKED = {
    "local a, b, c = unpack({i, i + 1, i + 2}) s = s + a * b + c": True,
    "s = s + select('#', unpack({i, i})) + (unpack({i}))": True,
    "local p = table.pack(i, nil, i) local a, b, c = unpack(p, 1, p.n) s = s + a + c + p.n": True,
    "local ok, a = pcall(unpack, {i, i}) s = s + a": True,
    "local t = {i, unpack({i, i})} s = s + t[1] + t[3]": True,
    "local a, b, c = unpack(kept) s = s + a + b + c": False,
    "local a, b = unpack(kept, 1 + i % 2, 2 + i % 2) s = s + a + b": False,
    "kept[#kept % 7 + 1] = i local a, b = unpack(kept) s = s + a + b": False,
}


def test_lists_are_unpacked_by_machine_code():
    for turn, is_new in UNPACKED.items():
        text = f"local unpack, s, kept = table.unpack, 0, {{1, 2, 3}} for i = 1, 500 do {turn} end print(s)"
        loop = "\n".join(loop_of(text))
        assert "helper_call_function" not in loop, (turn, loop)
        assert not is_new or "call_" not in loop and "setarrayitem" not in loop, (turn, loop)
        assert jitlua("-jon", "-e", text).out == jitlua("-joff", "-e", text).out, turn


def test_a_list_that_grows_needs_no_other_trace_where_few_of_its_values_are_wanted():
    def bridges(wanted):
        log = os.path.join(tempdir(), "log")
        jitlua(f"-jv={log}", "-e", f"local t, s = {{1, 2}}, 0 for i = 1, 3000 do if i % 600 == 0 then t[#t + 1] = i end {wanted} s = s + a end")
        return len([e for e in kinds(verbose_events(log)[0])[1] if e["parent"]])
    few = bridges("local a, b = table.unpack(t)")
    assert few + 2 <= bridges("local a = select('#', table.unpack(t))"), few


PURE = {"math.fmod(i, 7)": "mod(", "math.fmod(-i, 7)": "helper_int_fmod", "math.fmod(i / 2, 7)": "helper_float_fmod",
        "math.modf(i / 2)": "float_floor", "math.modf(-i / 2)": "float_ceil", "math.ult(i, 1000) and 1 or 2": "uint_lt",
        "rawequal(i, 1000) and 1 or 2": "int_eq", "rawequal(t, {}) and 1 or 2": None, "rawlen(t)": "helper_table_border"}


def test_small_functions_of_the_libraries_are_operations():
    for call, operation in PURE.items():
        text = f"local t, s = {{}}, 0 for i = 1, 500 do s = s + ({call}) end print(s)"
        lines = "\n".join(l for _, lines in heads("i", "-e", text) for l in lines)
        assert "helper_call_function" not in lines and (not operation or operation in lines), (call, lines)


def test_a_loop_whose_values_get_other_types_is_compiled_for_these():
    log = os.path.join(tempdir(), "log")
    text = ("local t = {} for i = 1, 200 do t[i] = 0 end\n"
            "local function sum() local s = 0.0\n"
            "for i = 1, 200 do s = s + t[i] end\n"
            "return s end\n"
            "sum() for i = 1, 200 do t[i] = i / 4 end\n"
            "for r = 1, 50 do sum() end print(sum())")
    assert jitlua(f"-jv={log}", "-e", text).out == "5025.0\n"
    compiled = [e for e in kinds(verbose_events(log)[0])[1] if e["place"].endswith(":3")]
    assert [e["link"] for e in compiled if not e["parent"]] == ["loop", "loop"], [e[0] for e in compiled]


# The loop is a turn long when the one around it is compiled, and some turns more later.
LONGER = """
local function turns(most)
  local n, s = 0, 0.5
  while n < 100 do
    if s > most then break end
    s = s + 1
    n = n + 1
  end
  return s
end
local total = 0
for x = 1, 2000 do
  total = total + turns(x < 400 and 1 or x < 900 and 1 + x % 5 or 40)
end
print(total)
"""


def test_bridges_that_go_around_a_loop_lead_to_its_trace():
    _, compiled, _ = events_of(LONGER)
    inner = [e["no"] for e in compiled if e["link"] == "loop" and e["place"].endswith(":4")]
    around = [e["link"] for e in compiled if e["parent"]]
    assert len(inner) == 1 and f"loop {inner[0]}" in around, [e[0] for e in compiled]


# A turn each time until the loop is hot, then some more, but not many.
LEFT = """
local function turns(n)
  local s, i = 0, 0
  while i < n do s = s + i i = i + 1 end
  return s
end
for i = 1, 57 do turns(1) end
print(turns(20) + turns(20))
"""


def test_a_loop_that_was_left_while_it_was_recorded_is_recorded_soon():
    _, compiled, aborted = events_of(LEFT)
    assert [e["place"][-2:] for e in aborted] == [":4"], [e[0] for e in aborted]
    assert any(e["link"] == "loop" and e["place"].endswith(":4") for e in compiled), [e[0] for e in compiled]


def loops_compiled(code, line):
    return [e["link"] for e in events_of(code)[1] if e["place"].endswith(f":{line}") and not e["parent"]]


def test_a_loop_whose_values_change_types_all_the_time_is_not_compiled_again():
    """What is in a slot is asked before anything is recorded; what is in a table, once it is."""
    slot = "local v, s = 0, 0\nfor i = 1, 2000 do\n  s = s + v\n  v = i % 4 == 0 and i + 0.5 or i\nend\nprint(s, v)\n"
    table = ("local t, s = {}, 0 for i = 1, 2000 do t[i] = i % 4 == 0 and i + 0.5 or i end\n"
             "for i = 1, 2000 do s = s + t[i] end\nprint(s)\n")
    both = ("local t, v, s = {}, 0, 0 for i = 1, 2000 do t[i] = i < 1000 and 0 or 0.5 end\n"
            "for i = 1, 2000 do\n  s = s + v + t[i]\n  v = i % 5 == 0 and i + 0.5 or i\nend\nprint(s, v)\n")
    assert loops_compiled(slot, 3) == ["loop"], loops_compiled(slot, 3)
    assert len(loops_compiled(table, 2)) == 2, loops_compiled(table, 2)
    # A value that is settled does not keep another from having its way.
    assert len(loops_compiled(both, 3)) == 2, loops_compiled(both, 3)


# ---- The program's own figures and those from outside ------------------------------------------------

SELF = """
local s, t = 0, {}
for i = 1, 1e5 do if i % 3 == 0 then s = s + 1 else s = s + 2 end end
local function twice(x) return x + x end
for i = 1, 1e4 do t[#t + 1] = { twice(i) } end
for name, n in pairs(require("jithooks").get_stats_snapshot().counters) do print(name, n) end
"""


def own_counters(options):
    snap, result = watch([JITLUA, "-e", SELF], *options, env=ENVIRONMENT)
    own = dict(line.split("\t") for line in result.out.splitlines())
    return snap, {name: int(n) for name, n in own.items()}


def test_counters_are_those_that_the_program_sees():
    need_bpf()
    for options in ((), ("--no-bpf",)):
        snap, own = own_counters(options)
        assert own["TOTAL_COMPILED_LOOPS"] >= 2 and own["TOTAL_COMPILED_BRIDGES"] >= 1, own
        for name, n in own.items():
            assert snap["counters"][name] == n, (options, name, n, snap["counters"][name])


def test_loops_have_their_place():
    script = os.path.join(tempdir(), "loops.lua")
    with open(script, "w") as f:
        f.write("local s = 0\nfor i = 1, 1000 do\n\ts = s + i\nend\nprint(s)\n")
    snap, _ = watch([JITLUA, script], "--no-bpf", env=ENVIRONMENT)
    assert any(l["type"] == "loop" and l["greenkey"] == f"{script}:3" for l in snap["loops"]), snap["loops"]


def test_the_jit_is_on_unless_it_is_switched_off():
    if not X86:
        return
    loop = "local s = 0 for i = 1, 1000 do s = s + i end"
    for options, on in (([], True), (["-joff"], False), (["-joff", "-jon"], True)):
        snap, _ = watch([JITLUA, *options, "-e", loop], "--no-bpf", env=ENVIRONMENT) if on else (None, None)
        assert not on or snap["counters"]["TOTAL_COMPILED_LOOPS"] == 1, (options, snap["counters"])
        told = jitlua(*options, "-e", "print((require('jit').status()))").out
        assert told == f"{str(on).lower()}\n", (options, told)


# ---- pcall() -----------------------------------------------------------------------------------

# Loops, and what becomes of the turns that fail: caught in the trace, or left to the interpreter.
PROTECTED = {
    "succeeds": ("return i + 1", "pcall(f, i)", None),
    "xpcall": ("return i + 1", "xpcall(f, print, i)", None),
    "nested": ("return i + 1", "pcall(function() local _, a = pcall(f, i) return a end)", None),
    "fails": ("if i % 3 == 0 then error('third', 0) end return 1", "pcall(f, i)", True),
    "has_a_position": ("if i % 3 == 0 then error('third') end return 1", "pcall(f, i)", True),
    "asserts": ("assert(i % 3 ~= 0, 'third') return 1", "pcall(f, i)", True),
    "fails_always": ("error('each', 0)", "pcall(f, i)", None),
    "fails_deep": ("local function g() if i % 3 == 0 then error('third', 0) end return 1 end return (g())", "pcall(f, i)", True),
    "shares_a_variable": ("return i", "pcall(function() if i % 3 == 0 then error('third', 0) end return i end)", True),
    "returns_by_two_ways": ("if i % 3 == 0 then return 2 end return 1", "pcall(f, i)", True),
    "handles": ("if i % 3 == 0 then error('third', 0) end return 1", "xpcall(f, tostring, i)", False),
}


def test_what_pcall_calls_is_part_of_the_trace():
    if not X86:
        return
    for name, (body, call, caught) in PROTECTED.items():
        script, log = os.path.join(tempdir(), "protected.lua"), os.path.join(tempdir(), "log")
        with open(script, "w") as f:
            f.write(f"local n = 0\nlocal function f(i) {body} end\n"
                    f"for i = 1, 2000 do local ok, v = {call} n = n + (ok and v or #v) end\nprint(n)\n")
        result = jitlua(f"-jv={log}", f"-jdump=i,{log}.dump", script)
        assert result.out == jitlua("-joff", script).out, (name, result)
        _, compiled, aborts = kinds(verbose_events(log)[0])
        links = [e["link"] for e in compiled if e["parent"]]
        assert "loop" in [e["link"] for e in compiled], (name, compiled, aborts)
        if caught is not None:
            assert links and all(l.startswith("trace") == caught for l in links), (name, links)
        with open(f"{log}.dump") as f:
            assert "helper_call_function" not in f.read(), name


def test_pcall_of_what_cannot_be_traced_is_called():
    log = os.path.join(tempdir(), "log")
    text = "local n = 0 for i = 1, 3000 do if not pcall(function(s) return s:rep() end, 'x') then n = n + 1 end end print(n)"
    result = jitlua(f"-jv={log}", "-jfunction_threshold=60000", "-e", text)
    assert result.out == "3000\n", result
    _, compiled, aborts = kinds(verbose_events(log)[0])
    assert [e["link"] for e in compiled] == ["loop"], (compiled, aborts)
    assert len(aborts) == 2 and all("error while tracing" in e["reason"] for e in aborts), aborts


# ---- Which traces live ---------------------------------------------------------------------------------

DROPPED = """
local sum = 0
for i = 1, 2000 do
  sum = sum + load("local s = 0 for j = 1, 100 do if j % 3 == 0 then s = s + j else s = s - 1 end end return s")()
  if i % 200 == 0 then collectgarbage() end
end
print(sum)
"""


def test_code_that_is_dropped_takes_its_traces_with_it():
    snap, result = watch([JITLUA, "-jbudget=0", "-e", DROPPED], "--no-bpf", env=ENVIRONMENT)
    assert result.out == jitlua("-joff", "-e", DROPPED).out, result
    freed = snap["counters"]["TOTAL_FREED_LOOPS"]
    assert snap["counters"]["TOTAL_COMPILED_LOOPS"] > 1500 < freed + 300, snap["counters"]
    assert len(snap["loops"]) < 1000, len(snap["loops"])


def test_reasons_name_what_it_was():
    for option, body, reason in (
            ("-jon", 's = s + ("10" + i)', "not traced: string as operand of add"),
            ("-jon", 's = s + i * "10"', "not traced: string as operand of mul"),
            ("-jinlining=0", "s = f(s)", "call not followed: inlining is 0"),
            ("-jon", "jit.flush()", "flushed while recording"),
            ("-jon", "jit.flush(f)", "flushed while recording"),
            ("-jon", "jit.off() jit.on()", "JIT turned off while recording"),
            ("-jon", "if not pcall(g, i) then s = 0 end", "error while tracing: CALL")):
        log = os.path.join(tempdir(), "log")
        jitlua(option, "-jbudget=0", f"-jv={log}", "-e", f"""
local jit, s = require "jit", 0
local function f(x) return x + 1 end
local function g(i) for j = 1, 2 do if j == 2 then error(i) end s = s + i end end
for i = 1, 400 do {body} end""")
        reasons = [e["reason"] for e in kinds(verbose_events(log)[0])[2]]
        assert reason in reasons, (body, reasons)
        assert not any("hook ran" in r or "recursion" in r for r in reasons), (body, reasons)


def test_old_families_make_room():
    storm = program("flush_storm.lua")
    expected = jitlua("-joff", storm, "3").out
    for option in ("-jbudget=0,code_limit=1", "-jbudget=0,loop_longevity=100"):
        snap, result = watch([JITLUA, option, storm, "3"], "--no-bpf", env=ENVIRONMENT, timeout=300)
        assert result.out == expected, (option, result)
        counters = snap["counters"]
        assert counters["TOTAL_FREED_LOOPS"] > 100 and counters["FLUSHES"] == 0, (option, counters)
        size = sum(l["asmlen"] for l in snap["loops"])
        assert "code_limit" not in option or 100000 < size <= 1 << 20, size


LIMITED = """
local jit, hooks = require "jit", require "jithooks"
local kept = {}
local function compile(n)
  for _ = 1, n do
    kept[#kept + 1] = load "local n, s = ..., 0 for i = 1, n do s = (s + i % 7) * 3 % 1009 end return s"
    kept[#kept](40)
  end
  local _, used = hooks.get_stats_asmmemmgr()
  return used
end
local function flushes() return hooks.get_stats_snapshot().counters.FLUSHES end
local before = compile(2500)
hooks.set_param "code_limit=1"
local _, now = hooks.get_stats_asmmemmgr()
local after = compile(2500)
print(before > 1 << 20, now < 1 << 16, 1 << 19 < after and after <= 1 << 20, flushes())
print(pcall(hooks.set_param, "code_limit=65"))
print(compile(2500) <= 1 << 20, flushes())
hooks.set_param "default"
print(flushes())
jit.opt.start("maxmcode=2048", "hotloop=5", "budget=0")
print(compile(2500) > 1 << 20, flushes())
"""


def test_the_limit_of_code_follows():
    result = jitlua("-jbudget=0,threshold=5", "-e", LIMITED, timeout=300)
    lines = result.out.splitlines()
    assert lines[0] == "true\ttrue\ttrue\t1", result
    assert lines[1].startswith("false\t") and "65 MiB is more than was reserved" in lines[1], result
    assert lines[2:] == ["true\t1", "1", "true\t1"], result


FLUSHING = """
local jit = require "jit"
local function f(n) local s = 0 for i = 1, n do s = (s * 3 + i) %% 1009 end return s end
local total = 0
for i = 1, 2000 do total = total + f(150) if i %% 2 == 0 then %s end end
print(total)
"""


def test_what_is_flushed_again_and_again_waits():
    expected = jitlua("-joff", "-e", FLUSHING % "").out
    for flush in ("jit.flush()", "jit.flush(f)"):
        made = {}
        for option in ("-jon", "-jbudget=0"):
            snap, result = watch([JITLUA, option, "-e", FLUSHING % flush], "--no-bpf", env=ENVIRONMENT)
            assert result.out == expected, (option, result)
            made[option] = snap["counters"]["TOTAL_COMPILED_LOOPS"]
        assert made["-jon"] < 20 and made["-jbudget=0"] > 900, (flush, made)


def test_a_loop_that_allocates_is_left_for_the_collector():
    """Memory stays small though the loop has no other reason to leave its trace."""
    for made in ('"n" .. i', "{ i }", "function() return i end"):
        code = f"local list = {{}} for i = 1, 1e6 do list[i & 1023] = {made} end print(collectgarbage('count') < 2000)"
        assert jitlua("-e", code).out == "true\n", made

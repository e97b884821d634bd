# SPDX-License-Identifier: BSD-2-Clause
"""jitlua's hooks, in Lua and in C, and the module `jit`."""
import os
import re

from harness import BUILD, PROGRAMS, TOP, program, run

JITLUA = os.path.join(BUILD, "jitlua")
HOOKS = os.path.join(PROGRAMS, "hooks")
ENVIRONMENT = {"LUA_INIT": None, "LUA_INIT_5_4": None,
               "ASAN_OPTIONS": "detect_stack_use_after_return=0"}

# A loop that is compiled, with what it computes; `list` is the hook's.
LOOP = """
local function work(n)
  local x, t, s = 1.0, {}, 0
  for i = 1, n do x = x / 4 + i; t[i] = x; s = s + i %% 7 end
  return x, #t, s
end
local hooks, jit = require "jithooks", require "jit"
local function count(name) return hooks.get_stats_snapshot().counters[name] end
local calls = 0
%s
jit.opt.start("hotloop=5") jit.on()
print(work(100))
jit.off()
print("replaced " .. count "OPTIMIZE_REPLACED" .. " rejected " .. count "OPTIMIZE_REJECTED" ..
      " errors " .. count "HOOK_ERRORS", "loops " .. count "TOTAL_COMPILED_LOOPS")
"""
RESULT = "132.88888888889\t100\t297\n"


def lua(text, *options, status=0, timeout=60, **more):
    return run([JITLUA, *options, "-e", text], env=ENVIRONMENT, status=status, timeout=timeout, **more)


def with_hook(body, before="", **more):
    """Runs the loop with an optimize hook; what it printed behind the result, and stderr."""
    result = lua(LOOP % f"{before}\nhooks.set_optimize_hook(function(info) calls = calls + 1\n"
                        f"local list = info.operations\n{body}\nend)", **more)
    assert RESULT in result.out, result
    return result.out.split(RESULT)[1].splitlines()[-1], result.err


def accepted(body, **more):
    counts, err = with_hook(body, **more)
    assert counts.startswith("replaced 1 rejected 0 errors 0\tloops ") and not err, (counts, err)


def refused(body, message, **more):
    counts, err = with_hook(body, **more)
    assert counts.startswith("replaced 0 rejected 1 errors 0\tloops "), (counts, err)
    assert re.fullmatch(r"operations of the optimize hook refused for loop \d+ at \(command line\):4: "
                        + message + "\n", err), err


# ---- What a hook gets -----------------------------------------------------------------


def test_a_hook_sees_the_operations():
    counts, err = with_hook("""
      assert(tostring(info):match "^<JitLoopInfo jitlua, %d+ operations, starting at <%(command line%):4>>$")
      assert(info.jitdriver_name == "jitlua" and info.type == "loop" and info.loop_no > 0)
      assert(info.greenkey == "(command line):4" and not info.bridge_no)
      assert(info.asmaddr == 0 and info.asmlen == 0)
      local divisions, guards = 0, 0
      for i, op in ipairs(list) do
        assert(type(op.name) == "string" and type(op.args) == "table" and op.offset == 0)
        if op.name == "float_truediv" then
          divisions = divisions + 1
          assert(op.args[2] == 4.0 and op.line == 4 and op.result.type == "f")
          assert(tostring(op):match "^f%d+ = float_truediv%(f%d+, 4.0%)$", tostring(op))
          assert(op:getarg(1) == 4.0)
        elseif op.name:match "^guard" then
          guards = guards + 1
          assert(op.failargs and op.snapshot and op.hash > 0 and not op.result)
        elseif op.name == "call_r" or op.name == "getfield_r" then
          assert(type(op.descr) == "string")
        end
      end
      assert(divisions == 2 and guards > 5 and list[#list].name == "jump")""")
    assert counts.startswith("replaced 0 rejected 0 errors 0\tloops ") and not err, (counts, err)


def test_a_hook_without_operations():
    result = lua(LOOP % """hooks.set_optimize_hook(function(info) assert(info.operations == nil) calls = 1 end, false)
                           hooks.set_compile_hook(function(info)
                             assert(info.operations == nil and info.asmaddr ~= 0 and info.asmlen > 0)
                             print("compiled", calls) end, false)""")
    assert "compiled\t1\n" in result.out and "errors 0" in result.out, result


def test_compile_and_abort_hooks():
    result = lua("""
      local hooks, jit = require "jithooks", require "jit"
      local aborts, compiled = 0, 0
      hooks.set_compile_hook(function(info)
        compiled = compiled + 1
        assert(#info.operations > 0 and info.asmaddr ~= 0)
        if info.type == "bridge" then assert(info.bridge_no > info.loop_no) end
      end)
      hooks.set_abort_hook(function(driver, greenkey, reason, operations)
        aborts = aborts + 1
        assert(driver == "jitlua" and greenkey:match ":%d+$" and #reason > 0 and type(operations) == "table")
      end)
      jit.opt.start("hotloop=3", "hotexit=2") jit.on()
      local s = 0
      for i = 1, 200 do if i % 3 == 0 then s = s + 1 else s = s - 1 end end
      local mt = {__add = function(a, b) return 5 end}
      local v = setmetatable({}, mt)
      for i = 1, 100 do local x = v + v; s = s + x end
      jit.off()
      local c = hooks.get_stats_snapshot().counters
      assert(compiled == c.TOTAL_COMPILED_LOOPS + c.TOTAL_COMPILED_BRIDGES and compiled >= 2)
      local n = 0
      for name, value in pairs(c) do if name:match "^ABORT_" then n = n + value end end
      assert(aborts == n, aborts .. " " .. n)
      print(s, c.HOOK_ERRORS, n > 0)""")
    assert re.match(r"432\t0\t", result.out) and not result.err, result


def test_operations_have_their_place_in_the_code():
    result = lua(LOOP % """hooks.set_compile_hook(function(info)
        local last = 0
        for _, op in ipairs(info.operations) do assert(op.offset >= last) last = op.offset end
        print("last", last > 0 and last < info.asmlen) end)""")
    assert "last\ttrue\n" in result.out and not result.err, result


def test_the_snapshot():
    result = lua("""
      local hooks = require "jithooks"
      local s = hooks.get_stats_snapshot()
      assert(s.counters.TRACING == 0 and s.counter_times.TRACING == 0.0 and s.counter_times.HOOKS)
      assert(next(s.loop_run_times.l) == nil)
      local names = 0
      for name, n in pairs(s.counters) do names = names + 1 assert(math.type(n) == "integer") end
      assert(names >= 34)
      local allocated, used = hooks.get_stats_asmmemmgr()
      assert(allocated >= used)
      hooks.releaseall()
      print(hooks.get_stats_snapshot().counters.FLUSHES)""")
    assert result.out == "1\n", result


def test_runs_are_counted_on_request():
    """In code that was compiled before, too, and alike by both backends."""
    source = """
      local hooks, jit = require "jithooks", require "jit"
      jit.opt.start("hotloop=5", "hotexit=3") jit.on()
      local function work(n)
        local s = 0
        for i = 1, n do if i % 10 == 0 then s = s - 1 else s = s + i end end
        return s
      end
      local function runs()
        jit.off()
        local l, b = 0, 0
        local runs = hooks.get_stats_snapshot().loop_run_times
        for _, n in pairs(runs.l) do l = l + n end
        for _, n in pairs(runs.b) do b = b + n end
        jit.on()
        return l, b
      end
      work(100) print(runs())
      hooks.enable_debug() work(1000) print(runs())
      hooks.disable_debug() work(1000) print(runs())
      hooks.enable_debug() work(1000) print(runs())
      local function other(n) for i = 1, n do local x = i end end
      other(1000)
      jit.flush() print(runs())
      work(1000)
      jit.off() print(runs())"""
    result = lua(source)
    lines = [list(map(int, line.split())) for line in result.out.splitlines()]
    assert lines[0] == [0, 0] and lines[1] == lines[2] == [899, 100], result
    # The loop's end may have got a bridge by then.
    assert lines[3] in ([1798, 200], [1798, 201]) and lines[4] == [0, 0] and 800 < sum(lines[5]) < 1000, result
    ir = run([JITLUA, "-e", source], env={**ENVIRONMENT, "JITLUA_IR": "1"})
    assert ir.out == result.out, (ir, result)


def test_runs_of_a_loop_that_bridges_enter():
    """At the label: every turn is one run, of the loop or, on the other way, of the bridge too."""
    source = """
      local hooks, jit = require "jithooks", require "jit"
      jit.opt.start("hotloop=5", "hotexit=3") jit.on()
      local function work(n)
        local s = 0
        for i = 1, n do if i % 2 == 0 then s = s - 1 else s = s + i end end
        return s
      end
      work(100)
      hooks.enable_debug() work(10000)
      jit.off()
      for kind, all in pairs(hooks.get_stats_snapshot().loop_run_times) do
        for number, n in pairs(all) do if n > 1 then print(kind, n) end end
      end"""
    for env in ({}, {"JITLUA_IR": "1"}):
        result = run([JITLUA, "-e", source], env={**ENVIRONMENT, **env})
        found = dict(line.split() for line in result.out.splitlines())
        assert set(found) == {"l", "b"}, result
        assert all(4990 < int(n) <= 5000 for n in found.values()), result


# ---- Lists that are taken ----------------------------------------------------------------


def test_an_optimization_that_there_is_not():
    """Some 20 lines of Lua; the effect is in the operations that were compiled."""
    source = f"""dofile {os.path.join(HOOKS, "multiply.lua")!r}
      hooks.set_compile_hook(function(info)
        local n = {{}}
        for _, op in ipairs(info.operations) do n[op.name] = (n[op.name] or 0) + 1 end
        print("compiled", n.float_truediv, n.float_mul)
      end)"""
    result = lua(LOOP % source)
    assert RESULT in result.out and "compiled\tnil\t2\n" in result.out, result
    assert "replaced 1 rejected 0 errors 0" in result.out, result


def test_lists_that_do_the_same():
    accepted("return list")
    accepted("local copy = {} for i, op in ipairs(list) do copy[i] = op end return copy")
    accepted("""for i = #list, 1, -1 do
      if list[i].name:match "^guard_value" then table.insert(list, i, list[i]) end end return list""")
    accepted("""for _, op in ipairs(list) do
      if op.name == "int_add" then op.args = {op.args[2], op.args[1]} end end return list""")
    accepted("""for i = #list, 1, -1 do local op = list[i]
      if op.name == "int_add" then
        local half = hooks.ResOperation("int_sub", {op.args[1], 10})
        table.insert(list, i, half)
        op.args[1] = hooks.Box("i")
        local other = hooks.ResOperation("int_add", {half.result, 10})
        other.result = op.args[1]
        table.insert(list, i + 1, other)
      end end return list""")


def with_bridge(body):
    """Runs a loop with a bridge; the hook gets the bridge's operations and its jump to the loop."""
    return lua(f"""
      local hooks, jit = require "jithooks", require "jit"
      hooks.set_optimize_hook(function(info)
        if info.type ~= "bridge" then return end
        local list = info.operations
        local jump = list[#list]
        if jump.name ~= "jump" then return end
        {body}
      end)
      jit.opt.start("hotloop=5", "hotexit=3") jit.on()
      local a, b = 0, 0
      for i = 1, 100 do if i % 2 == 0 then a = a + i else b = b + 3 end end
      jit.off()
      local c = hooks.get_stats_snapshot().counters
      print(a, b, c.OPTIMIZE_REPLACED, c.OPTIMIZE_REJECTED)""")


def test_the_jump_of_a_bridge_to_a_loop():
    result = with_bridge("assert(jump.descr and #jump.failargs > 0 and #jump.args > 2) return list")
    assert result.out == "2550\t150\t1\t0\n" and not result.err, result
    for change, message in (
            ("jump.args[#jump.args] = nil", "jump"),
            ("jump.args[1], jump.args[2] = jump.args[2], jump.args[1]", "not shown to be what it was"),
            ("jump.failargs[1] = jump.failargs[2]", "its snapshot, or a value in it, was changed"),
            ("jump.descr = '2'", "jump"),
            ("jump.descr = nil", "jump"),
            ("list[#list] = nil", "ends without jump or finish")):
        result = with_bridge(change + " return list")
        assert result.out.startswith("2550\t150\t0\t") and message in result.err, (change, result)


def test_nothing_returned_changes_nothing():
    counts, err = with_hook("return nil")
    assert counts == "replaced 0 rejected 0 errors 0\tloops 1" and not err, (counts, err)


# ---- Lists that are refused -----------------------------------------------------------------

FIND = """local function find(name, n)
  for i, op in ipairs(list) do if op.name == name then n = (n or 1) - 1 if n == 0 then return i, op end end end
  error("no " .. name) end
"""


def test_broken_operations_are_refused():
    for body, message in (
        ("list[1].args = {hooks.Box('i')} list[1].name = 'guard_true' return list",
         r"operation 0, guard_true: argument 1 is not defined before it"),
        ("local i, op = find 'float_add' op.args[1] = 1 return list",
         r"operation \d+, float_add: argument 1 has type i, not f"),
        ("local i, op = find 'float_add' op.name = 'int_add' return list",
         r"operation \d+, int_add: (its result has type i|argument 1 has type f, not i)"),
        ("local i, op = find 'float_add' op.name = 'float_ad' return list",
         r"operation \d+, float_ad: there is no such operation"),
        ("local i, op = find 'float_add' op.args[3] = 1.0 return list",
         r"operation \d+, float_add: has 3 arguments, which is not what it takes"),
        ("local i, op = find 'float_add' op.result = nil return list",
         r"operation \d+, float_add: its result has type f"),
        ("local i, op = find 'float_add' table.insert(list, i, op) return list",
         r"operation \d+, float_add: its result is that of operation \d+ already"),
        ("local i, op = find 'setarrayitem' op.descr = 'nothing' return list",
         r"operation \d+, setarrayitem: its descr: no tag 'nothing'"),
        ("local i, op = find 'guard_value' op.snapshot = nil return list",
         r"operation \d+, guard_value: has no snapshot: it needs that of an operation of the trace"),
        ("local i, op = find('guard_value', 4) op.failargs = {} return list",
         r"operation \d+, guard_value: has 0 failargs, not the \d+ of its snapshot"),
    ):
        refused(FIND + body, message)


def test_lists_that_lose_something_are_refused():
    for body, message in (
        ("table.remove(list, (find 'guard_value')) return list",
         r"the trace's operation \d+, guard_value: this guard is lost"),
        ("table.remove(list, (find 'setarrayitem')) return list",
         r"the trace's operation \d+, setarrayitem: this effect is lost"),
        ("list[#list] = nil return list",
         r"operation \d+, \w+: the list ends without jump or finish"),
        ("return {}", r"the list is empty"),
        ("for i = #list, 2, -1 do list[i] = nil end list[1] = hooks.ResOperation('jump', {}) return list",
         r".*this guard is lost"),
    ):
        refused(FIND + body, message)


def test_lists_that_do_something_else_are_refused():
    for body, message in (
        ("local i, op = find 'float_truediv' op.args[2] = 8.0 return list",
         r"operation \d+, \w+: .*"),
        ("local i, op = find('float_truediv', 2) op.name, op.args[2] = 'float_mul', 0.26 return list",
         r"operation \d+, (setarrayitem|guard_true|jump): .*"),
        ("local i, op = find 'setarrayitem' op.args[3] = 1.0 return list",
         r"operation \d+, setarrayitem: argument 3 is not shown to be what it was"),
        ("local i, op = find('guard_true') op.name = 'guard_false' return list",
         r".*this guard is lost"),
        ("local i, op = find('setarrayitem') table.insert(list, i + 1, op) op.args[3] = 2.0 return list",
         r"operation \d+, setarrayitem: .*"),
        ("local i, op = find('setarrayitem', 2) table.remove(list, i) table.insert(list, (find 'label') + 9, op)"
         " return list", r"operation \d+, .*"),
        ("local i, op = find('label') op.args[1], op.args[2] = op.args[2], op.args[1] return list",
         r"operation \d+, .*"),
    ):
        refused(FIND + body, message)


def test_what_is_no_list_is_refused():
    for value, kind in (("42", "number"), ("'x'", "string"), ("false", "boolean"), ("print", "function"),
                        ("coroutine.create(print)", "thread"), ("io.stdout", "userdata")):
        refused(f"return {value}", rf"the hook returned a {kind}, not a list of operations")
    refused("for i = 1, 1000000 do list[i] = list[1] end return list",
            r"the list has 1000000 operations: too long, at most \d+")
    for body, message in (
        ("list[1] = 42", r"operation 0, \?: is a number, not an operation"),
        ("list[1] = {}", r"operation 0, \?: has no name"),
        ("list[1].name = {}", r"operation 0, \?: its name is a table"),
        ("list[2].args = print", r"operation 1, \w+: its args are a function"),
        ("list[3].args[1] = {}", r"operation 2, \w+: argument 1 is a table that is no Box"),
        ("list[3].args[1] = {type = 'i', id = 1}", r"operation 2, \w+: argument 1 is a table that is no Box"),
        ("list[3].args[1] = print", r"operation 2, \w+: argument 1 is a function: neither a number nor a Box"),
        ("list[3].args[1] = 'x'", r"operation 2, \w+: argument 1 is a string: neither a number nor a Box"),
        ("list[3].snapshot = io.stdout", r"operation 2, \w+: has no snapshot: .*"),
    ):
        refused(body + " return list", message)


def test_operations_of_another_trace_are_refused():
    result = lua("""
      local hooks, jit = require "jithooks", require "jit"
      local first
      hooks.set_optimize_hook(function(info)
        if not first then first = info.operations return end
        for i, op in ipairs(info.operations) do
          if #op.args == 2 and op.args[2] == 3 then op.args[1] = first[2].result end
        end
        return info.operations
      end)
      jit.opt.start("hotloop=5") jit.on()
      local s = 0
      for i = 1, 50 do s = s + i end
      for i = 1, 50 do s = s + i * 2 end
      jit.off()
      print(s, hooks.get_stats_snapshot().counters.OPTIMIZE_REJECTED)""")
    assert result.out == "3825\t1\n" and "is not defined before it" in result.err, result


# ---- Errors, reentrancy ------------------------------------------------------------------------


def test_errors_in_hooks_are_reported_and_change_nothing():
    for body, text in (
        ("error 'oops'", r"\(command line\):\d+: oops"),
        ("error {}", r"table: 0x[0-9a-f]+"),
        ("error(nil)", r"nil"),
        ("error(setmetatable({}, {__tostring = function() return 'text' end}))", "text"),
        ("coroutine.yield(list)", "attempt to yield .*"),
        ("local function f() return f() + 1 end f()", r".*stack overflow.*"),
        ("error(('x'):rep(1000000))", r"\(command line\):\d+: x+"),
    ):
        counts, err = with_hook(body)
        assert counts == "replaced 0 rejected 0 errors 1\tloops 1", (body, counts, err)
        assert re.match(rf"Exception ignored in: jit hook <\(command line\):\d+>: {text}", err, re.S), (body, err)


def test_hot_code_inside_a_hook_is_compiled_and_not_told():
    result = lua("""
      local hooks, jit = require "jithooks", require "jit"
      local calls, hot = 0, 0
      local function inner() for i = 1, 100 do hot = hot + 1 end end
      hooks.set_optimize_hook(function(info) calls = calls + 1 inner() return info.operations end)
      hooks.set_compile_hook(function(info) calls = calls + 1 inner() end)
      jit.opt.start("hotloop=5") jit.on()
      local s = 0
      for i = 1, 100 do s = s + i end
      jit.off()
      local c = hooks.get_stats_snapshot().counters
      print(s, calls, hot, c.TOTAL_COMPILED_LOOPS, c.HOOKS_SUPPRESSED, c.HOOK_ERRORS, c.OPTIMIZE_REPLACED)""")
    assert result.out == "5050\t2\t200\t2\t2\t0\t1\n" and not result.err, result


def test_the_loop_that_is_compiled_runs_in_the_hook():
    result = lua("""
      local hooks, jit = require "jithooks", require "jit"
      local depth, results = 0, {}
      local function work(n) local s = 0 for i = 1, n do s = s + i end return s end
      hooks.set_optimize_hook(function(info)
        for i = 1, 20 do local r = work(100) results[#results + 1] = r end
        return info.operations
      end)
      hooks.set_abort_hook(function(_, _, reason) print(reason) work(100) end)
      jit.opt.start("hotloop=5") jit.on()
      for i = 1, 20 do local r = work(100) results[#results + 1] = r end
      jit.off()
      for _, r in ipairs(results) do assert(r == 5050) end
      print(#results >= 40)""")
    assert result.out.endswith("true\n") and not result.err, result


def test_hooks_may_flush_collect_and_switch():
    for body in ("jit.flush()", "collectgarbage()", "jit.off() jit.on()", "jit.off()",
                 "hooks.releaseall() collectgarbage() jit.flush()", "hooks.set_optimize_hook(nil)",
                 "hooks.set_param('threshold=2')", "coroutine.wrap(function() jit.flush() coroutine.yield() end)()",
                 "debug.sethook(function() end, '', 1)", "for k in pairs(list) do list[k] = nil end collectgarbage()"):
        for before in ("", "collectgarbage 'generational'"):
            counts, err = with_hook(body, before=before)
            assert " errors 0" in counts and not err, (body, counts, err)


def test_flush_while_compiled_code_runs():
    source = """
      local s, other = 0, function() local n = 0 for i = 1, 50 do n = n + i end return n end
      for i = 1, 400 do
        s = s + i
        if i % 50 == 0 then jit.flush() s = s + other() end
        s = s + #string.format("%d", i)
      end
      local t = setmetatable({}, {__gc = function() jit.flush() end})
      t = nil
      for i = 1, 30000 do local x = {i, tostring(i)} s = s + #x end
      print(s)"""
    wanted = lua("local jit = {flush = function() end}" + source)
    result = lua("local jit = require 'jit' jit.opt.start('hotloop=5', 'hotexit=2') jit.on()" + source)
    assert result.out == wanted.out and not result.err, (result, wanted)


# ---- Setting, parameters, the module jit ---------------------------------------------------------


def test_what_cannot_be_a_hook_is_refused():
    for name in ("optimize", "compile", "abort", "trace_too_long"):
        for value in ("42", "'x'", "{}", "true"):
            result = lua(f"require 'jithooks'.set_{name}_hook({value})", status=1)
            assert "bad argument #1 to 'set_" in result.err and "function or nil expected" in result.err, result
        lua(f"local h = require 'jithooks' h.set_{name}_hook(nil) h.set_{name}_hook(print) "
            f"h.set_{name}_hook(setmetatable({{}}, {{__call = print}}))")


def test_parameters():
    lua("""local h = require "jithooks"
      assert(h.defaults.threshold > 1 and h.defaults.trace_limit > 100)
      h.set_param("threshold=3,function_threshold=5") h.set_param{trace_eagerness = 4, trace_limit = "200"}
      h.set_param("default") assert(select(1, require "jit".status()))
      h.set_param("off") assert(not require "jit".status())
      h.set_param("decay=40,enable_opts=all,vec=1") h.set_param(h.defaults)""")
    result = lua("require 'jithooks'.set_param('enable_opts=pure:nonsense')", status=1)
    assert "no optimization 'nonsense'; say all, or some of rewrite:pure:" in result.err, result
    for text in ("'enable_opts'", "'enable_opts=ALL'", "'enable_opts=all:pure'", "'enable_opts=pur'", "{enable_opts = 'pures'}",
                 "('enable_opts=' .. ('x'):rep(300))",
                 "'nonsense=1'", "'threshold'", "'threshold=-1'", "'threshold=1e3'", "'threshold='",
                 "('x'):rep(1000)", "{nonsense = 1}", "{threshold = {}}", "{1}", "nil"):
        result = lua(f"require 'jithooks'.set_param({text})", status=1)
        assert "bad argument #1 to 'set_param'" in result.err, result


def test_trace_limit_is_a_limit():
    result = lua("""
      local hooks, jit = require "jithooks", require "jit"
      local reasons = {}
      hooks.set_abort_hook(function(_, _, reason, ops) reasons[#reasons + 1] = reason end)
      hooks.set_param("trace_limit=20,threshold=5") jit.on()
      local s = 0
      for i = 1, 100 do s = s + i * 2 - i // 3 + i % 5 * 7 - i ~ 3 + (i & 7) * (s & 15) end
      jit.off() print(reasons[1], hooks.get_stats_snapshot().counters.ABORT_TOO_LONG > 0)""")
    assert result.out == "trace too long\ttrue\n", result


def test_the_function_that_is_too_long_is_told():
    result = lua("""
      local hooks, jit = require "jithooks", require "jit"
      local told
      hooks.set_trace_too_long_hook(function(driver, greenkey) told = driver .. " " .. greenkey end)
      hooks.set_param("trace_limit=60,threshold=5") jit.on()
      local function long(x)
        return x + x % 3 + x // 2 + x % 5 + x // 3 + x % 7 + x // 4 + x % 9 + x // 5 + x % 11 +
               x % 13 + x // 2 + x % 15 + x // 3 + x % 17 + x // 4 + x % 19 + x // 5 + x % 21
      end
      local s = 0
      for i = 1, 50 do s = s + long(i) end
      jit.off() print(told)""")
    assert result.out == "jitlua (command line):7\n", result


def counted(name, text):
    """How much a program adds to a counter in the end; it is one loop."""
    result = lua(f"""local hooks = require "jithooks"
      local n = hooks.get_stats_snapshot().counters.{name}
      local s, kept, t = 0, nil, {{x = 1, y = 2}}
      for i = 1, 200 do {text} end
      print(hooks.get_stats_snapshot().counters.{name} - n)""", "-jon")
    return int(result.out)


def test_operations_that_the_heap_cache_answers_are_counted():
    assert counted("HEAPCACHED_OPS", "s = s + i") == 0
    once, twice = counted("HEAPCACHED_OPS", "s = s + t.x"), counted("HEAPCACHED_OPS", "s = s + t.x + t.x")
    thrice = counted("HEAPCACHED_OPS", "s = s + t.x + t.x + t.x")
    assert once < twice and thrice - twice == twice - once, (once, twice, thrice)
    # What was stored is known as well; another object is not.
    assert counted("HEAPCACHED_OPS", "t.x = i s = s + t.x") > once


def test_virtuals_and_their_holes_are_counted():
    point = "local p = {x = i, y = i}"
    use = "if i % 7 == 8 then kept = p end s = s + p.x"
    virtuals, holes = (counted(name, f"{point} {use}") for name in ("NVIRTUALS", "NVHOLES"))
    assert virtuals > holes, (virtuals, holes)
    assert counted("NVHOLES", f"{point} p.y = nil {use}") > holes
    again = "if i % 5 == 6 then kept = p end"
    assert counted("NVREUSED", f"{point} {use} {again}") > counted("NVREUSED", f"{point} {use}")


def test_giving_up_ends():
    """Each place is given up max_aborts times at the most, however many there are."""
    result = lua("""local hooks = require "jithooks"
      local co, work = coroutine.wrap(function() while true do coroutine.yield(1) end end), {}
      for i = 1, 1000 do work[i] = load("local n, co = ... for i = 1, n do co() end") end
      for r = 1, 100 do for i = 1, #work do work[i](100, co) end end
      local c = hooks.get_stats_snapshot().counters
      print(c.TRACING, c.BLACKLISTED)""", "-jmax_aborts=3,budget=0")
    tracing, blacklisted = map(int, result.out.split())
    assert 3000 <= tracing <= 3050 and blacklisted >= 1000, (tracing, blacklisted)


def loops_compiled(text, *options):
    result = lua(f"""{text}
      print(require "jithooks".get_stats_snapshot().counters.TOTAL_COMPILED_LOOPS)""", *options)
    return int(result.out)


def test_code_that_nobody_comes_back_to_costs_little():
    loop = '"local n, s = ..., %d for i = 1, n do s = s + i end return s"'
    once = f"for i = 1, 600 do load(({loop}):format(i))(150) end"
    assert loops_compiled(once, "-jon") < 100, loops_compiled(once, "-jon")
    assert loops_compiled(once, "-jbudget=0") > 550
    # Who asks for low thresholds gets all.
    assert loops_compiled(once, "-jthreshold=20") > 550
    # It may have so many turns ahead that a trace pays all the same.
    assert loops_compiled(f"{once} load(({loop}):format(1))(100000)", "-jon") == loops_compiled(once, "-jon") + 1


def test_code_that_is_come_back_to_is_compiled():
    loops = ('"local n, s = ..., %d for i = 1, n do s = s + i end return s"',
             '"local n, s = ..., %d while n > 0 do s, n = s + n, n - 1 end return s"')
    for loop in loops:
        few, many = (loops_compiled(f"""local work = {{}} for i = 1, 300 do work[i] = load(({loop}):format(i)) end
          for round = 1, {rounds} do for i = 1, 300 do work[i]({turns}) end end""", "-jon")
          for rounds, turns in ((10, 150), (150, 1500)))
        assert few < 100 < 300 <= many, (loop, few, many)


def test_a_loop_that_is_about_to_end_is_not_compiled():
    loop = "for i = 1, 100 do s = s + i end"
    assert loops_compiled(f"local s = 0 {loop}", "-jon") == 0
    assert loops_compiled(f"local s = 0 {loop}", "-jbudget=0") == 1
    assert loops_compiled("local s = 0 for i = 1, 200 do s = s + i end", "-jon") == 1
    # It is run again and again.
    assert loops_compiled(f"local s = 0 for n = 1, 3 do {loop} end", "-jon") == 1


def test_bridges_are_paid_for():
    """A loop with many ways, each of which is taken some times: those that pay get bridges soon, others late."""
    ways = " ".join(f"{'else' if n else ''}if x == {n} then s = s + {n}" for n in range(40))
    text = f"""local hooks = require "jithooks"
      local s = 0
      for i = 1, 700 do local x = i % 40 {ways} end end
      print(hooks.get_stats_snapshot().counters.TOTAL_COMPILED_BRIDGES)"""
    limited, unlimited = (int(lua(text, option).out) for option in ("-jon", "-jbudget=0"))
    assert limited < unlimited / 2, (limited, unlimited)


def test_what_is_flushed_in_vain_is_compiled_less_and_less():
    text = """local jit = require "jit"
      local function f(n) local s = 0 for i = 1, n do s = s + i end return s end
      for i = 1, 600 do f(150) jit.flush() end"""
    assert loops_compiled(text, "-jon") < 150 < 500 < loops_compiled(text, "-jbudget=0")


def test_a_trace_that_is_entered_in_vain_rests():
    """A loop that calls another function in each turn: entering its trace and leaving it at once is no gain."""
    text = """local hooks = require "jithooks"
      local function failures() return hooks.get_stats_snapshot().counters.GUARD_FAILURES end
      local function runs()
        local n = 0
        for _, r in pairs(hooks.get_stats_snapshot().loop_run_times.l) do n = n + r end
        return n
      end
      local other, same = {}, {}
      for n = 0, 999 do other[n] = load(("return function(x) return x + %d end"):format(n))() end
      for n = 0, 999 do same[n] = other[10] end
      local function work(f, n) local s = 0 LOOP s = s + f[i % 1000](i) end return s end
      work(same, 1000)
      local before = failures()
      work(other, 50000)
      print(failures() - before)
      hooks.enable_debug()
      work(same, 300000)
      print(runs())"""
    for loop in ("for i = 1, n do", "for i in range, n, 0 do"):
        source = "local function range(n, i) if i < n then return i + 1 end end\n" + text.replace("LOOP", loop)
        limited, again = map(int, lua(source, "-jon").out.split())
        unlimited, _ = map(int, lua(source, "-jbudget=0").out.split())
        # It does not rest for ever.
        assert limited < 3000 < 40000 < unlimited and again > 200000, (loop, limited, unlimited, again)


def test_a_trace_that_is_left_every_turn_or_two_rests():
    """Values of many types: more than there are bridges for come together in a turn."""
    text = """local hooks = require "jithooks"
      local values, x, lists, n = {1, 2.5, "s", true, false, {}, print, 7}, 1, {}, 0
      local function random() x = (x * 1103515245 + 12345) & 0x7fffffff return values[(x >> 16) % 8 + 1] end
      for i = 1, 512 do lists[i] = {random(), random(), random()} end
      for i = 1, 200000 do
        local l = lists[i * 7 % 512 + 1]
        local a, b, c = l[1], l[2], l[3]
        if a == b then n = n + 1 end
        if c == 7 then n = n + 1 end
      end
      print(hooks.get_stats_snapshot().counters.GUARD_FAILURES)"""
    limited, unlimited = (int(lua(text, option).out) for option in ("-jon", "-jbudget=0"))
    assert limited < 10000 < 100000 < unlimited, (limited, unlimited)


def test_the_module_jit():
    result = lua("""
      assert(rawget(_G, "jit") == nil and not package.loaded.jit)
      local jit = require "jit"
      assert(rawget(_G, "jit") == nil)
      assert(jit.version:match "^jitlua %d" and jit.os == "Linux" and jit.arch)
      assert(jit.status() == false) jit.on() assert(jit.status() == true)
      jit.off() jit.on(true, true) jit.off(function() end) jit.flush() jit.flush(true) jit.flush(3)
      jit.opt.start() jit.opt.start(3) jit.opt.start("-cse", "+loop", "nofold", "hotloop=10", "maxmcode=512",
        "threshold=7", "sizemcode=64")
      local function status() return table.concat({select(3, jit.status())}, " ") end
      jit.opt.start() print(status()) jit.opt.start(0) print(status())
      jit.opt.start("+sink", "fwd") print(status()) jit.opt.start(3, "-cse", "noloop", "enable_opts=heap") print(status())
      jit.opt.start(1) print(status()) jit.opt.start("2", "-dce") print(status()) jit.opt.start("-abc", "3") print(status())
      print(pcall(jit.opt.start, "hotloo=10"))
      print(pcall(jit.opt.start, "enable_opts=fold"))
      print(pcall(jit.opt.start, "cs"))
      print(pcall(jit.on, 42))
      print(pcall(jit.off, print))""", "-joff")
    # Those without a switch of their own are always on: dce, narrow, fuse.
    assert result.out == ("fold cse dce fwd dse narrow loop abc sink fuse\n" "dce narrow fuse\n"
                          "dce fwd narrow sink fuse\n" "dce fwd dse narrow fuse\n" "fold cse dce narrow fuse\n"
                          "fold cse dce narrow loop fuse\n" "fold cse dce fwd dse narrow loop abc sink fuse\n"
                          "false\tunknown or malformed optimization flag 'hotloo=10': there is no parameter 'hotloo'\n"
                          "false\tunknown or malformed optimization flag 'enable_opts=fold': there is no optimization 'fold'; "
                          "say all, or some of rewrite:pure:heap:unroll:intbounds:virtualize:string:earlyforce\n"
                          "false\tunknown or malformed optimization flag 'cs' "
                          "(fold, cse, dce, fwd, dse, narrow, loop, abc, sink, fuse, 0 to 3, or NAME=VALUE)\n"
                          "false\tbad argument #1 to 'jit.on' (Lua function expected, got number)\n"
                          "false\tbad argument #1 to 'jit.off' (Lua function expected)\n"), result


def test_options():
    source = "local j = require 'jit' print((j.status()))"
    assert lua(source, "-jon").out == "true\n"
    assert lua(source, "-joff").out == "false\n"
    assert lua(source, "-joff", "-jthreshold=3").out == "false\n"
    assert lua(source, "-jthreshold=3", "-jon").out == "true\n"
    assert lua(source, "-j", "threshold=3,trace_limit=100", "-jon").out == "true\n"
    assert "there is no parameter 'x'" in lua(source, "-jx=3", status=1).err
    assert "'y' is not a number" in lua(source, "-jthreshold=y", status=1).err
    for name in ("threshold", "enable_opts"):
        assert f"'-j{name}' needs a value: -j{name}=VALUE" in run([JITLUA, f"-j{name}"], status=1).err
    assert "unrecognized command 'thresholds'" in run([JITLUA, "-jthresholds"], status=1).err
    operations = run([JITLUA, "-jhelp=operations"], env=ENVIRONMENT).out
    for line in (r"i = int_add\(i, i\) +pure", r"v = guard_value\(\?, \?\) +guard", r"v = setarrayitem\(r, i, \?\) +store",
                 r"v = finish\(\) +end", r"f = call_f\(\*\) +call"):
        assert re.search(rf"^  {line}$", operations, re.M), (line, operations)
    dumped = re.findall(r"^(?:\w+(?::\w+)? = )?(\w+)\(", lua("for i = 1, 200 do end", "-jdump=s").out, re.M)
    known = re.findall(r"= (\w+)\(", operations)
    assert len(set(dumped)) > 5 and set(dumped) <= set(known) and "nop" not in known, (dumped, known)
    assert " [@" in lua("for i = 1, 200 do end", "-jdump=s").out
    listed = run([JITLUA, "-jhelp"], env=ENVIRONMENT).out
    assert "-jon" in listed, listed
    # Name, default, meaning and unit: the same in the manual, and nothing else there.
    parameters = re.findall(r"^     (\w+) +(\d+) +(.+)$", listed, re.M)
    assert {"threshold", "code_limit", "budget"} < {name for name, _, _ in parameters}, listed
    with open(os.path.join(TOP, "tools/jitlua/man/jitlua.1"), encoding="utf-8") as f:
        documented = re.findall(r'^\.BR (\w+) " \(" (\d+) \)\n(.+)$', f.read(), re.M)
    assert documented == parameters, (documented, parameters)


# ---- In C ---------------------------------------------------------------------------------------


def test_an_optimize_hook_in_c():
    expected = {"keep": (0, 0, 0), "fail": (0, 0, 1), "multiply": (1, 0, 0), "no-list": (0, 0, 1)}
    missing = {"null": r"operation 1, \?: its name is NULL",
               "no-args": r"operation \d+, float_truediv: has 2 arguments, and its list of them is NULL",
               "no-many-args": r"operation \d+, label: has \d arguments, and its list of them is NULL",
               "no-failargs": r"operation \d+, guard_\w+: has \d+ failargs, and its list of them is NULL",
               "no-descr": r"operation \d+, arg_f: has no descr, which is to name a value of the label",
               "no-tag": r"operation \d+, setarrayitem: has no descr, which is to name a tag",
               "no-field": r"operation \d+, getfield_i: has no descr, which is to name a field",
               "no-list": r"the list is NULL, and has a count of \d+"}
    for case in ("keep", "fail", "multiply", "name", "null", "empty", "long", "short", "twice", "descr_ref",
                 "inside", "variable", "later", "pointer", "type", "failargs", *(case for case in missing if "-" in case)):
        result = run([program("lua_hooks"), case], env=ENVIRONMENT, timeout=60)
        replaced, rejected, errors = expected.get(case, (0, 1, 0))
        assert result.out == (f"232.88888888889\nreplaced {replaced} rejected {rejected} errors {errors} "
                              f"loops 1\n"), result
        assert bool(result.err) == bool(rejected or errors), result
        assert re.search(missing.get(case, ""), result.err), result
        assert not rejected or re.search(r"refused for loop 1 at .*(operation \d+, \S+: |the list )", result.err), result

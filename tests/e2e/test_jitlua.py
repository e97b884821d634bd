# SPDX-License-Identifier: BSD-2-Clause
"""jitlua beside Debian's lua5.4: whatever runs on one must do the same on the other.

tests/lua has the programs by area of the language, programs/lua those that use
other people's code. A program's output, its errors and its exit status are
compared, with addresses, temporary names and the interpreter's own name taken out.
"""
import glob
import os
import pty
import re
import resource
import select
import shutil
import signal
import subprocess
import time

import harness
from harness import BUILD, PROGRAMS, TOP, finish, need, program, run, start, tempdir

JITLUA = os.path.join(BUILD, "jitlua")
LUA = "lua5.4"
TESTS = os.path.join(TOP, "tests", "lua")
USES = os.path.join(PROGRAMS, "lua")
SANITIZED = "sanitize" in BUILD

# Debian has many pure Lua libraries only in the folders of older versions.
SHARE = ";".join(f"/usr/share/lua/{v}/{f}" for v in ("5.4", "5.3", "5.1")
                 for f in ("?.lua", "?/init.lua"))

# Of ASan: the modules are linked without it; Lua asks for sizes that cannot be.
ENVIRONMENT = {"LUA_PATH": None, "LUA_PATH_5_4": None, "LUA_CPATH": None, "LUA_CPATH_5_4": None,
               "LUA_INIT": None, "LUA_INIT_5_4": None, "JITLUA_GC_STRESS": None,
               "ASAN_OPTIONS": "allocator_may_return_null=1:detect_stack_use_after_return=0"}

ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
TEMPORARY = re.compile(r"/tmp/lua_\w{6}")


def normal(text, interpreter):
    text = re.sub(rf"(?m)^(?:{re.escape(interpreter)}|{os.path.basename(interpreter)}):", "PROGRAM:",
                  text.replace(interpreter, "PROGRAM"))
    text = re.sub(r"(?m)^  -j cmd .*\n", "", text)  # of the usage
    return TEMPORARY.sub("TEMPORARY", ADDRESS.sub("ADDRESS", text))


def outcome(interpreter, arguments, env=None, text=None, timeout=120, cwd=None):
    """Status, output and error output of one interpreter."""
    process = start([interpreter, *arguments], env={**ENVIRONMENT, **(env or {})}, cwd=cwd,
                    stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL)
    out, err = process.communicate(text, timeout=timeout)
    return process.returncode, normal(out, interpreter), normal(err, interpreter)


def first_difference(a, b):
    for i, (x, y) in enumerate(zip(a.split("\n"), b.split("\n")), 1):
        if x != y:
            return f"line {i}:\n{LUA}: {x[:1500]}\njitlua: {y[:1500]}"
    return f"the end:\n{LUA}: {a[-500:]}\njitlua: {b[-500:]}"


def same(*arguments, status=None, **more):
    """Runs both; the outcome, which must be one."""
    need(LUA)
    lua = outcome(LUA, arguments, **more)
    ours = outcome(JITLUA, arguments, **more)
    for what, a, b in zip(("status", "output", "errors"), map(str, lua), map(str, ours)):
        assert a == b, f"{arguments}: {what} differ at {first_difference(a, b)}\n{ours[2][-2000:]}"
    assert status is None or lua[0] == status, lua
    return lua


# ---- The language, by area ------------------------------------------------------------


def language_test(path):
    def test():
        same(os.path.basename(path), cwd=TESTS, timeout=600 if SANITIZED else 120)
    return test


for _path in sorted(glob.glob(os.path.join(TESTS, "*.lua"))):
    globals()[f"test_language_{os.path.basename(_path)[:-4]}"] = language_test(_path)


# Recursion to the limit of the stack is left out, and what says when collections run.
STRESSED = ("closures", "compare", "debug", "for_loops", "goto", "metatables", "modules", "os_io", "pack",
            "strings", "tables", "utf8", "varargs")


def test_collection_at_every_allocation():
    for name in STRESSED:
        path = name + ".lua"
        lua = outcome(LUA, [path], cwd=TESTS)
        for stress in ("1", "2"):
            ours = outcome(JITLUA, [path], cwd=TESTS, env={"JITLUA_GC_STRESS": stress}, timeout=600)
            assert lua[0] == ours[0], (name, stress, ours)
            assert lua[1:] == ours[1:], \
                f"{name}, stress {stress}: {first_difference(lua[1] + lua[2], ours[1] + ours[2])}"


def test_collections_as_far_apart_as_is_asked_for():
    count = """local m = {__gc = function() N = N + 1 end}
               N = 0
               for i = 1, 100 do setmetatable({}, m) end
               io.write(N)"""
    ended = [int(outcome(JITLUA, ["-joff", "-e", count], env={"JITLUA_GC_STRESS": apart})[1])
             for apart in ("0", "151", "31", "1")]
    assert ended[0] == 0 and ended == sorted(set(ended)) and 98 <= ended[-1] <= 100, ended


# ---- Memory ----------------------------------------------------------------------------


def test_every_allocation_may_fail():
    scripts = sorted(glob.glob(os.path.join(TESTS, "memory", "*.lua")))
    assert len(scripts) >= 9, scripts
    result = run([program("lua_memory"), "--step", "7" if SANITIZED else "1", *scripts],
                 timeout=900, env=ENVIRONMENT)
    lines = result.out.splitlines()
    assert len(lines) == len(scripts), result
    for line in lines:
        requests, survived, tries = map(int, re.search(
            r": (\d+) requests, .* (\d+) of (\d+) runs survived", line).groups())
        assert requests > 300 and 0 < survived < tries, line


def test_programs_that_would_use_all_memory():
    script = os.path.join(TESTS, "runaway", "memory.lua")
    result = run([program("lua_memory"), "--limit", "40000000", script], timeout=300, env=ENVIRONMENT)
    verdicts = dict(line.rsplit(": ", 1) for line in
                    result.out.replace(script + ": ", "").strip().split("\n"))
    assert len(verdicts) >= 30, result
    expected = {"string.rep": "resulting string too large", "a constant table": "attempt to call a nil value"}
    for name, verdict in verdicts.items():
        assert verdict == expected.get(name, "not enough memory"), (name, verdict)


def test_memory_limit_of_the_system():
    if SANITIZED:
        return  # its own memory is beyond any limit
    script = os.path.join(TESTS, "runaway", "memory.lua")

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (150 << 20, 150 << 20))

    result = run([JITLUA, "-e", f"print((dofile {script!r}))"], env=ENVIRONMENT, preexec_fn=limit,
                 timeout=300)
    assert result.out.count("not enough memory") >= 25, result
    result = run([JITLUA, "-e", "local t = {} for i = 1, math.huge do t[i] = {i} end"], status=1,
                 env=ENVIRONMENT, preexec_fn=limit, timeout=300)
    assert result.err == f"{JITLUA}: not enough memory\n", result


# ---- Other people's modules and programs --------------------------------------------------


def use(name, *arguments, **more):
    more.setdefault("env", {"LUA_PATH": SHARE})
    return same(os.path.join(USES, name + ".lua"), *arguments, **more)


def need_module(*names):
    for name in names:
        if run([LUA, "-e", f"require '{name}'"], status=None,
               env={**ENVIRONMENT, "LUA_PATH": SHARE}).status:
            raise harness.Skip(f"{LUA} has no module {name}")


def test_lpeg():
    need_module("lpeg", "re")
    out = use("use_lpeg", status=0)[1]
    assert "1 + 2 * 3\t7\n" in out and "a|b|c \"quoted\"" in out, out


def test_cjson():
    need_module("cjson")
    use("use_cjson", status=0)


def test_lfs():
    need_module("lfs")
    use("use_lfs", status=0)


def test_socket():
    need_module("socket")
    out = use("use_socket", status=0)[1]
    assert "echo client 1, echo client 2, echo client 3" in out and "hello there" in out, out


def test_more_modules_in_c():
    need_module("luv", "lxp", "rex_pcre2", "zlib", "lyaml", "term", "system")
    out = use("use_modules", status=0)[1]
    assert "client got reply; idle; server got ping; timer; woken" in out, out


def test_penlight():
    need_module("pl")
    use("use_penlight", status=0)


def test_libraries_in_lua():
    need_module("dkjson", "inspect", "argparse", "say", "luassert", "MessagePack", "moses", "mediator",
                "basexx", "binaryheap", "json")
    use("use_pure", status=0)


def test_luaunit():
    need_module("luaunit")
    for output in ("text", "tap"):
        out = use("use_luaunit", output)[1]
        assert "TestFail.test1_values" in out, out


def test_busted():
    need_module("busted")
    need("busted")
    out = same(shutil.which("busted"), "-o", "TAP", os.path.join(USES, "spec_busted.lua"),
               env={"LUA_PATH": SHARE})[1]
    assert "not ok 3" in out and "1..7" in out, out


def test_luacheck():
    """The largest program in pure Lua there is here: a checker of Lua, over itself and other Lua."""
    need("luacheck")
    luacheck = shutil.which("luacheck")
    for options in (("-q", "--codes", "--no-color", "/usr/share/lua/5.1/luacheck", "/usr/share/lua/5.4/pl"),
                    ("--no-color", "--formatter", "plain", "/usr/share/lua/5.4"),
                    ("--std", "max", "--no-color", os.path.join(TESTS, "memory"), os.path.join(TESTS, "load.lua"))):
        status, out, err = same(luacheck, *options, env={"LUA_PATH": SHARE}, timeout=300)
        assert status in (0, 1, 2) and out.count("\n") > 10, (status, out, err)


def test_ldoc():
    need("ldoc")
    need_module("pl")
    pages = []
    for interpreter in (LUA, JITLUA):
        folder = tempdir()
        status, out, err = outcome(interpreter, [shutil.which("ldoc"), "-q", "-d", folder, "/usr/share/lua/5.4/pl"],
                                   env={"LUA_PATH": SHARE})
        assert status == 0, err
        files = sorted(glob.glob(folder + "/**/*.html", recursive=True))
        pages.append({os.path.relpath(f, folder):
                      re.sub(r"Last updated.*", "", open(f, errors="replace").read()) for f in files})
    assert len(pages[0]) > 20 and pages[0] == pages[1], [len(p) for p in pages]


# ---- The command ------------------------------------------------------------------------------


def test_options():
    folder = tempdir()
    script = os.path.join(folder, "script.lua")
    with open(script, "w") as f:
        f.write("print(..., #arg, arg[0] ~= nil, arg[-1], arg[1])\n")
    failing = os.path.join(folder, "failing.lua")
    with open(failing, "w") as f:
        f.write("local function f() error(...) end\nf()\n")
    module = os.path.join(folder, "amodule.lua")
    with open(module, "w") as f:
        f.write("return { name = ... }\n")
    cases = [
        ["-e", "print(1)"], ["-e", "print(1)", "-e", "print(2)"], ["-eprint(3)"], ["-e"], ["-e", "x = = 1"],
        ["-e", "error('msg')"], ["-e", "error({})"], ["-e", "error()"], ["-e", "error(nil)"], ["-e", "error(5)"],
        ["-e", "error(setmetatable({}, {__tostring = function() return 'shown' end}))"],
        ["-e", "os.exit(3)"], ["-e", "os.exit(true)"], ["-e", "os.exit(false)"], ["-e", "return 5"],
        ["-v"], ["-v", "-e", "print(1)"], ["-h"], ["-x"], ["--"], ["--nonsense"], ["-vx"], ["-i5"], ["-E1"],
        [script], [script, "a", "b"], ["-e", "x = 1", script, "-x"], ["--", script, "z"], [failing], [failing, "text"],
        ["/nonexistent.lua"], [folder], ["-l", "amodule", "-e", "print(amodule.name)"],
        ["-lamodule", "-e", "print(amodule.name)"], ["-l", "m=amodule", "-e", "print(m.name, amodule)"],
        ["-l", "missing"], ["-l"], ["-l", "string", "-e", "print(string == require'string')"],
        ["-E", "-e", "print(package.path:find('nowhere'))"], ["-W", "-e", "warn('shown')"],
        ["-e", "warn('@on') warn('x')"], ["-", "-x"], ["-e", "print(#arg, arg[0], arg[-1] ~= nil)"],
        ["-e", "print(arg[-2])", script], ["-e", "local t <close> = setmetatable({}, {__close = print})"],
        ["-e", "setmetatable({}, {__gc = function() print('at the end') end})"],
        ["-e", "coroutine.wrap(function() error('in a coroutine') end)()"], ["-e", "while"], ["-e", "string.rep()"],
        ["-e", "io.stdout:write('no newline')"], ["-e", "error('a\\0b')"], ["-e", "debug.debug()"],
        ["-e", "print(require'amodule'.name, ...)"], ["-e", "io.stdout:close() os.exit(4, true)"],
        ["-e", "setmetatable({}, {__gc = function() error('in gc') end}) warn('@on')"],
        ["-e", "local x <close> = setmetatable({}, {__close = function() print('closed') end}) os.exit(0, true)"],
    ]
    for case in cases:
        same(*case, cwd=folder, text="")
    same("-i", text="")
    for init in ("print('from init')", "@" + script, "@/nonexistent", "error('in init')", "x = = 1"):
        for variable in ("LUA_INIT", "LUA_INIT_5_4"):
            same("-e", "print('then')", env={variable: init}, cwd=folder)
            same("-E", "-e", "print('then')", env={variable: init}, cwd=folder)
    for path in ("nowhere/?.lua", ";;", "a;;b", ";;b", "a;;", ""):
        for variable in ("LUA_PATH", "LUA_PATH_5_4"):
            same("-e", "print(package.path)", env={variable: path})
            same("-e", "print(package.cpath)", env={variable.replace("PATH", "CPATH"): path})


def test_scripts_from_standard_input():
    for text in ("print('hello', ...)", "#!/usr/bin/lua\nprint(1)", "error('x')", "x = = 1", "", "return 1",
                 "print(io.read('l'))\nrest of it", "print(arg[0], #arg)", "print(debug.getinfo(1).source)"):
        same("-", "an argument", text=text)
        same(text=text)
    for text in ("print(1)\n", "1 + 1\n", "x = 5\n= x\nx\n", "for i = 1, 2 do\nprint(i)\nend\n", "error('e')\n", "1,2,nil\n",
                 "local a = 1\na\n", "return 'r'\n", "x =\n1\nx\n", "'two \\\nlines'\n", "[[long\nstring]]\n", "function f()\nreturn\n7 end\nf()\n",
                 "os.exit(5)\n", "error({})\n", "coroutine.yield()\n", "goto l\n", "_PROMPT = 'p> '\n1\n", "_PROMPT2 = '.. '\nx = (\n1)\n",
                 "_PROMPT = 5\n1\n", "print = nil\n1\n", "print = 5\n1\n", "setmetatable(_G, {__index = error})\nx\n", "nil\n", "\n\n1\n",
                 "io.write('x')\n", "-- comment\n", "a.b.c\n", "return return\n", "= \n"):
        lua = same("-i", text=text, env={"TERM": "dumb"})
        assert lua[1].startswith("Lua 5.4"), lua


# A terminal of each own: prompts, lines over several lines, errors, an interrupted loop, the end of file.
class Terminal:
    def __init__(self, interpreter):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            env = {k: v for k, v in {**os.environ, **ENVIRONMENT, "TERM": "dumb",
                                     "INPUTRC": "/dev/null"}.items() if v is not None}
            os.execvpe(interpreter, [interpreter], env)
        self.text = ""

    def expect(self, end, timeout=20):
        """Reads until the text ends so; returns what came."""
        limit = time.monotonic() + timeout
        before = len(self.text)
        while not self.text.endswith(end) or len(self.text) == before:
            left = limit - time.monotonic()
            assert left > 0, f"waited for {end!r}, got {self.text[before:]!r}"
            if select.select([self.fd], [], [], left)[0]:
                try:
                    data = os.read(self.fd, 4096)
                except OSError:
                    data = b""
                if not data:
                    break
                self.text += data.decode(errors="replace").replace("\r", "")
        return self.text[before:]

    def send(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        os.close(self.fd)
        return os.waitpid(self.pid, 0)[1]


def terminal_session(interpreter):
    t = Terminal(interpreter)
    try:
        said = [t.expect("> ")]
        for line in ("1 + 1", "x = {10, 20}", "#x, x[2]", "error('here')", "local y = 5 print(y)", "'text' .. 5", "nil", "y",
                     "print(...)", "return 1, nil, 'three'", "= 7", "function f()", "return 8", "end", "f()", "bad bad",
                     "_PROMPT = 'lua> '", "select('#', f(), f())", "_PROMPT = nil", "(function() error({}) end)()"):
            t.send(line + "\n")
            said.append(t.expect("> "))
        t.send("while true do end\n")
        time.sleep(0.5)
        t.send("\x03")
        said.append(t.expect("> "))
        t.send("string.rep('x', 3)\n")
        said.append(t.expect("> "))
        t.send("\x04")
        t.expect("nothing more", timeout=5)
    finally:
        os.kill(t.pid, signal.SIGCONT)
        status = t.close()
    return said, status


def test_interactive_at_a_terminal():
    need(LUA)
    lua, ours = terminal_session(LUA), terminal_session(JITLUA)
    for a, b in zip(lua[0], ours[0]):
        assert normal(a, LUA) == normal(b, JITLUA), f"{LUA}: {a!r}\njitlua: {b!r}"
    assert lua[1] == ours[1] == 0 and "interrupted!" in "".join(ours[0]), (lua, ours)


def interrupted(interpreter, loop):
    """What a program says that is interrupted in an endless loop."""
    process = start([interpreter, "-e", "io.stdout:write('ready\\n') io.stdout:flush() " + loop],
                    env=ENVIRONMENT)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    result = finish(process, timeout=30)
    assert result.status == 1 and "interrupted!" in result.err, (loop, result)
    return normal(result.err, interpreter)


def test_interrupt():
    need(LUA)
    for loop in ("while true do end", "for i = 1, math.huge do end", "repeat until false", "::a:: goto a"):
        assert interrupted(LUA, loop) == interrupted(JITLUA, loop)
    # Where it hits is a matter of time in these.
    for loop in ("local t = setmetatable({}, {__index = function() return 1 end}) while true do local x = t.x end",
                 "local function f() return f() end f()", "for i in function() return 1 end do end",
                 "local t = {} for i = 1, 100 do t[i] = i end while true do for k, v in pairs(t) do end end",
                 "local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end"):
        interrupted(JITLUA, loop)


def test_bytecode():
    """Chunks that luac5.4 compiled, stripped and not; chunks that are not of 5.4."""
    folder = tempdir()
    source, chunk = os.path.join(folder, "a.lua"), os.path.join(folder, "a.luac")
    with open(source, "w") as f:
        f.write("local t = {...}\nfor i, v in ipairs(t) do print(i, v) end\nerror('at the end')\n")
    compiler = shutil.which("luac5.4")
    for strip in ("false", "true"):
        run([LUA, "-e", f"local f = io.open({chunk!r}, 'wb') f:write(string.dump(loadfile({source!r}), {strip})) f:close()"])
        same(chunk, "x", "y", status=1)
        run([JITLUA, "-e", f"local f = io.open({chunk!r}, 'wb') f:write(string.dump(loadfile({source!r}), {strip})) f:close()"],
            env=ENVIRONMENT)
        same(chunk, "x", "y", status=1)
        if compiler:
            run([compiler, *["-s"] * (strip == "true"), "-o", chunk, source])
            same(chunk, "x", "y", status=1)
    with open(chunk, "rb") as f:
        data = f.read()
    for at, value in ((4, b"\x53"), (4, b"\x55"), (5, b"\x01"), (6, b"\x18"), (12, b"\x08"), (13, b"\x04"), (14, b"\x04"), (15, b"\x00")):
        with open(chunk, "wb") as f:
            f.write(data[:at] + value + data[at + 1:])
        same(chunk)
    for size in range(1, len(data), 11):
        with open(chunk, "wb") as f:
            f.write(data[:size])
        result = outcome(JITLUA, [chunk])
        assert result[0] == 1 and ("truncated" in result[2] or size < 5), (size, result)


def test_embedding():
    """A program written for Lua 5.4 and its library links libjitlua.a instead."""
    cc = os.environ.get("CC", "cc")
    need(cc, "pkg-config")
    folder = tempdir()
    source = os.path.join(folder, "host.c")
    with open(source, "w") as f:
        f.write("""
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
static int add(lua_State *L) { lua_pushinteger(L, luaL_checkinteger(L, 1) + luaL_checkinteger(L, 2)); return 1; }
int main(void)
{
	lua_State *L = luaL_newstate();
	luaL_openlibs(L);
	lua_register(L, "add", add);
	if (luaL_dostring(L, "local t = {} for i = 1, 10 do t[i] = add(i, i) end print(table.concat(t, ' '), pcall(add, 1))"))
		return 1;
	printf("%d %s %g\\n", lua_gettop(L), lua_pushfstring(L, "%s %d", "formatted", 5), (double)lua_version(L));
	lua_close(L);
	return 0;
}
""")
    includes = run(["pkg-config", "--cflags", "lua5.4"]).out.split()
    outputs = []
    for library in ([os.path.join(BUILD, "libjitlua.a")], ["-llua5.4"]):
        sanitize = ["-fsanitize=address,undefined"] if SANITIZED else []
        binary = os.path.join(folder, "host")
        run([cc, *sanitize, *includes, "-o", binary, source, *library, "-lm", "-ldl"])
        outputs.append(run([binary], env=ENVIRONMENT).out)
    assert outputs[0] == outputs[1] and "2 4 6 8" in outputs[0], outputs

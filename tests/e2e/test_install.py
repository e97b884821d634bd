# SPDX-License-Identifier: BSD-2-Clause
"""`make install`: what a packager gets, and what builds and runs against it."""
import glob
import json
import os
import re
import shutil
import subprocess

from harness import (BUILD, HERE, TOP, check_totals, has_bpf, is_root, need, program, run, tempdir)

FILES = """
    bin/jitscope bin/jitlua
    include/jithooks/abi.h include/jithooks/hooks.h include/jithooks/probes.h
    include/jitscope/jitscope.h include/jitscope/maps.h
    lib/libjithooks.a lib/libjithooks.so lib/libjithooks.so.1
    lib/libjitscope.a lib/libjitscope.so lib/libjitscope.so.1 lib/libjitlua.a
    lib/pkgconfig/jithooks.pc lib/pkgconfig/jitscope.pc lib/pkgconfig/jitlua.pc
    lib/jitscope/adapters/luajit/jithooks.so
    lib/jitscope/adapters/pypy/jithooks/__init__.py
    lib/systemd/system/jitscope.service
    share/man/man1/jitscope.1 share/man/man1/jitlua.1""".split()
SANITIZE = ["-fsanitize=address,undefined"] if "sanitize" in BUILD else []


def make(*arguments):
    flags = ["SANITIZE=1"] if SANITIZE else []
    flags += ["DEBUG=1"] if "debug" in BUILD else []
    return run(["make", "--no-print-directory", "-C", TOP, *flags, *arguments],
               env={"MAKEFLAGS": None, "MAKELEVEL": None, "MFLAGS": None}, timeout=600)


def install():
    """Installs below a folder as a packager does; returns that folder and the prefix in it."""
    root = tempdir()
    make("install", f"DESTDIR={root}", "PREFIX=/usr")
    return root, os.path.join(root, "usr")


def flags(root, *arguments):
    env = {"PKG_CONFIG_PATH": os.path.join(root, "usr/lib/pkgconfig"),
           "PKG_CONFIG_SYSROOT_DIR": root, "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1",
           "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1"}
    return run(["pkg-config", *arguments], env=env).out.split()


def compile_c(source, output, arguments):
    run([os.environ.get("CC", "cc"), "-std=gnu11", "-Wall", "-Wextra", "-Werror", *SANITIZE, "-o",
         output, source, *arguments])
    return output


def embed_totals(path, env=None):
    result = run([path, *"--loops 9 --bridges 4 --aborts 2 --quiet --json".split()], env=env)
    told = json.loads(result.out)
    assert told["counters"]["TOTAL_COMPILED_LOOPS"] == 18, told
    return told


def test_files_are_where_they_belong():
    need("make")
    root, prefix = install()
    for name in FILES:
        assert os.path.isfile(os.path.join(prefix, name)), name
    for name in ("lib/libjithooks.so", "lib/libjitscope.so"):
        assert os.readlink(os.path.join(prefix, name)) == os.path.basename(name) + ".1", name
    assert os.listdir(root) == ["usr"], os.listdir(root)
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            assert os.stat(path).st_mode & 0o022 == 0, f"{path} can be changed by others"
            if name.endswith((".pc", ".h", ".py")) or "/man/" in path:
                with open(path, encoding="utf-8") as f:
                    text = f.read()
                assert TOP not in text and root not in text and "@PREFIX@" not in text, path
    assert os.access(os.path.join(prefix, "bin/jitscope"), os.X_OK)
    make("uninstall", f"DESTDIR={root}", "PREFIX=/usr")
    left = [os.path.join(f, n) for f, _, names in os.walk(root) for n in names]
    assert left == [], left


def test_embedding_against_the_installed_library():
    need("make", "pkg-config")
    root, prefix = install()
    source = os.path.join(TOP, "tests/programs/embed.c")
    shared = compile_c(source, os.path.join(root, "shared"),
                       flags(root, "--cflags", "--libs", "jithooks") + ["-lpthread"])
    static = compile_c(source, os.path.join(root, "static"),
                       flags(root, "--cflags", "jithooks") +
                       [os.path.join(prefix, "lib/libjithooks.a"), "-lpthread"])
    needed = run(["readelf", "-d", shared]).out
    assert "libjithooks.so.1" in needed, needed
    assert "libjithooks" not in run(["readelf", "-d", static]).out
    library = {"LD_LIBRARY_PATH": os.path.join(prefix, "lib")}
    assert embed_totals(shared, library)["counters"] == embed_totals(static)["counters"]

    tool = os.path.join(prefix, "bin/jitscope")
    for options in (["--no-bpf"], []) if is_root() and has_bpf() else (["--no-bpf"],):
        for command in (shared, static):
            report = os.path.join(root, "report.json")
            result = run([tool, "run", "--json", "-o", report, *options, "--", command, "--quiet",
                          "--json"], env=library)
            with open(report) as f:
                check_totals(json.load(f), json.loads(result.out))


def test_observing_with_the_installed_library():
    need("make", "pkg-config")
    root, prefix = install()
    source = os.path.join(HERE, "programs/observe.c")
    observe = compile_c(source, os.path.join(root, "observe"),
                        flags(root, "--cflags", "--libs", "jitscope"))
    assert "libjitscope.so.1" in run(["readelf", "-d", observe]).out
    static = compile_c(source, os.path.join(root, "observe-static"),
                       flags(root, "--cflags", "jitscope") +
                       [os.path.join(prefix, "lib/libjitscope.a"), "-lbpf", "-lelf", "-lz"])
    library = {"LD_LIBRARY_PATH": os.path.join(prefix, "lib")}
    usage = run([observe], env=library, status=2)
    assert "usage" in usage.err, usage
    if not is_root() or not has_bpf():
        return
    for command in (observe, static):
        result = run([command, program("embed"), *"--loops 9 --quiet --json".split()], env=library)
        told, seen = map(json.loads, result.out.splitlines())
        assert seen["pid"] == told["pid"], (seen, told)
        assert seen["compiled"] == told["counters"]["BACKEND"] == seen["events"]["compile"], seen
        assert seen["aborts"] == told["counters"]["ABORT_TOO_LONG"] == seen["events"]["abort"], seen


def test_a_program_that_embeds_lua_links_jitlua_instead():
    need("make", "pkg-config")
    root, prefix = install()
    source = os.path.join(HERE, "programs/embed_lua.c")
    pkg = {"PKG_CONFIG_PATH": os.path.join(prefix, "lib/pkgconfig")}
    headers = run(["pkg-config", "--cflags", "jitlua"], env=pkg).out.split()
    ours = compile_c(source, os.path.join(root, "ours"),
                     headers + flags(root, "--libs", "jitlua"))
    theirs = compile_c(source, os.path.join(root, "theirs"),
                       run(["pkg-config", "--cflags", "--libs", "lua5.4"]).out.split())
    assert "liblua" not in run(["readelf", "-d", ours]).out
    wanted, got = run([theirs]), run([ours])
    assert got.out == wanted.out and got.err == wanted.err, (wanted, got)
    assert " 0 bytes left" in got.out, got

    # Nothing but Lua's API and that of hooks can be seen, or clash with a name of the program.
    names = run(["nm", "-g", "--defined-only", os.path.join(prefix, "lib/libjitlua.a")]).out
    seen = {line.split()[2] for line in names.splitlines() if len(line.split()) == 3}
    assert {"lua_pushnil", "luaL_newstate", "luaopen_string"} <= seen, seen
    other = {n for n in seen if not n.startswith(("lua_", "luaL_", "luaopen_", "jitlua_"))}
    with open(os.path.join(prefix, "include/jithooks/hooks.h")) as f:
        hooks = f.read()
    assert all(re.search(rf"^JIT_API .*\b{n}\(", hooks, re.M) for n in other) and len(other) < 20, other


def test_a_prefix_that_the_compiler_does_not_search():
    """As README has it: cc app.c $(pkg-config --cflags --libs jitlua), with all that jitlua.h is for."""
    need("make", "pkg-config")
    _, prefix = install()
    env = {"PKG_CONFIG_PATH": os.path.join(prefix, "lib/pkgconfig")}
    # What a PREFIX there would have written; to install with one would make everything anew.
    places = [f"--define-variable={name}={prefix}/{folder}"
              for name, folder in (("libdir", "lib"), ("includedir", "include"))]
    told = run(["pkg-config", *places, "--cflags", "--libs", "jitlua"], env=env).out.split()
    app = compile_c(os.path.join(TOP, "tests/programs/lua_hooks.c"), os.path.join(prefix, "app"), told)
    assert "replaced 1 rejected 0" in run([app, "multiply"]).out


def test_the_installed_command_finds_its_adapters():
    need("make")
    root, prefix = install()
    moved = os.path.join(root, "moved")  # it does not depend on the place it was made for
    shutil.move(prefix, moved)
    tool = os.path.join(moved, "bin/jitscope")
    checks = json.loads(run([tool, "check", "--json"], status=None).out)["checks"]
    found = {c["id"]: c for c in checks}
    for name in ("adapter-luajit", "adapter-pypy", "libjithooks"):
        assert found[name]["status"] == "ok", found[name]
        assert os.path.realpath(moved) in found[name]["what"], found[name]
    seen = run([tool, "run", "--no-bpf", "--", "env"]).out
    assert f"LD_PRELOAD={os.path.realpath(moved)}/lib/jitscope/adapters/luajit" in seen, seen
    adapter = os.path.join(moved, "lib/jitscope/adapters/luajit/jithooks.so")
    libraries = run(["ldd", adapter], env={"LD_LIBRARY_PATH": None}).out
    (line,) = [x for x in libraries.splitlines() if "libjithooks.so.1" in x]
    assert os.path.realpath(line.split()[2]) == \
        os.path.realpath(os.path.join(moved, "lib/libjithooks.so.1")), line


def test_manual_pages():
    need("make", "man")
    _, prefix = install()
    pages = glob.glob(os.path.join(prefix, "share/man/man*/*"))
    assert {"jitscope.1", "jitlua.1"} <= {os.path.basename(p) for p in pages}, pages
    for page in pages:
        result = run(["man", "-l", "--warnings", page], env={
            "MANROFFSEQ": "", "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"})
        assert result.err == "", (page, result.err)
        assert "NAME" in result.out and "SYNOPSIS" in result.out, page
    with open(os.path.join(prefix, "share/man/man1/jitscope.1")) as f:
        manual = f.read()
    helps = [run([os.path.join(prefix, "bin/jitscope"), c, "--help"]).out
             for c in ("run", "snapshot", "trace", "list", "check")]
    for option in {o for text in helps for o in re.findall(r"^ +(?:-., )?(--[a-z-]+)", text, re.M)}:
        assert option in manual.replace("\\-", "-"), f"{option} is not in the manual"


def test_headers_stand_alone():
    """Each of them, in C and C++, with nothing included before it."""
    need("make")
    root, prefix = install()
    include = os.path.join(prefix, "include")
    languages = [("cc", "c", "-std=c11"), ("cc", "c", "-std=gnu11")]
    if shutil.which("g++"):
        languages += [("g++", "c++", "-std=c++11"), ("g++", "c++", "-std=c++17")]
    lua = run(["pkg-config", "--cflags", "lua5.4"]).out.split()
    for header in glob.glob(os.path.join(include, "*/*.h")):
        name = os.path.relpath(header, include)
        for compiler, language, standard in languages:
            twice = f"#include <{name}>\n#include <{name}>\nint main(void) {{ return 0; }}\n"
            process = subprocess.run(
                [compiler, "-x", language, standard, "-Wall", "-Wextra", "-Werror", "-pedantic"
                 if name != "jithooks/probes.h" else "-Wall", "-I" + include,
                 *(lua if name.startswith("jitlua/") else []), "-c", "-o",
                 os.path.join(root, "out.o"), "-"], input=twice, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            assert process.returncode == 0, (name, language, standard, process.stdout[:2000])

# SPDX-License-Identifier: BSD-2-Clause
"""What jitlua writes of its traces: -jdump, into which files, and the map for perf.

It is held against the instructions that luac5.4 lists and the kernel's profiler.
"""
import contextlib
import glob
import os
import re
import shutil
import signal
import stat

from harness import TOP, is_root, need, need_bpf, program, run, start, tempdir
from test_jit import ADDRESS, EVENTS, X86, heads, jitlua, kinds, sections, verbose_events
from test_jitlua import ENVIRONMENT, JITLUA


# ---- -jdump -----------------------------------------------------------------------------------


def kinds_of_sections(found):
    return {re.sub(r"^TRACE (\d+ )?", "", head).split(":")[0].split(" ")[0] for head, _ in found}


def test_dump_shows_what_is_asked_for():
    events = {"start", "stop", "abort"}
    for flags, expected in (("t", events), ("b", {"bytecode"}), ("i", {"IR"}), ("m", {"code"}), ("", events | {"bytecode", "IR", "code"}),
                            ("-t", {"bytecode", "IR", "code"}), ("-tbim+t", events), ("tm", events | {"code"}), ("+s-bm", events | {"IR"})):
        assert kinds_of_sections(heads(flags)) == expected, flags
    assert {head.split(" ", 3)[3] for head, _ in heads("i")} == {"assembled"}
    passes = [head.split(" ", 3)[3] for head, _ in heads("p")]
    assert passes.count("recorded") > 2 and "after dce" in passes and "assembled" not in passes, passes
    both = {head.split(" ", 3)[3] for head, _ in heads("ip")}
    assert both == set(passes) | {"assembled"}, both


def from_run_to_run(line):
    """Without what another run has otherwise: addresses, and places in hashes of random seed."""
    return re.sub(r"(node_at\(\w+, descr=)\d+", r"\1&", ADDRESS.sub("&", line))


def test_dump_of_operations():
    with_snapshots, without = heads("is"), heads("i")
    assert len(with_snapshots) == len(without) > 2
    for (_, lines), (_, short) in zip(with_snapshots, without):
        operations = [l for l in lines if not l.startswith("#")]
        assert [from_run_to_run(l.split(" [@")[0]) for l in operations] == \
            [from_run_to_run(l) for l in short if not l.startswith("#")]
        for line in operations:
            assert re.match(r"([ifr]\d+(:\w+)? = )?\w+\(.*\)( \[@\d+.*\])?$", line), line
            assert line.startswith("guard_") <= (" [@" in line), line
        assert re.match(r"jump\(|finish\(", operations[-1]), operations[-1]
    text = "\n".join(l for _, lines in without for l in lines)
    assert '# short_string&' in text and ' "n"' in text, text[-2000:]


def listed_by_luac(script):
    """Instructions by the number of the function's first line, and their index from 0."""
    listing = run(["luac5.4", "-l", "-l", "-p", script]).out
    found, function = {}, None
    for line in listing.splitlines():
        head = re.match(r"(?:main|function) <.*:(\d+),\d+>", line)
        if head:
            function = int(head[1])
        code = re.match(r"\t(\d+)\t\[(\d+)\]\t(\w+) *\t([^\t]*)", line)
        if code:
            found[int(code[1]) - 1, int(code[2]), code[3]] = code[4].strip()
    return found


def test_dump_of_bytecode_is_that_of_luac():
    need("luac5.4")
    scripts = [EVENTS, *glob.glob(os.path.join(TOP, "tests", "bench", "programs", "[a-fj]*.lua"))]
    seen = set()
    for script in scripts:
        expected = listed_by_luac(script)
        for head, lines in heads("b", script):
            assert head.endswith("bytecode") and lines, head
            for line in lines:
                at, number, name, operands = re.match(r"(?:\. )*(\d{4}) \[(\d+)\] (\w+) ?([^;]*?)(?: ; .*)?$", line).groups()
                assert expected[int(at), int(number), name] == operands, (script, line)
                seen.add(name)
    assert len(seen) > 35, seen
    depths = {line.count(". ", 0, 8) for _, lines in heads("b") for line in lines}
    assert {0, 1} <= depths, depths


def test_dump_of_machine_code():
    if not X86:
        return
    listed = 0
    for head, lines in heads("m"):
        size = int(re.match(r"TRACE \d+ code (\d+) bytes", head)[1])
        code = [re.match(r"([0-9a-f]{12}) (?:->|  ) (\w[\w ]*?) +(.*?)$|([0-9a-f]{12}) (?:->|  ) (\w+) *$", l) for l in lines if re.match("[0-9a-f]{12} ", l)]
        assert all(code), lines
        addresses = [int(c[1] or c[4], 16) for c in code]
        assert addresses == sorted(set(addresses)) and 0 < size - (addresses[-1] - addresses[0]) <= 15, (head, lines[-3:])
        assert not any("(bad)" in l or ".byte" in l for l in lines), head
        exits = {l[:-1] for l in lines if re.match(r"exit \d+:$", l)}
        named = {m[1] for m in (re.search(r"j\w+ .* ; (exit \d+)$", l) for l in lines) if m}
        assert named and named <= exits, (head, named, exits)
        listed += 1
    assert listed >= 5
    assert any("; helper_" in l for _, lines in heads("m") for l in lines)
    interpreted = heads("m", env={"JITLUA_IR": "1"})
    assert interpreted and all(lines[0] == "# none: the operations are interpreted" for _, lines in interpreted)


def test_dump_without_capstone():
    """Where the library is not installed one line says so, and all else is there."""
    if not X86 or not is_root() or not shutil.which("unshare"):
        return
    libraries = [l for f in ("/usr/lib/*/libcapstone.so.4", "/lib/*/libcapstone.so.4") for l in glob.glob(f)]
    assert libraries, "libcapstone-dev is to be installed"
    script = " && ".join(f"mount --bind /dev/null {l}" for l in libraries[:1]) + f" && exec {JITLUA} -jdump=tm {EVENTS}"
    result = run(["unshare", "-m", "sh", "-c", script], env=ENVIRONMENT)
    found = [(h, l) for h, l in sections(result.out.replace(jitlua("-joff", EVENTS).out, "")) if " code " in h]
    assert found and all(re.match("# cannot load libcapstone", lines[0]) and len(lines) == 1 for _, lines in found), result


# ---- Files and options -------------------------------------------------------------------------


def test_flags_that_are_none():
    for option in ("-jdump=z", "-jdump=tz", "-jdump=+T", "-jdump=" + "t" * 1000 + "z"):
        result = jitlua(option, "-e", "print(1)", status=1)
        assert "-jdump: flags are letters of tbipsm" in result.err and result.out == "", result
    for option in ("-jperf=1", "-jvv", "-jdumps", "-jverbose"):
        result = jitlua(option, "-e", "print(1)", status=1)
        assert option[2:].split("=")[0] in result.err and result.out == "", result
    for arguments in (["-jv"], ["-j", "v"], ["-jv=-"], ["-jdump=t"], ["-j", "dump=t,-"], ["-jdump=,-"], ["-jdump=,"], ["-jdump="], ["-jv="]):
        result = jitlua(*arguments, "-e", "for i = 1, 1000 do end print(1)")
        assert result.out.endswith("1\n") and "TRACE" in result.out + result.err, (arguments, result)
    text = jitlua("-jhelp").out
    for option in ("-jv[=FILE]", "-jdump[=FLAGS[,FILE]]", "-jperf", "enable_opts          all"):
        assert option in text, text


def test_files_are_not_written_through_links():
    folder = tempdir()
    victim, link = os.path.join(folder, "victim"), os.path.join(folder, "link")
    with open(victim, "w") as f:
        f.write("precious")
    os.symlink(victim, link)
    for option in (f"-jv={link}", f"-jdump=,{link}", f"-jdump=ti,{link}"):
        result = jitlua(option, "-e", "print(1)", status=1)
        assert "symbolic link" in result.err and link in result.err and result.out == "", result
        assert open(victim).read() == "precious"
    for name, why in ((folder, "Is a directory"), (folder + "/no/file", "No such file")):
        for option in (f"-jv={name}", f"-jdump=t,{name}"):
            result = jitlua(option, "-e", "print(1)", status=1)
            assert why in result.err and result.out == "", result
    # A file of before is emptied.
    jitlua(f"-jv={victim}", EVENTS)
    assert open(victim).read().startswith("[TRACE "), open(victim).read()[:100]


# ---- The map for perf ----------------------------------------------------------------------------


class Map:
    """Runs jitlua with its map; the file is gone at the end."""

    def __init__(self, *arguments, env=None, before=None):
        self.process = start([JITLUA, *arguments], env={**ENVIRONMENT, **(env or {})},
                             preexec_fn=lambda: (self.clear(), before and before(f"/tmp/perf-{os.getpid()}.map")))
        self.path = f"/tmp/perf-{self.process.pid}.map"

    @staticmethod
    def clear():
        """A program that had this pid before may have left its map."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"/tmp/perf-{os.getpid()}.map")

    def __enter__(self):
        self.out, self.err = self.process.communicate(timeout=120)
        return self

    def __exit__(self, *_):
        if os.path.isdir(self.path):
            os.rmdir(self.path)
        elif os.path.lexists(self.path):
            os.unlink(self.path)

    def lines(self):
        with open(self.path) as f:
            return f.read().splitlines()


PIECE = re.compile(r"trace (\d+) (exit \d+ |counter )?(.*)$")
SHARED_CODE = ["entry", "exit", "force", "barrier back", "barrier", "loop__run"]


def test_map_names_all_traces():
    if not X86:
        return
    for options, env in ((["-jperf"], {}), (["-jon"], {"JITLUA_PERF": "1"}), (["-jperf", "-jperf"], {"JITLUA_PERF": "1"})):
        log = os.path.join(tempdir(), "log")
        with Map(*options, f"-jv={log}", EVENTS, env=env) as m:
            compiled = kinds(verbose_events(log)[0])[1]
            lines = [re.match(r"([0-9a-f]+) ([0-9a-f]+) jitlua (.*)$", l).groups() for l in m.lines()]
            pieces = [(a, size, *PIECE.match(name).groups()) for a, size, name in lines if PIECE.match(name)]
            rows = [(a, size, no, place) for a, size, no, what, place in pieces if not what]
            assert [(int(size, 16), no, place) for _, size, no, place in rows] == \
                [(int(e["bytes"]), e["no"], e["place"]) for e in compiled] and len(rows) > 5, (rows, compiled)
            assert any(e["parent"] for e in compiled)
            # What leads into a bridge has the name of the exit, which may be another that leads
            # to its place; what all share is there once.
            into = {(no, what.split()[1]) for _, _, no, what, _ in pieces if what}
            bridges = {(e["parent"], e["exit"]) for e in compiled if e["parent"]}
            assert bridges <= into and {no for no, _ in into} <= {e["no"] for e in compiled}, (into, bridges, rows)
            assert [name for _, _, name in lines if not PIECE.match(name)] == SHARED_CODE, lines
            spans = sorted((int(a, 16), int(a, 16) + int(s, 16)) for a, s, _ in lines)
            assert all(end <= begin for (_, end), (begin, _) in zip(spans, spans[1:])), spans
            mode = os.stat(m.path).st_mode
            assert stat.S_ISREG(mode) and stat.S_IMODE(mode) == 0o600, oct(mode)
    with Map("-jon", EVENTS, env={"JITLUA_PERF": "0"}) as m:
        assert not os.path.exists(m.path)
    with Map("-joff", "-e", "for i = 1, 1e5 do end", env={"JITLUA_PERF": "1"}) as m:
        assert not os.path.exists(m.path)


def test_map_overwrites_nothing_of_others():
    folder = tempdir()
    victim = os.path.join(folder, "victim")

    def unharmed(before, refused=True):
        with open(victim, "w") as f:
            f.write("precious")
        with Map("-jperf", EVENTS, before=before) as m:
            assert open(victim).read() == "precious"
            assert (m.process.returncode != 0) == refused and ("cannot make the map" in m.err) == refused, (m.out, m.err)
        with Map("-jon", EVENTS, env={"JITLUA_PERF": "1"}, before=before) as m:
            assert open(victim).read() == "precious"
            assert m.process.returncode == 0 and m.out and ("no map for perf" in m.err) == refused, (m.out, m.err)

    unharmed(lambda path: os.symlink(victim, path))
    unharmed(lambda path: os.symlink(os.path.join(folder, "new"), path))
    assert not os.path.exists(os.path.join(folder, "new"))
    unharmed(lambda path: os.link(victim, path) if os.stat(folder).st_dev == os.stat("/tmp").st_dev else os.mkfifo(path))
    unharmed(os.mkfifo)
    unharmed(os.mkdir)
    if is_root():
        def of_another(path):
            with open(path, "w") as f:
                f.write("theirs")
            os.chown(path, 65534, 65534)
        unharmed(of_another)
    # What an earlier process of ours left is replaced, by a new file.
    def left(path):
        with open(path, "w") as f:
            f.write("0 1 old\n")
        os.chmod(path, 0o644)
    with Map("-jperf", EVENTS, before=left) as m:
        assert m.process.returncode == 0 and "old" not in open(m.path).read(), m.err
        assert stat.S_IMODE(os.stat(m.path).st_mode) == 0o600


def test_map_of_several_states_and_of_a_fork():
    if not X86:
        return
    parent, child = run([program("lua_perf")], env=ENVIRONMENT).out.split()
    names = []
    for pid in (parent, child):
        with open(f"/tmp/perf-{pid}.map") as f:
            names.append([line.split(" ", 2)[2].strip() for line in f])
        os.unlink(f"/tmp/perf-{pid}.map")
    shared = [f"jitlua {name}" for name in SHARED_CODE]
    assert names[0] == [*shared, "jitlua trace 1 first:1", *shared, "jitlua trace 1 second:2",
                        *shared, "jitlua trace 1 third:4"], names
    # The child's has what its state had compiled before.
    assert names[1] == [*shared, "jitlua trace 1 first:1", "jitlua trace 2 child:3"], names


def test_profiler_names_compiled_loops():
    need_bpf()
    need("bpftrace")
    if not X86:
        return
    script = os.path.join(tempdir(), "busy.lua")
    with open(script, "w") as f:
        f.write("io.write('ready\\n') io.flush()\nlocal s = 0\nwhile true do\n  for i = 1, 1000000 do s = s + i % 7 end\nend\n")
    process = start([JITLUA, "-jperf", script], env=ENVIRONMENT)
    try:
        assert process.stdout.readline() == "ready\n"
        text = run(["bpftrace", "-e", f"profile:hz:199 /pid == {process.pid}/ {{ @[ustack(perf, 1)] = count(); }} "
                    "interval:s:2 { exit(); }"], timeout=60).out
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.unlink(f"/tmp/perf-{process.pid}.map")
    assert re.search(r"jitlua trace \d+ \S+busy\.lua:4", text), text[-2000:]

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares jitlua and lua5.4 over random programs.

    BUILD=build tests/fuzz/jitlua_fuzz.py [--seconds N | --programs N] [--seed N] ...

jitlua/generate.lua makes batches of programs from a seed; jitlua/run.lua runs a
batch on either and prints what each program printed and how it ended: values,
messages and tracebacks. A program whose transcripts differ is made smaller, as
long as they still do, and saved in BUILD/fuzz as jitlua-SEED-NUMBER.lua; what
differs only after others of its batch is saved as a batch of few programs,
jitlua-SEED-NUMBER.batch. `--again FILE` runs either.

Besides plainly, batches run with a garbage collection at every allocation
(JITLUA_GC_STRESS; one in --stress batches), and by run.lua's own turns in
coroutines, under debug hooks and with a collection after each program.

Not compared, in what programs show (run.lua takes it out):
- addresses, and what functions, threads and userdata are beyond their type;
- the order of pairs(): tables are shown sorted, sums over them do not depend on it;
- the sign of NaN, which is a matter of the order of operands in machine code;
- the line in messages of an integer division or modulo by zero: lua5.4 (5.4.4)
  gives another instruction's;
- the name in messages of math.atan2, a second name for math.atan: the first that
  is found in a table with no order is taken;
- what is beyond the third level of a table, its 40th key (sorted), a string's
  300th byte, and 200,000 bytes of output.
Not generated:
- tables with holes whose length would be asked for (a few in a million programs have
  one all the same, and are found: look at the table first), memory in use, times,
  random numbers, weak tables and finalizers (when they act is the collector's affair),
  unbounded recursion and memory (how far it gets): each differs by right;
- two forms that the compiler of Lua 5.4.4 gets wrong, so that both interpreters read
  what was never set: a key with a jump in it for a table that is an upvalue, `break`
  in a generic `for` with a closing value;
- string.rep of an empty string so many times that it takes minutes, and sizes that
  just fit into memory;
- text made of addresses or of NaN with its sign, from which more is computed;
- io, os, package and require, debug but for traceback and getinfo, string.pack but
  for one format: tests/lua has them.
Not judged: programs that lua5.4 itself does not end, dies of or has no memory for
(LIMIT bytes); the last line counts them.
"""
import argparse
import concurrent.futures
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
GENERATE = os.path.join(HERE, "jitlua", "generate.lua")
RUN = os.path.join(HERE, "jitlua", "run.lua")
STRESSED = 10  # programs in a batch with a collection at every allocation
LIMIT = 1 << 30
ENOUGH = 20  # differences, then it ends
HEAD = re.compile(rb"== (\d+) (\d+)\n")


def programs_of(batch):
    """Number and source of each program of a batch."""
    at = 0
    while at < len(batch):
        head = HEAD.match(batch, at)
        at = head.end() + int(head[2]) + 1
        yield int(head[1]), batch[head.end():at - 1]


def batch_of(programs):
    return b"".join(b"== %d %d\n%s\n" % (n, len(source), source) for n, source in programs)


class Interpreter:
    def __init__(self, command):
        self.command = command
        with open(command[0] if os.path.isabs(command[0]) else "/usr/bin/" + command[0], "rb") as f:
            self.limited = b"__asan_init" not in f.read()  # its own memory is beyond any limit

    def limit(self):
        if self.limited:
            resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def transcripts(self, programs, stress=None, timeout=20, flush=True):
        """What each program says by number, and why the process ended if it did not end well."""
        env = {k: v for k, v in os.environ.items() if k not in ("JITLUA_GC_STRESS", "FLUSH")}
        env["LUA_INIT"] = ""
        env.setdefault("ASAN_OPTIONS", "allocator_may_return_null=1:detect_stack_use_after_return=0")
        if flush:
            env["FLUSH"] = "1"
        if stress:
            env["JITLUA_GC_STRESS"] = stress
        with tempfile.NamedTemporaryFile(suffix=".batch") as f:
            f.write(batch_of(programs))
            f.flush()
            try:
                process = subprocess.run([*self.command, RUN, f.name], capture_output=True, env=env,
                                         timeout=timeout, stdin=subprocess.DEVNULL, preexec_fn=self.limit)
                out, why = process.stdout, None
                if process.returncode:
                    why = b"status %d: %s" % (process.returncode, process.stderr[-3000:])
            except subprocess.TimeoutExpired as late:
                out, why = late.stdout or b"", b"no end"
        parts = re.split(rb"(?m)^== (\d+)\n", out)
        return {int(n): text for n, text in zip(parts[1::2], parts[2::2])}, why


def smaller(parts, differs, seconds=60):
    """Leaves out of a list what can be left out, as long as the rest differs."""
    end = time.monotonic() + seconds
    size = max(1, len(parts) // 2)
    while time.monotonic() < end:
        at, changed = 0, False
        while at < len(parts) and time.monotonic() < end:
            fewer = parts[:at] + parts[at + size:]
            if differs(fewer):
                parts, changed = fewer, True
            else:
                at += size
        if size == 1 and not changed:
            break
        size = max(1, size // 2)
    return parts


class Comparison:
    def __init__(self, arguments):
        self.lua = Interpreter([arguments.lua])
        self.jitlua = Interpreter([arguments.jitlua, *arguments.options.split()])

    def differs(self, programs, stress, judged=None):
        """What the last program says on both, if that is not the same. lua5.4 must be able to."""
        number = programs[-1][0]
        a, died = self.lua.transcripts(programs)
        if died or b"not enough memory" in a.get(number, b""):
            return None
        if judged is not None:
            judged.append(number)
        b, why = self.jitlua.transcripts(programs, stress, timeout=60)
        if why or a[number] != b.get(number):
            return a[number], (b.get(number) or b"") + (why or b"")
        return None

    def smaller_program(self, number, source, stress):
        def differs(lines):
            found = self.differs([(number, b"\n".join(lines))], stress)
            return found and b"does not compile" not in found[0]
        return b"\n".join(smaller(source.split(b"\n"), differs))

    def smaller_batch(self, programs, stress):
        def differs(before):
            return self.differs([*before, programs[-1]], stress)
        return [*smaller(programs[:-1], differs), programs[-1]]

    def batch(self, seed, count, stress):
        """Runs one batch: how many were judged, how many ended by themselves, which programs
        (with those before them, if they do not differ alone) differ."""
        source = subprocess.run([*self.lua.command, GENERATE, str(seed), str(count)],
                                stdout=subprocess.PIPE, check=True).stdout
        programs = list(programs_of(source))
        a, died = self.lua.transcripts(programs, timeout=60, flush=False)
        b, why = self.jitlua.transcripts(programs, stress, timeout=300, flush=False) if not died else ({}, None)
        ended = sum(b"\nend: true" in b"\n" + text[-400:] for text in a.values())
        if a == b and not why:
            return len(programs), ended, []
        alone = [[p] for p in programs if died or why or a.get(p[0]) != b.get(p[0])]
        judged = [p[0] for p in programs] if not died else []
        found = [p for p in alone if self.differs(p, stress, judged if died else None)]
        if not found and not died:
            # Each alone is the same: it takes those before it.
            first = next((i for i, p in enumerate(programs) if a.get(p[0]) != b.get(p[0])), len(programs) - 1)
            if b"not enough memory" not in a.get(programs[first][0], b""):
                found = [programs[:first + 1]]
        return len(judged), ended, found


def around(found, size=2000):
    """Of two transcripts what is near their first difference."""
    at = len(os.path.commonprefix(found))
    return tuple(text[max(0, at - size):at + size] for text in found)


def save(comparison, folder, seed, programs, stress):
    os.makedirs(folder, exist_ok=True)
    number, source = programs[-1]
    path = os.path.join(folder, f"jitlua-{seed}-{number}")
    with open(path + ".whole", "wb") as f:
        f.write(batch_of(programs))
    if len(programs) == 1:
        path += ".lua"
        programs = [(number, comparison.smaller_program(number, source, stress))]
        text = programs[0][1]
    else:
        path += ".batch"
        programs = comparison.smaller_batch(programs, stress)
        text = batch_of(programs)
    found = comparison.differs(programs, stress) or (b"?", b"not seen again")
    with open(path, "wb") as f:
        f.write(text + b"\n--[=====[ seed %d, number %d, stress %s\nlua5.4:\n%s\njitlua:\n%s\n]=====]\n"
                % (seed, number, (stress or "-").encode(), *around(found)))
    return path


def again(comparison, path):
    with open(path, "rb") as f:
        source = f.read()
    head = re.search(rb"\n--\[=====\[ seed \d+, number (\d+), stress (\S+)", source)
    number = int(head[1]) if head else 1
    stress = head[2].decode() if head and head[2] != b"-" else None
    text = source[:head.start()] if head else source
    programs = list(programs_of(text)) if HEAD.match(text) else [(number, text)]
    found = comparison.differs(programs, stress)
    if not found:
        print("no difference")
        return 0
    for name, text in zip(("lua5.4", "jitlua"), found):
        print(f"{name}:\n{text.decode(errors='replace')}\n")
    return 1


def arguments_of():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--programs", type=int)
    parser.add_argument("--seed", type=int, help="of the first batch (by the clock)")
    parser.add_argument("--batch", type=int, default=400, help="programs in a batch (%(default)s)")
    parser.add_argument("--stress", type=int, default=50, help="a batch in so many is collected all the time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--lua", default="lua5.4")
    parser.add_argument("--jitlua", default=os.path.join(BUILD, "jitlua"))
    parser.add_argument("--options", default="", help="of jitlua")
    parser.add_argument("--again", metavar="FILE")
    arguments = parser.parse_args()
    if arguments.seconds is None and arguments.programs is None:
        arguments.seconds = 10
    if arguments.seed is None:
        arguments.seed = int(time.time() * 1000) & 0x7fffffff
    return arguments


def main():
    arguments = arguments_of()
    comparison = Comparison(arguments)
    if arguments.again:
        return again(comparison, arguments.again)
    seed = arguments.seed
    begin = time.monotonic()
    made = judged = ended = differences = 0
    pending = {}

    def more():
        if arguments.seconds and time.monotonic() - begin >= arguments.seconds:
            return False
        return differences < ENOUGH and (not arguments.programs or made < arguments.programs)

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        while pending or more():
            # One that waits for each that runs: what is begun is also ended.
            while more() and len(pending) < arguments.jobs + 1:
                stress = ("1", "2")[seed // arguments.stress % 2] if seed % arguments.stress == 0 else None
                size = min(arguments.batch, STRESSED) if stress == "1" else arguments.batch
                pending[pool.submit(comparison.batch, seed, size, stress)] = seed, stress
                seed, made = seed + 1, made + size
            for future in concurrent.futures.wait(pending, return_when="FIRST_COMPLETED").done:
                of, stress = pending.pop(future)
                ran, good, found = future.result()
                judged, ended, differences = judged + ran, ended + good, differences + len(found)
                for programs in found[:3]:
                    print(f"differs: {save(comparison, folder_of_findings(), of, programs, stress)}", flush=True)
    if judged * 2 < made or ended * 4 < judged:
        print("too few programs ran to say anything")
    print(f"{judged} programs, {ended} of them ran to their end, {made - judged} not judged, "
          f"{differences} differences; {time.monotonic() - begin:.0f} s, next seed {seed}")
    return 1 if differences or not judged or judged * 2 < made or ended * 4 < judged else 0


def folder_of_findings():
    return os.path.join(BUILD, "fuzz")


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares jitlua and lua5.4 over random programs.

    BUILD=build tests/fuzz/jitlua_fuzz.py [--seconds N | --programs N] [--seed N] ...

jitlua/generate.lua makes batches of programs from a seed; jitlua/run.lua runs a
batch on either and prints what each program printed and how it ended. A program
whose transcripts differ is made smaller, as long as they still do, and saved in
BUILD/fuzz as jitlua-SEED-NUMBER.lua; `--again FILE` runs such a file. The heads
of the two Lua files say what programs consist of and what is not compared.

Besides plainly, batches run with a garbage collection at every allocation
(JITLUA_GC_STRESS; one in --stress batches), and by run.lua's own turns in
coroutines and under debug hooks.
"""
import argparse
import concurrent.futures
import os
import re
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
HEAD = re.compile(rb"== (\d+) (\d+)\n")


def programs_of(batch):
    """Number and source of each program of a batch."""
    at = 0
    while at < len(batch):
        head = HEAD.match(batch, at)
        at = head.end() + int(head[2]) + 1
        yield int(head[1]), batch[head.end():at - 1]


def transcripts(interpreter, path, number=None, stress=None, timeout=300):
    """The transcripts of a batch by number, and why the process ended if it did not end well."""
    env = {**os.environ, "LUA_INIT": "", "FLUSH": "1" if number else ""}
    env.pop("JITLUA_GC_STRESS", None)
    if not env["FLUSH"]:
        del env["FLUSH"]
    if stress:
        env["JITLUA_GC_STRESS"] = stress
    command = [*interpreter, RUN, path] + ([str(number)] if number else [])
    try:
        process = subprocess.run(command, capture_output=True, env=env, timeout=timeout,
                                 stdin=subprocess.DEVNULL)
        out, why = process.stdout, None
        if process.returncode:
            why = f"status {process.returncode}: {process.stderr[-2000:].decode(errors='replace')}"
    except subprocess.TimeoutExpired as late:
        out, why = late.stdout or b"", "no end"
    parts = re.split(rb"(?m)^== (\d+)\n", out)
    return {int(n): text for n, text in zip(parts[1::2], parts[2::2])}, why


class Comparison:
    def __init__(self, arguments):
        self.lua = [arguments.lua]
        self.jitlua = [arguments.jitlua, *arguments.options.split()]

    def differs(self, source, number, stress):
        """What one program says on both, if that is not the same."""
        with tempfile.NamedTemporaryFile(suffix=".batch") as f:
            f.write(b"== %d %d\n%s\n" % (number, len(source), source))
            f.flush()
            a, why_a = transcripts(self.lua, f.name, number, timeout=20)
            b, why_b = transcripts(self.jitlua, f.name, number, stress, timeout=60)
        if why_a:
            return None  # lua5.4 itself dies or does not end: no judge
        x, y = a.get(number), b.get(number)
        if why_b or x != y:
            return x, why_b.encode() if why_b else y
        return None

    def smaller(self, source, number, stress, seconds=60):
        """Lines are left out as long as the program compiles and differs."""
        end = time.monotonic() + seconds
        lines = source.split(b"\n")
        size = max(1, len(lines) // 2)
        while size and time.monotonic() < end:
            at, changed = 0, False
            while at < len(lines) and time.monotonic() < end:
                fewer = lines[:at] + lines[at + size:]
                found = self.differs(b"\n".join(fewer), number, stress)
                if found and b"does not compile" not in (found[0] or b""):
                    lines, changed = fewer, True
                else:
                    at += size
            if not changed or size > len(lines):
                size = min(size // 2, len(lines)) if size > 1 else 0 if not changed else 1
        return b"\n".join(lines)

    def batch(self, seed, count, stress):
        """Runs one batch; numbers of the programs that differ, with their sources."""
        with tempfile.NamedTemporaryFile(suffix=".batch") as f:
            subprocess.run([*self.lua, GENERATE, str(seed), str(count)], stdout=f, check=True)
            f.flush()
            a, why_a = transcripts(self.lua, f.name)
            b, why_b = transcripts(self.jitlua, f.name, stress=stress)
            ended = sum(b"\nend: true" in b"\n" + text[-400:] for text in a.values())
            if a == b and not why_a and not why_b:
                return [], len(a), ended
            with open(f.name, "rb") as batch:
                sources = dict(programs_of(batch.read()))
        suspects = [n for n in sources if a.get(n) != b.get(n)]
        if why_b and not suspects:
            suspects = list(sources)
        return [(n, sources[n]) for n in suspects if self.differs(sources[n], n, stress)], len(a), ended


def save(comparison, folder, seed, number, source, stress):
    small = comparison.smaller(source, number, stress)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"jitlua-{seed}-{number}.lua")
    found = comparison.differs(small, number, stress) or (b"?", b"?")
    with open(path, "wb") as f:
        f.write(small + b"\n--[=====[ seed %d, number %d, stress %s\nlua5.4:\n%s\njitlua:\n%s\n]=====]\n"
                % (seed, number, (stress or "-").encode(), found[0] or b"", found[1] or b""))
    with open(path + ".whole", "wb") as f:
        f.write(source)
    return path


def again(comparison, path):
    with open(path, "rb") as f:
        source = f.read()
    head = re.search(rb"\n--\[=====\[ seed \d+, number (\d+), stress (\S+)", source)
    number = int(head[1]) if head else 1
    stress = head[2].decode() if head and head[2] != b"-" else None
    found = comparison.differs(source[:head.start()] if head else source, number, stress)
    if not found:
        print("no difference")
        return 0
    for name, text in zip(("lua5.4", "jitlua"), found):
        print(f"{name}:\n{(text or b'').decode(errors='replace')}\n")
    return 1


def main():
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
    comparison = Comparison(arguments)
    if arguments.again:
        return again(comparison, arguments.again)
    if arguments.seconds is None and arguments.programs is None:
        arguments.seconds = 10
    seed = arguments.seed if arguments.seed is not None else int(time.time() * 1000) & 0x7fffffff
    end = time.monotonic() + arguments.seconds if arguments.seconds else None
    folder = os.path.join(BUILD, "fuzz")
    done = ended = differences = 0
    pending = {}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        while True:
            more = (end is None or time.monotonic() < end) and differences < 20 and \
                (not arguments.programs or done + len(pending) * arguments.batch < arguments.programs)
            if more and len(pending) < 2 * arguments.jobs:
                stress = ("1", "2")[seed // arguments.stress % 2] if seed % arguments.stress == 0 else None
                size = min(arguments.batch, STRESSED) if stress == "1" else arguments.batch
                pending[pool.submit(comparison.batch, seed, size, stress)] = seed, stress
                seed += 1
                continue
            if not pending:
                break
            for future in concurrent.futures.wait(pending, return_when="FIRST_COMPLETED").done:
                of, stress = pending.pop(future)
                found, ran, good = future.result()
                done += ran
                ended += good
                for number, source in found[:3]:
                    differences += 1
                    path = save(comparison, folder, of, number, source, stress)
                    print(f"differs: {path}", flush=True)
    print(f"{done} programs, {ended} of them ran to their end, {differences} differences; "
          f"next seed {seed}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())

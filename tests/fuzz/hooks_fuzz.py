#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Changes the operations of traces at random in jitlua's optimize hook.

    BUILD=build tests/fuzz/hooks_fuzz.py [--seconds N | --lists N] [--seed N]

hooks/mutate.lua does it, in processes of some thousand lists each; its head says how. A
process that finds a difference, dies or does not end is named by the command that repeats
it. One in ten collects garbage at every allocation, one in ten runs the interpreter of
operations instead of machine code.
"""
import argparse
import os
import random
import re
import resource
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
JITLUA = os.path.join(BUILD, "jitlua")
MUTATE = os.path.join(HERE, "hooks", "mutate.lua")
COUNTS = re.compile(r"^(\d+) lists, (\d+) accepted, (\d+) refused, (\d+) errors$", re.M)
LISTS = 2000  # of one process
STRESSED = 20


def limit():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if "sanitize" not in BUILD:
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


def run(seed, lists, environment):
    """The counts of one process, or None and why."""
    env = {**os.environ, "LUA_INIT": "", "ASAN_OPTIONS": "detect_stack_use_after_return=0", **environment}
    try:
        p = subprocess.run([JITLUA, MUTATE, str(seed), str(lists)], env=env, timeout=300, text=True,
                           errors="replace", capture_output=True, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return None, "does not end"
    found = COUNTS.search(p.stdout)
    if p.returncode or not found:
        return None, f"status {p.returncode}: {p.stdout[-500:]}{p.stderr[-2000:]}"
    return list(map(int, found.groups())), None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--lists", type=int, default=0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    totals, failures, seed = [0, 0, 0, 0], 0, options.seed
    while totals[0] < options.lists if options.lists else time.monotonic() < end:
        environment, lists = {}, LISTS
        if seed % 10 == 3:
            environment, lists = {"JITLUA_GC_STRESS": "1"}, STRESSED
        elif seed % 10 == 7:
            environment = {"JITLUA_IR": "1"}
        counts, why = run(seed, lists, environment)
        if counts:
            totals = [a + b for a, b in zip(totals, counts)]
        else:
            failures += 1
            setting = " ".join(f"{k}={v}" for k, v in environment.items())
            print(f"{setting} {JITLUA} {MUTATE} {seed} {lists}\n  {why}", flush=True)
        if failures >= 10:
            break
        seed += 1
    print("%d lists, %d accepted, %d refused, %d errors on purpose, %d differences"
          % (*totals, failures))
    return 1 if failures or not totals[1] or not totals[2] else 0


if __name__ == "__main__":
    sys.exit(main())

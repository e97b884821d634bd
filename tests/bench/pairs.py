# SPDX-License-Identifier: BSD-2-Clause
"""Programs in turn on two interpreters: what the benches of jitlua share."""
import glob
import json
import math
import os
import shlex
import statistics
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
MEASURE = os.path.join(BUILD, "tests", "measure")

# Programs of programs/ whose time goes into loops of their own.
LOOPS = ("float_loops", "integer_loops", "matrix", "methods", "sieve", "lexer", "closures", "nbody",
         "spectral_norm", "mandelbrot", "fannkuch", "queens", "arrays", "richards", "hashes", "objects")


class Rows:
    """Figures, printed as they come and kept for --json."""

    def __init__(self, section):
        self.section, self.all = section, []

    def add(self, name, text, **figures):
        self.all.append({"section": self.section, "name": name, "text": text, **figures})
        print(f"{self.section:10} {name:30} {text}", flush=True)

    def save(self, path):
        with open(path, "w") as f:
            json.dump(self.all, f, indent=1)


def programs(folder, names=()):
    """Name and path of the Lua programs in a folder, all or those named."""
    for path in sorted(glob.glob(os.path.join(HERE, folder, "*.lua"))):
        name = os.path.basename(path)[:-4]
        if not names or name in names:
            yield name, path


def measured(command, times=1):
    """CPU seconds, peak in KiB and output of a command."""
    process = subprocess.run([MEASURE, "-n", str(times), *command], capture_output=True, text=True,
                             stdin=subprocess.DEVNULL, check=True)
    told = json.loads(process.stderr.splitlines()[-1])
    return told["user"] + told["system"], told["peak_kib"], process.stdout


def pairs(base, other, runs, times=1):
    """Ratios of CPU time and of memory, and the seconds of both, run by run."""
    ratios, peaks, seconds = [], [], []
    for i in range(runs):
        order = (base, other) if i % 2 == 0 else (other, base)
        results = {id(c): measured(c, times) for c in order}
        a, b = results[id(base)], results[id(other)]
        assert a[2] == b[2], f"{shlex.join(other)} prints something else than {shlex.join(base)}"
        ratios.append(b[0] / a[0])
        peaks.append(b[1] / a[1])
        seconds.append((a[0], b[0]))
    return ratios, peaks, seconds


def mean(ratios):
    return math.exp(statistics.fmean(map(math.log, ratios)))

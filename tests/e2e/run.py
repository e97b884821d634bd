#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the end-to-end tests: functions test_* of the files test_*.py here.

    BUILD=build python3 tests/e2e/run.py [-v] [NAME ...]

Each test is given nothing and fails by an exception. On a machine with root
and BPF nothing may be skipped: a skip is counted as a failure there.
"""
import glob
import importlib
import os
import sys
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness


def raiser(error):
    def function():
        raise error
    return function


def collect(words):
    for path in sorted(glob.glob(os.path.join(os.path.dirname(__file__), "test_*.py"))):
        try:
            module = importlib.import_module(os.path.basename(path)[:-3])
        except Exception as error:
            yield f"{os.path.basename(path)}: cannot be loaded", raiser(error)
            continue
        for name, function in list(vars(module).items()):
            if name.startswith("test_") and callable(function):
                full = f"{module.__name__[5:]}: {name[5:].replace('_', ' ')}"
                if not words or any(w in full or w in name for w in words):
                    yield full, function


def main(arguments):
    words = [a for a in arguments if not a.startswith("-")]
    no_skips = harness.is_root() and harness.has_bpf()
    passed = failed = skipped = 0
    for name, function in collect(words):
        start = time.monotonic()
        try:
            with harness.scene():
                function()
        except harness.Skip as why:
            if no_skips:
                failed += 1
                print(f"FAIL {name}: skipped ({why}) though this machine has root and BPF")
            else:
                skipped += 1
                print(f"skip {name}: {why}")
        except Exception:
            failed += 1
            print(f"FAIL {name}")
            traceback.print_exc(file=sys.stdout)
        else:
            passed += 1
            print(f"ok   {name} ({time.monotonic() - start:.1f} s)")
        sys.stdout.flush()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed + skipped else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

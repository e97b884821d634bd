# SPDX-License-Identifier: BSD-2-Clause
"""Hundreds of functions that are hot for a moment each: much is compiled, and
no machine code runs for long. What telling of a trace costs shows here.
"""

import sys

STEPS = 1500  # past PyPy's threshold of 1039, so that every loop is compiled


def make(n):
    """A function of its own text: no two share code or machine code."""
    source = ["def work_%d(steps):" % n,
              "    a, b, found = %d, 1, {}" % (n % 7),
              "    for i in range(steps):",
              "        a = (a * %d + b + i) & 0xffffff" % (3 + 2 * (n % 11))]
    for k in range(n % 3 + 1):
        source.append("        if a & %d:" % (1 << (n + 5 * k) % 13))
        source.append("            b ^= a >> %d" % (k + 1))
        source.append("        else:")
        source.append("            found[b & 7] = a + %d" % k)
    source.append("    return a ^ b, len(found)")
    space = {}
    exec(compile("\n".join(source), "compile_heavy.gen", "exec"), space)
    return space["work_%d" % n]


def main(functions):
    a = n = 0
    for i in range(functions):
        value, keys = make(i)(STEPS)
        a ^= value
        n += keys
    print("%d functions: %d, %d" % (functions, a, n))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)

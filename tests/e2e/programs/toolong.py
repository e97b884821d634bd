# SPDX-License-Identifier: BSD-2-Clause
"""A little virtual machine whose programs PyPy cannot hold in one trace.

Straight code of many thousand steps, and a loop around calls that are each
inlined: recording runs into trace_limit, so traces are aborted as too long,
in loops and in bridges, and PyPy goes on with segments.
"""

import sys


def make_straight(lines):
    """A function of so many statements that one pass is too long a trace."""
    source = ["def straight(a, b, table):"]
    for i in range(lines):
        source.append("    a = (a * 3 + b + %d) & 0xffff" % i)
        source.append("    if a & %d: b ^= a; table[a & 15] += 1"
                      % (1 << i % 7))
    source.append("    return a, b")
    space = {}
    exec(compile("\n".join(source), "straight.gen", "exec"), space)
    return space["straight"]


def add(stack):
    b = stack.pop()
    stack.append((stack.pop() + b) & 0xffffff)


def swap(stack):
    stack[-1], stack[-2] = stack[-2], stack[-1]


def double(stack):
    stack.append(stack[-1])


def shift(stack):
    stack.append(stack.pop() >> 1 if stack[-1] & 1 else stack.pop() * 3 + 1)


def interpret(program, stack):
    for operation in program:
        operation(stack)


def unrolled(n, stack):
    """Recursion that is inlined until the trace is full."""
    shift(stack)
    stack.append(n)
    add(stack)
    return n if n == 0 else unrolled(n - 1, stack) + (stack[-1] >> 3 & 1)


def main(rounds):
    straight = make_straight(400)
    table = [0] * 16
    a, b = 1, 2
    for _ in range(rounds):
        a, b = straight(a, b, table)
    print("straight", a, b, sum(table))

    stack = [1, 2]
    program = [double, shift, add, double, swap, shift, add] * 300
    for _ in range(rounds // 4):
        interpret(program, stack)
    print("interpreted", stack[-1], len(stack))

    total = 0
    for _ in range(rounds):
        total += unrolled(150, stack)
        del stack[2:]
    print("unrolled", total, stack)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 12000)

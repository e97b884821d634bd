# SPDX-License-Identifier: BSD-2-Clause
"""The text of a greenkey: where in the source a trace starts.

The main jitdriver gives (code, bytecode offset, is_being_profiled), which
becomes "file:line function"; the others give a text of their own.
"""

from __pypy__ import hidden_applevel

# JIT_GREENKEY_LEN of abi.h without its zero. The library cuts at the end,
# where the line number is; so a long path is cut here, at its start.
_ROOM = 127

# Texts of recent places, with the code object that keeps its id() taken.
# A place that aborts again and again is looked up as often. Bounded, so that
# code made at run time is not kept alive for long.
_recent = {}
_RECENT_MAX = 64


@hidden_applevel
def _line(code, offset):
    table = code.co_lnotab
    line = code.co_firstlineno
    address = 0
    for forward, step in zip(table[::2], table[1::2]):
        address += forward
        if address > offset:
            break
        line += step if step < 128 else step - 256
    return line


@hidden_applevel
def _source_place(code, offset):
    key = (id(code), offset)
    known = _recent.get(key)
    if known is not None:
        return known[1]
    tail = (":%d %s" % (_line(code, offset), code.co_name)).encode(
        "utf-8", "backslashreplace")[:_ROOM]
    file = code.co_filename.encode("utf-8", "surrogateescape")
    if len(file) + len(tail) > _ROOM:
        file = b"..." + file[len(file) + len(tail) + 3 - _ROOM:]
    text = (file + tail)[:_ROOM]
    if len(_recent) >= _RECENT_MAX:
        _recent.clear()
    _recent[key] = (code, text)
    return text


@hidden_applevel
def greenkey_text(jitdriver, greenkey):
    """As bytes; b"" for None, which is what a bridge has."""
    if type(greenkey) is tuple and len(greenkey) == 3:
        return _source_place(greenkey[0], greenkey[1])
    if greenkey is None:
        return b""
    text = str(greenkey)
    # Without PYPYLOG all that PyPy tells is which jitdriver it is.
    if "get_printable_location disabled" in text:
        text = jitdriver
    return text.encode("utf-8", "backslashreplace")[:_ROOM]

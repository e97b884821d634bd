# SPDX-License-Identifier: BSD-2-Clause
"""libjithooks, loaded and checked.

`_cffi_backend` is used as it stands, without the `cffi` package on top:
parsing declarations would cost every process some 90 ms and leave its own
traces among the program's, and there is little to parse. Every function
called here takes and returns plain integers and strings, so there is no
struct whose layout could differ from hooks.h; enumerators are looked up by
name. What can still differ, a library of another age, is checked on loading.
"""

import os

import _cffi_backend as _c

_int = _c.new_primitive_type("int")
_unsigned = _c.new_primitive_type("unsigned int")
_u64 = _c.new_primitive_type("uint64_t")
_size = _c.new_primitive_type("size_t")
_double = _c.new_primitive_type("double")
_text = _c.new_pointer_type(_c.new_primitive_type("char"))
_void = _c.new_void_type()
_pointer = _c.new_pointer_type(_void)
_u64_list = _c.new_pointer_type(_u64)

# As declared in hooks.h: the result, then the arguments. A list of integers
# becomes an array for the time of the call.
_STATE = (_u64_list, _size, _double, _double)
_FUNCTIONS = {
    "jit_counter_name": (_text, _unsigned),
    "jit_type_name": (_text, _unsigned),
    "jit_told_create": (_pointer, _text) + _STATE,
    "jit_told_compiled": (_void, _pointer) + _STATE + (
        _unsigned, _u64, _u64, _text, _u64, _u64),
    "jit_told_aborted": (_void, _pointer) + _STATE + (
        _unsigned, _text, _text, _u64),
    "jit_told_state": (_void, _pointer) + _STATE,
    "jit_told_runs": (_void, _pointer, _unsigned, _u64_list, _u64_list, _size),
    "jit_told_hook_start": (_void, _pointer),
    "jit_told_hook_end": (_void, _pointer, _int),
}

SONAME = "libjithooks.so.1"
NULL = _c.cast(_text, 0)


def _candidates():
    """Where the library may be, best first."""
    chosen = os.environ.get("JITHOOKS_LIBRARY")
    if chosen:
        yield chosen
        return
    above = os.path.dirname(os.path.abspath(__file__))
    for _ in range(3):
        above = os.path.dirname(above)
    # The build tree's, then LIBDIR's with the adapters in LIBDIR/jitscope.
    for folder in (above, os.path.dirname(above)):
        path = os.path.join(folder, SONAME)
        if os.path.exists(path):
            yield path
    yield SONAME


def _load():
    error = None
    for path in _candidates():
        try:
            return path, _c.load_library(path, _c.RTLD_NOW)
        except OSError as e:
            error = error or e
    raise ImportError("cannot load %s: %s" % (SONAME, error))


def _names(function):
    """The enumerators that a *_name() function knows, by name."""
    numbers = {}
    while True:
        name = function(len(numbers))
        if not name:
            return numbers
        numbers[_c.string(name).decode()] = len(numbers)


class Library:
    """The functions of libjithooks as attributes, without their jit_."""

    def __init__(self):
        self.path, library = _load()
        for name, (result, *arguments) in _FUNCTIONS.items():
            kind = _c.new_function_type(tuple(arguments), result, False)
            try:
                function = library.load_function(kind, name)
            except (AttributeError, KeyError):
                raise ImportError("%s has no %s: it is not of this version"
                                  % (self.path, name)) from None
            setattr(self, name[len("jit_"):], function)
        self.counters = _names(self.counter_name)
        self.types = _names(self.type_name)
